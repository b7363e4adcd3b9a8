"""``hwacc bench heatmap``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

from hwacc.commands import bench_heatmap, heatmap, heatmap_plot
from hwacc.commands.bench_heatmap import RANGE_POINTS, Sizes
from hwacc.commands.heatmap import Point, Setup
from hwacc.config import TINY, ArrayConfig
from hwacc.limits import limit_cycles
from tests.cli.command import complaint, hwacc

CONFIG = ("--rows", 4, "--cols", 4, "--spm-bytes", 16384, "--acc-bytes", 4096, "--channels", 64)
SHAPES = ("--k", "5,20", "--m", "1,7,16", "--n", "3,8")
ASKED = [(m, k, n) for k in (5, 20) for m in (1, 7, 16) for n in (3, 8)]


def points(text: str) -> dict[tuple[int, int, int], dict[str, Any]]:
    """The points of a heatmap's JSON, by M, K, N."""
    return {(row["m"], row["k"], row["n"]): row for row in json.loads(text)["points"]}


def test_the_numbers_hold_every_shape_with_its_bound_and_its_account() -> None:
    answer = hwacc("bench", "heatmap", *SHAPES, *CONFIG, "--out", "i32", "--json").stdout
    found = points(answer)
    assert list(found) == ASKED
    for shape, row in found.items():
        assert row["limit_cycles"] == limit_cycles(*shape, 4, TINY)
        assert row["of_limit"] == row["limit_cycles"] / row["cycles"] < 1
        assert sum(row["stalls"].values()) == row["cycles"] and row["mismatches"] == 0
    assert ArrayConfig.from_dict(json.loads(answer)["config"]) == TINY


def test_the_same_shapes_take_the_cycles_that_bench_gemm_says() -> None:
    row = json.loads(hwacc("bench", "gemm", "--shapes", "7x20x8", *CONFIG, "--json").stdout)["results"][0]
    found = points(hwacc("bench", "heatmap", "--k", 20, "--m", 7, "--n", 8, *CONFIG, "--json").stdout)
    assert found[7, 20, 8]["cycles"] == row["cycles"]


def test_it_draws_a_picture_and_names_the_worst_shape(tmp_path: Path) -> None:
    picture, data = tmp_path / "map.png", tmp_path / "map.json"
    outcome = hwacc("bench", "heatmap", *SHAPES, *CONFIG, "--output", picture, "--json", data)
    assert outcome.code == 0 and picture.read_bytes().startswith(b"\x89PNG")
    found = points(data.read_text())
    for k in (5, 20):
        worst = min((row for row in found.values() if row["k"] == k), key=lambda row: row["of_limit"])
        assert f"{100 * worst['of_limit']:.1f} %" in outcome.stdout
        assert f"{worst['m']}×{worst['n']} " in outcome.stdout


def test_the_picture_shows_what_was_measured(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")

    def pixels(shares: dict[tuple[int, int], int]) -> Any:
        found = heatmap.Heatmap(
            Setup(TINY, "i8", 32, False, ""), {(m, 8, n): Point(m, 8, n, 100, share) for (m, n), share in shares.items()}
        )
        heatmap_plot.draw(found, [1, 2], [8], [3, 4], tmp_path / "map.png")
        return image.imread(tmp_path / "map.png")

    some = {(1, 3): 10, (1, 4): 40, (2, 3): 70}
    first = pixels(some)
    assert (first == pixels(dict(reversed(some.items())))).all(), "the order of measuring does not matter"
    for changed in ({**some, (2, 3): 95}, {**some, (2, 4): 70}, {(1, 4): 10, (1, 3): 40, (2, 3): 70}):
        other = pixels(changed)
        assert other.shape != first.shape or (other != first).any(), changed


def test_an_estimate_is_the_planners_and_needs_no_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap, "measure", None)
    answer = json.loads(hwacc("bench", "heatmap", *SHAPES, *CONFIG, "--estimate", "--json").stdout)
    assert answer["estimate"] is True and answer["memory_latency"] is None
    assert [(row["m"], row["k"], row["n"]) for row in answer["points"]] == ASKED
    assert all(row["cycles"] > row["limit_cycles"] and row["stalls"] == {} for row in answer["points"])


