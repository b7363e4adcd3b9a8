"""``hwacc bench heatmap``."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from hwacc.commands.console import new_table, note, percent, progress, say, show_table
from hwacc.commands.files import write_text
from hwacc.commands.options import ConfigChoice, config_options, memory_latency_option
from hwacc.errors import HwaccError

if TYPE_CHECKING:
    from hwacc.commands.gemm_bench import Shape
    from hwacc.commands.heatmap import Heatmap

SIZES = "1,4,8,13,16,17,24,32,33,49,64,96,100,128"
"""Around the array's size and its multiples, where tiles are cut; and sizes that fit nothing."""
RANGE_POINTS = 12
STDOUT = "-"
DEFAULT_PICTURE = Path("heatmap.png")


class Sizes(click.ParamType):
    """``1,16,33``, or ``1..128``: as many sizes as :data:`RANGE_POINTS`, evenly spaced by ratio."""

    name = "sizes"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> list[int]:
        """The sizes in rising order; a usage error names the part that is no size."""
        text = str(value)
        first, dots, last = text.partition("..")
        parts = [first, last] if dots else text.split(",")
        for part in parts:
            if not part.strip().isdecimal() or int(part) == 0:
                self.fail(f"{text!r} is neither a list such as 1,16,33 nor a range such as 1..128", parameter, context)
        sizes = [int(part) for part in parts]
        if dots:
            if sizes[0] > sizes[1]:
                self.fail(f"{text!r} is an empty range; write the smaller size first", parameter, context)
            ratio = sizes[1] / sizes[0]
            sizes = [round(sizes[0] * ratio ** (i / (RANGE_POINTS - 1))) for i in range(RANGE_POINTS)]
        return sorted(set(sizes))


@click.command("heatmap")
@click.option("--k", type=Sizes(), default="64,256", show_default=True, metavar="SIZES", help="K: one panel for each.")
@click.option("--m", type=Sizes(), default=SIZES, show_default=True, metavar="SIZES", help="M: rows of the picture.")
@click.option("--n", type=Sizes(), default=SIZES, show_default=True, metavar="SIZES", help="N: columns of the picture.")
@click.option("--out", type=click.Choice(["i8", "i32"]), default="i8", show_default=True, help="Requantised results, or raw ones.")
@click.option("--estimate", is_flag=True, help="Take the planner's estimate instead of running the RTL.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the operands.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE.png", help="The picture.  [default: heatmap.png, unless --json is given]"
)
@click.option("--json", "data", is_flag=False, flag_value=STDOUT, metavar="FILE.json", help="The numbers; without FILE, to stdout.")
@click.option("--resume", is_flag=True, help="Go on from what the JSON file holds.")
@memory_latency_option
@config_options
def heatmap(
    k: list[int],
    m: list[int],
    n: list[int],
    out: str,
    estimate: bool,
    seed: int,
    output: Path | None,
    data: str | None,
    resume: bool,
    memory_latency: int | None,
    config: ConfigChoice,
) -> None:
    """Draw, for each K, how much of the bound products of all M and N reach: bound / cycles, so that a weak spot is seen.

    SIZES are a list, such as 1,16,33, or a range such as 1..128, which means sizes evenly spaced by ratio. Cycles are measured on
    the simulated RTL and every result is checked; what was measured is kept when Ctrl-C ends it, and --resume goes on from there.

    \b
    Examples:
      hwacc bench heatmap
      hwacc bench heatmap --k 64,256 --m 1..128 --n 1..128 --out i32 --output i32.png --json i32.json
      hwacc bench heatmap --k 1024 --m 1..2048 --n 1..2048 --estimate
    """
    from hwacc.commands.heatmap import Heatmap, Setup, load, sources
    from hwacc.driver.transports.sim import DEFAULT_MEMORY_LATENCY

    if estimate and memory_latency is not None:
        raise click.UsageError("--estimate knows one memory latency only; leave out --memory-latency or --estimate")
    if resume and data in (None, STDOUT):
        raise click.UsageError("--resume needs the file to go on from: give --json FILE.json")
    files = _Files(output or (None if data else DEFAULT_PICTURE), data)
    latency = None if estimate else DEFAULT_MEMORY_LATENCY if memory_latency is None else memory_latency
    setup = Setup(config.resolve(), out, latency, estimate, sources())
    found = load(Path(data), setup) if resume and data else Heatmap(setup)
    try:
        _measure(found, [(rows, depth, columns) for depth in k for rows in m for columns in n], seed)
    finally:
        if found.points:
            files.write(found, m, k, n)
    wrong = sum(point.mismatches for point in found.points.values())
    if wrong:
        raise HwaccError(f"{wrong} elements differ from the reference; seed {seed} repeats it")


def _measure(found: Heatmap, wanted: list[Shape], seed: int) -> None:
    """Adds the points of ``wanted`` that are not there yet."""
    from hwacc.commands.heatmap import survey

    missing = [shape for shape in wanted if shape not in found.points]
    total = len(found.points) + len(missing)
    if found.points:
        note(f"hwacc: {len(found.points)} of {total} shapes are there already")
    with progress() as report:
        try:
            for point in survey(found.setup, missing, seed, report, lambda line: report.detail(f"{len(found.points)} of {total}: {line}")):
                found.points[point.m, point.k, point.n] = point
        except KeyboardInterrupt:
            note(f"hwacc: stopped after {len(found.points)} of {total} shapes; what was measured is kept")
            raise


class _Files:
    """Where the answer goes; checked before anything is measured."""

    def __init__(self, picture: Path | None, data: str | None) -> None:
        from hwacc.commands import heatmap_plot

        self._picture = picture
        self._to_stdout = data == STDOUT
        self._data = Path(data) if data and not self._to_stdout else None
        if picture:
            heatmap_plot.require(picture)
        for path in (picture, self._data):
            if path is not None and not path.parent.is_dir():
                raise HwaccError(f"{path}: there is no folder {path.parent}; give another file")

    def write(self, found: Heatmap, m: list[int], k: list[int], n: list[int]) -> None:
        """The picture, the numbers, and, unless the numbers go to stdout, a summary."""
        from hwacc.commands import heatmap_plot

        if self._to_stdout:
            say(found.to_json().rstrip())
        else:
            _summary(found, m, k, n)
        if self._data:
            write_text(self._data, found.to_json())
            note(f"hwacc: wrote {self._data}")
        if self._picture:
            heatmap_plot.draw(found, m, k, n, self._picture)
            note(f"hwacc: wrote {self._picture}")


def _summary(found: Heatmap, m: list[int], k: list[int], n: list[int]) -> None:
    """For each K: how much of the bound is reached, where least, and where most cycles are lost, with their main cause."""
    from hwacc.commands.heatmap import Point, longest, worst

    def place(point: Point) -> str:
        return f"{point.m}×{point.n} {point.main_stall}"

    numbers = ("K", "shapes", "median of limit", "least", "most above limit")
    table = new_table(*numbers[:4], "at M×N, mainly", numbers[4], "at M×N, mainly ", right=numbers)
    for depth in k:
        points = found.slice(depth, m, n)
        if points:
            low, far = worst(points), longest(points)
            shares = (percent(median(point.of_limit for point in points), 1), percent(low.of_limit, 1))
            table.add_row(str(depth), str(len(points)), *shares, place(low), f"{far.excess:,}", place(far))
    show_table(table)
