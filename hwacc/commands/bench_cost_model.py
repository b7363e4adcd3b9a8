"""``hwacc bench cost-model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hwacc.commands.console import answer_json, new_table, progress, say, show_table
from hwacc.commands.options import ConfigChoice, config_options, json_option
from hwacc.errors import HwaccError

if TYPE_CHECKING:
    from hwacc.commands.cost_model import Comparison

DEFAULT_MOST_CYCLES = 50_000


@click.command("cost-model")
@click.option("--random", "count", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="How many contractions.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of their sizes and operands.")
@click.option(
    "--most-cycles",
    type=click.IntRange(1),
    default=DEFAULT_MOST_CYCLES,
    show_default=True,
    metavar="N",
    help="Only products whose bound is no higher.",
)
@click.option("--worst", type=click.IntRange(0), default=10, show_default=True, metavar="N", help="How many to list.")
@json_option
@config_options
def cost_model(count: int, seed: int, most_cycles: int, worst: int, as_json: bool, config: ConfigChoice) -> None:
    """Hold the planner's estimate of cycles against the simulated RTL, on random matrix products and convolutions.

    The estimate is the one by which the planner chooses; memory has the latency that it assumes. Outputs are int8 and int32, operands
    either way round; every result is checked. An error is the distance of the estimate from the measured cycles, as a share of these.

    \b
    Examples:
      hwacc bench cost-model
      hwacc bench cost-model --random 40 --seed 7 --rows 8 --cols 8 --json
    """
    from hwacc.commands.cost_model import compare, random_specs, summary

    chosen = config.resolve()
    specs = random_specs(count, seed, chosen, most_cycles)
    with progress() as report:
        results = sorted(compare(specs, chosen, seed, report, report.detail), key=lambda each: -abs(each.error))
    found = summary(results)
    if as_json:
        answer_json({**found, "config": chosen.to_dict(), "seed": seed, "results": [each.to_dict() for each in results]})
    else:
        if worst:
            _show(results[:worst])
        median, p95 = (f"{100 * found[name]:.2f} %" for name in ("median_error", "p95_error"))
        say(f"{count} contractions, seed {seed}: median error {median}, 95th percentile {p95}")
    wrong = sum(each.mismatches for each in results)
    if wrong:
        raise HwaccError(f"{wrong} elements differ from the reference; seed {seed} repeats it")


def _show(results: list[Comparison]) -> None:
    table = new_table("contraction", "out", "estimate", "cycles", "error", right=("estimate", "cycles", "error"))
    for each in results:
        table.add_row(each.shape, each.out, f"{each.estimate:,}", f"{each.cycles:,}", f"{100 * each.error:+.2f} %")
    show_table(table)
