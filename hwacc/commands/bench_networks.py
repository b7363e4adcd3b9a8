"""``hwacc bench networks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwacc.commands.console import answer_json, new_table, progress, say, show_table
from hwacc.commands.options import ConfigChoice, config_options, json_option, memory_latency_option
from hwacc.errors import HwaccError

if TYPE_CHECKING:
    from hwacc.commands.network_bench import Network


@click.command("networks")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL...")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the inputs.")
@memory_latency_option
@json_option
@config_options
def networks(models: tuple[Path, ...], seed: int, memory_latency: int | None, as_json: bool, config: ConfigChoice) -> None:
    """Hold the cycles that whole models take on the array against the sum of their tasks' bounds.

    Each MODEL runs on the simulated RTL on one random input; its outputs are compared with those of the CPU alone. The cycles of a
    task are those of a submission of its own; those of the model count tasks in a row as the one submission that they are. Exits with
    1 if outputs differ.

    \b
    Examples:
      hwacc bench networks examples/models/*.tflite
      hwacc bench networks model.onnx --rows 8 --cols 8 --memory-latency 100 --json
    """
    from hwacc.commands.network_bench import measure
    from hwacc.driver.transports.sim import DEFAULT_MEMORY_LATENCY

    chosen, latency = config.resolve(), DEFAULT_MEMORY_LATENCY if memory_latency is None else memory_latency
    with progress() as report:
        found = [measure(path, chosen, seed, latency, report) for path in models]
    if as_json:
        rows = [each.to_dict() for each in found]
        answer_json({"config": chosen.to_dict(), "memory_latency": latency, "seed": seed, "results": rows})
    else:
        for each in found:
            _show(each)
    wrong = [each.model for each in found if each.mismatches]
    if wrong:
        raise HwaccError(f"outputs of {', '.join(wrong)} differ from those of the CPU; seed {seed} repeats it")


def _show(network: Network) -> None:
    numbers = ("cycles", "limit", "of limit")
    table = new_table("task", "M×K×N", *numbers, right=numbers)
    for task in network.tasks:
        table.add_row(task.name, task.shape, f"{task.cycles:,}", f"{task.limit_cycles:,}", f"{task.cycles / task.limit_cycles:.3f} ×")
    show_table(table)
    ratio = f", {network.ratio:.3f} × the {network.limit_cycles:,} of all limits" if network.limit_cycles else ""
    say(f"{network.model}: {network.cycles:,} cycles in {network.submissions} submissions{ratio}")
    if network.host:
        say(f"  tasks on the CPU: {', '.join(f'{count} {kind}' for kind, count in network.host.items())}")
    say()
