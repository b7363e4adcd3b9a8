"""Where files are written first: never over what is no file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hwacc.commands.files import require_writable, write_text
from hwacc.errors import HwaccError
from hwacc.files import beside


def test_a_file_is_written_beside_its_place_first(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    for name in ("new", "old"):
        assert beside(tmp_path / name) == tmp_path / f"{name}.partial"


def test_a_device_or_a_pipe_is_written_in_place() -> None:
    reader, writer = os.pipe()
    try:
        for path in (Path("/dev/null"), Path(f"/dev/fd/{writer}")):
            assert beside(path) == path
    finally:
        os.close(reader)
        os.close(writer)


def test_a_pipe_gets_the_text_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "text")
        assert os.read(reader, 10) == b"text" and pipe.is_fifo()
    finally:
        os.close(reader)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_place_that_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    require_writable(tmp_path / "new")
    for path, words in ((tmp_path, "Is a directory"), (tmp_path / "none" / "x", "No such file or directory")):
        with pytest.raises(HwaccError, match=re.escape(f"{path}: cannot be written: {words}")):
            require_writable(path)


def test_a_link_stays_a_link_and_its_target_gets_the_text(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in ("one", "two"):
        write_text(link, text)
        assert link.is_symlink() and target.read_text() == text
