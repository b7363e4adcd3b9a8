"""``hwacc bench survey``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hwacc.commands.console import answer_json, new_table, percent, progress, say, show_table
from hwacc.commands.options import ConfigChoice, config_options, json_option, memory_latency_option
from hwacc.errors import HwaccError

if TYPE_CHECKING:
    from hwacc.commands.heatmap import Point


@click.command("survey")
@click.option("--random", "count", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="How many products.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of their sizes and operands.")
@click.option("--out", type=click.Choice(["i8", "i32"]), default="i8", show_default=True, help="Requantised results, or raw ones.")
@click.option("--estimate", is_flag=True, help="Take the planner's estimate instead of running the RTL.")
@click.option("--most-cycles", type=click.IntRange(1), metavar="N", help="Only products whose bound is no higher.")
@click.option("--worst", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="How many to list.")
@memory_latency_option
@json_option
@config_options
def survey(
    count: int,
    seed: int,
    out: str,
    estimate: bool,
    most_cycles: int | None,
    worst: int,
    memory_latency: int | None,
    as_json: bool,
    config: ConfigChoice,
) -> None:
    """Hold random products of all sizes against the bound, and list the worst.

    M, K and N are spread evenly by ratio from 1 to 2000; a part have one of them tiny, or lie beside multiples of the array's side.
    Cycles are measured on the simulated RTL and every result is checked.

    \b
    Examples:
      hwacc bench survey --random 300 --estimate
      hwacc bench survey --random 40 --seed 7 --most-cycles 100000 --out i32
    """
    from hwacc.commands import heatmap
    from hwacc.commands.survey import GOALS, random_shapes, worst_first
    from hwacc.driver.transports.sim import DEFAULT_MEMORY_LATENCY

    if estimate and memory_latency is not None:
        raise click.UsageError("--estimate knows one memory latency only; leave out --memory-latency or --estimate")
    latency = None if estimate else DEFAULT_MEMORY_LATENCY if memory_latency is None else memory_latency
    setup = heatmap.Setup(config.resolve(), out, latency, estimate, heatmap.sources())
    shapes = random_shapes(count, seed, out, setup.config, most_cycles)
    with progress() as report:
        points = worst_first(list(heatmap.survey(setup, shapes, seed, report, report.detail)))
    if as_json:
        rows = [{**point.to_dict(), **{goal.name: goal.reached(point) for goal in GOALS}} for point in points]
        answer_json({**setup.to_dict(), "seed": seed, "results": rows})
    else:
        if worst:
            _show(points[:worst])
        for goal in GOALS:
            reached = sum(goal.reached(point) for point in points)
            say(f"{goal.share:g} × limit + {goal.more} cycles: {reached} of {count} ({percent(reached, count)})")
    wrong = sum(point.mismatches for point in points)
    if wrong:
        raise HwaccError(f"{wrong} elements differ from the reference; seed {seed} repeats it")


def _show(points: list[Point]) -> None:
    from hwacc.commands.survey import GOALS

    numbers = ("M", "K", "N", "cycles", "limit", "above limit", "of limit")
    table = new_table(*numbers, *(goal.name for goal in GOALS), "mainly", right=numbers)
    for point in points:
        reached = ("yes" if goal.reached(point) else "no" for goal in GOALS)
        cycles = (f"{value:,}" for value in (point.cycles, point.limit_cycles, point.excess))
        table.add_row(str(point.m), str(point.k), str(point.n), *cycles, percent(point.of_limit, 1), *reached, point.main_stall)
    show_table(table)
