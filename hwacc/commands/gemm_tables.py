"""Tables of ``hwacc bench gemm``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from hwacc import isa
from hwacc.commands.console import new_table, percent, say, show_table
from hwacc.commands.gemm_bench import Result

SHAPE = "M×K×N"


def show_results(results: Sequence[Result]) -> None:
    """Prints what was measured, and under it where the cycles went."""
    show_table(_measurements(results))
    say("  Where the cycles went: each is charged to one cause, docs/isa.md says when.")
    show_table(_accounts(results))


def _measurements(results: Sequence[Result]) -> Table:
    numbers = ("cycles", "limit", "of limit", "of peak", "bytes read", "bytes written", "mismatches")
    table = new_table(SHAPE, *numbers, right=numbers)
    for result in results:
        table.add_row(
            shape(result),
            f"{result.cycles:,}",
            f"{result.limit_cycles:,}",
            percent(result.of_limit, 1),
            percent(result.utilisation, 1),
            f"{result.bytes_read:,}",
            f"{result.bytes_written:,}",
            f"{result.mismatches:,}",
        )
    return table


def _accounts(results: Sequence[Result]) -> Table:
    """Two lines for each result: cycles and percent of each cause."""
    headings = {cause.name: cause.name.replace("_", "\n") for cause in isa.CAUSES}
    table = new_table(SHAPE, *headings.values(), right=tuple(headings.values()))
    for result in results:
        cells = (f"{result.stalls[name]:,}\n[dim]{percent(result.stalls[name], result.cycles)}[/dim]" for name in headings)
        table.add_row(shape(result), *cells)
    return table


def shape(result: Result) -> str:
    """``64×37×1021``."""
    return f"{result.m}×{result.k}×{result.n}"
