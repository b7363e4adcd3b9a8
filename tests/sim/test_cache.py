"""The cache of built simulators."""

import threading
import time
from pathlib import Path

import pytest

from hwacc.sim import cache
from hwacc.sim.progress import silent


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HWACC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_folder_is_named_by_the_environment(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.folder() == own_cache
    monkeypatch.delenv("HWACC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "hwacc"
    assert cache.folder().is_dir()


def test_the_digest_knows_where_a_part_ends() -> None:
    assert cache.digest(["ab", "c"]) != cache.digest(["a", "bc"])
    assert cache.digest(["ab", "c"]) == cache.digest(["ab", b"c"])


def test_the_digest_of_files_sees_names_and_contents(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("x")
    before = cache.digest_files([one])
    one.rename(other)
    assert cache.digest_files([other]) != before
    other.write_text("y")
    assert cache.digest_files([other]) != before


def test_a_thing_is_made_once(own_cache: Path) -> None:
    made = []

    def make(folder: Path) -> Path:
        made.append(folder)
        (folder / "thing").write_text("content")
        return folder / "thing"

    assert cache.obtain("thing-1", make, silent) == cache.obtain("thing-1", make, silent) == own_cache / "thing-1"
    assert (own_cache / "thing-1").read_text() == "content"
    assert len(made) == 1
    assert not made[0].exists(), "the scratch folder is gone"


def test_a_failure_leaves_nothing_and_the_next_try_succeeds(own_cache: Path) -> None:
    def fail(folder: Path) -> Path:
        (folder / "half").write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match=r"^broken$"):
        cache.obtain("thing", fail, silent)
    assert [path.name for path in own_cache.iterdir()] == ["thing.lock"]

    def make(folder: Path) -> Path:
        (folder / "whole").write_text("whole")
        return folder / "whole"

    assert cache.obtain("thing", make, silent).read_text() == "whole"


def test_two_at_once_build_once_and_the_second_says_that_it_waits() -> None:
    made: list[Path] = []
    lines: list[str] = []
    begun = threading.Event()

    def make(folder: Path) -> Path:
        begun.set()
        time.sleep(0.2)
        made.append(folder)
        (folder / "thing").touch()
        return folder / "thing"

    first = threading.Thread(target=cache.obtain, args=("shared", make, silent))
    first.start()
    assert begun.wait(10)
    found = cache.obtain("shared", make, lines.append)
    first.join()
    assert found.exists()
    assert len(made) == 1
    assert lines == ["simulator: another process is building this; waiting for it"]