def test_what_was_measured_survives_an_interruption_and_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "map.json"
    arguments = ("bench", "heatmap", *SHAPES, *CONFIG, "--json", data, "--resume")
    real, asked = heatmap.survey, []

    def interrupted(setup: Setup, shapes: list[Any], *rest: Any) -> Iterator[Point]:
        asked.append(len(shapes))
        for number, point in enumerate(real(setup, shapes, *rest)):
            if number == 5:
                raise KeyboardInterrupt
            yield point

    monkeypatch.setattr(heatmap, "survey", interrupted)
    outcome = hwacc(*arguments)
    assert outcome.code == 130 and "stopped after 5 of 12 shapes; what was measured is kept" in outcome.stderr
    assert list(points(data.read_text())) == ASKED[:5]
    hwacc(*arguments)
    outcome = hwacc(*arguments)
    assert outcome.code == 0 and "10 of 12 shapes are there already" in outcome.stderr
    assert asked == [12, 7, 2]
    monkeypatch.setattr(heatmap, "survey", real)
    assert points(data.read_text()) == points(hwacc("bench", "heatmap", *SHAPES, *CONFIG, "--json").stdout)


def test_numbers_of_another_setup_are_not_resumed(tmp_path: Path) -> None:
    data = tmp_path / "map.json"
    arguments = ("bench", "heatmap", "--k", 5, "--m", 2, "--n", 3, *CONFIG, "--estimate", "--json", data, "--resume")
    assert hwacc(*arguments, "--out", "i8").code == 0
    assert complaint(*arguments, "--out", "i32") == f"{data}: measured with another out; give another file or leave out --resume"
    data.write_text("[]")
    assert complaint(*arguments) == f"{data}: not a heatmap that can be resumed; give another file or leave out --resume"


def test_elements_that_are_wrong_are_told_and_the_numbers_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(setup: Setup, shapes: list[Any], *rest: Any) -> Iterator[Point]:
        yield from (Point(m, k, n, 100, 10, 2) for m, k, n in shapes)

    monkeypatch.setattr(heatmap, "survey", wrong)
    outcome = hwacc("bench", "heatmap", *SHAPES, *CONFIG, "--json", tmp_path / "map.json")
    assert outcome.code == 1 and len(points((tmp_path / "map.json").read_text())) == 12
    assert outcome.stderr.splitlines()[-1] == "hwacc: error: 24 elements differ from the reference; seed 0 repeats it"


def test_a_missing_matplotlib_names_what_to_install_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap_plot, "find_spec", lambda name: None)
    monkeypatch.setattr(heatmap, "survey", None)
    assert complaint("bench", "heatmap") == "drawing needs matplotlib: pip install 'hwacc[plot]', or give --json alone"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap, "survey", None)
    folder = tmp_path / "none"
    assert (
        complaint("bench", "heatmap", "--output", folder / "a.png") == f"{folder / 'a.png'}: there is no folder {folder}; give another file"
    )
    assert complaint("bench", "heatmap", "--json", folder / "a.json").endswith("give another file")
    assert "end its name with .png or .svg or .pdf" in complaint("bench", "heatmap", "--output", tmp_path / "a.txt")


@pytest.mark.parametrize(("text", "sizes"), [("7", [7]), ("16,1,33", [1, 16, 33]), ("4..4", [4]), ("1..4", [1, 2, 3, 4])])
def test_sizes_are_a_list_or_a_range(text: str, sizes: list[int]) -> None:
    assert Sizes().convert(text, None, None) == sizes


def test_a_range_is_evenly_spaced_by_ratio_and_has_both_ends() -> None:
    sizes = Sizes().convert("10..10000", None, None)
    ratios = [later / earlier for earlier, later in pairwise(sizes)]
    assert (sizes[0], sizes[-1], len(sizes)) == (10, 10000, RANGE_POINTS)
    assert max(ratios) / min(ratios) < 1.05


@pytest.mark.parametrize("text", ["", "0", "1,,2", "a..9", "9..1", "-3", "1...5"])
def test_sizes_that_are_none_are_a_usage_error(text: str) -> None:
    with pytest.raises(click.UsageError):
        Sizes().convert(text, None, None)
    assert hwacc("bench", "heatmap", f"--m={text}").code == 2


def test_options_that_contradict_each_other_are_a_usage_error() -> None:
    for arguments in (("--estimate", "--memory-latency", 3), ("--resume",), ("--json", "--resume")):
        assert hwacc("bench", "heatmap", *arguments).code == 2
    assert bench_heatmap.heatmap.name == "heatmap"
