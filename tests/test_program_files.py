"""Program files: what is written comes back, and what is damaged is refused in one line."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwacc.errors import ProgramError
from hwacc.program import load_program
from tests.coordinator.programs import diamond, scale_and_copy

Manifest = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.hwx"
    scale_and_copy().save(file)
    return file


def edit(path: Path, change: Callable[[Manifest], object]) -> None:
    """Changes the manifest and leaves the other members alone."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(manifest) if name == "manifest.json" else content)


def test_a_program_comes_back_as_it_was(path: Path) -> None:
    program, written = load_program(path), scale_and_copy()
    assert (program.name, program.config, program.buffers, program.tasks) == (
        written.name,
        written.config,
        written.buffers,
        written.tasks,
    )
    np.testing.assert_array_equal(program.constants[1], written.constants[1])


def test_the_quantisation_of_a_buffer_comes_back_and_older_files_have_none(path: Path) -> None:
    assert load_program(path).buffers[0].quantisation is None
    edit(path, lambda m: m["buffers"][0].update(quantisation=[0.5, -3]))
    assert load_program(path).buffers[0].quantisation == (0.5, -3)
    edit(path, lambda m: m["buffers"][0].pop("quantisation"))
    assert load_program(path).buffers[0].quantisation is None


def test_unknown_sizes_come_back_and_older_files_have_none(path: Path) -> None:
    assert load_program(path).is_static and load_program(path).tasks[0].extent == ()
    edit(path, lambda m: [m["buffers"][i].update(shape=[-1, 16]) for i in (0, 2, 3)])
    edit(path, lambda m: m["tasks"][0].update(extent=[-1, 16]))
    program = load_program(path)
    assert not program.is_static and program.buffers[2].shape == (-1, 16) and program.tasks[0].extent == (-1, 16)
    with pytest.raises(ProgramError, match=r"the size of picture \(\?x16\) is not known before the program gets its inputs"):
        assert program.buffers[0].size
    edit(path, lambda m: [task.pop("extent") for task in m["tasks"]])
    assert load_program(path).tasks[0].extent == ()


def test_places_in_the_arena_come_back_and_older_files_have_none(tmp_path: Path) -> None:
    program = diamond().with_arena()
    offsets = [buffer.offset for buffer in program.buffers]
    assert offsets == [None, 0, 192, 384, 576, None, None] and program.arena_size == 768
    program.save(tmp_path / "x.hwx")
    assert load_program(tmp_path / "x.hwx").buffers == program.buffers
    edit(tmp_path / "x.hwx", lambda m: [buffer.pop("offset") for buffer in m["buffers"]])
    assert load_program(tmp_path / "x.hwx").arena_size == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b[0].update(offset=0), "buffer buffer 0 has a place in the arena, which is for intermediates of known size"),
        (lambda b: b[1].update(offset=65), "buffer buffer 1 lies at 65, which is no multiple of 64"),
        (lambda b: b[1].update(offset=-64), "buffer buffer 1 lies at -64, which is no multiple of 64"),
        (lambda b: b[1].update(offset="here"), "invalid literal"),
        (lambda b: b[3].update(offset=b[2]["offset"]), "buffers buffer 2 and buffer 3 share memory, and no task says which comes first"),
    ],
)
def test_a_place_in_the_arena_that_cannot_be_is_refused(tmp_path: Path, change: Callable[[Any], object], words: str) -> None:
    diamond().with_arena().save(tmp_path / "x.hwx")
    edit(tmp_path / "x.hwx", lambda m: change(m["buffers"]))
    with pytest.raises(ProgramError, match=words):
        load_program(tmp_path / "x.hwx")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["buffers"][0].update(quantisation=[0.5]), "list index out of range"),
        (lambda m: m.update(format=9), "program format 9, this is 1"),
        (lambda m: m.pop("tasks"), "'tasks'"),
        (lambda m: m["buffers"][2].update(role="spare"), "buffer scaled has role 'spare'"),
        (lambda m: m["buffers"][2].update(shape=[-3, 16]), r"buffer scaled has shape \(-3, 16\), and no input tells -3"),
        (lambda m: m["buffers"][2].update(dtype="int9"), "int9"),
        (lambda m: m["buffers"][1].update(shape=[17]), "cannot reshape"),
        (lambda m: m["tasks"][0].update(kind="magic"), "task scale has kind 'magic'"),
        (lambda m: m["tasks"][0].update(reads=[0, 4]), "task scale uses buffer 4 of 4"),
        (lambda m: m["tasks"][1]["implementations"][0].update(buffers=[2, -1]), "task copy uses buffer -1 of 4"),
        (lambda m: m["tasks"][1]["implementations"][0].update(backend="gpu"), "There is no item named 'code/1.gpu'"),
        (lambda m: m["config"].update(rows=3), "rows must be a power of two"),
        (lambda m: m.update(buffers={"a": 1}), "not a program, or damaged"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(path: Path, change: Callable[[Manifest], object], words: str) -> None:
    edit(path, change)
    with pytest.raises(ProgramError, match=words) as caught:
        load_program(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_random_damage_is_refused_or_harmless(path: Path) -> None:
    seed = 31
    generator, whole = random.Random(seed), path.read_bytes()
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        path.write_bytes(data[: generator.choice([len(data), generator.randrange(len(data))])])
        try:
            load_program(path)
        except ProgramError:
            refused += 1
    assert refused > 300, f"seed {seed}"
