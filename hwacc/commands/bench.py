"""``hwacc bench``: measures the hardware and the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hwacc.commands.bench_compile import compiling
from hwacc.commands.bench_cost_model import cost_model
from hwacc.commands.bench_heatmap import heatmap
from hwacc.commands.bench_networks import networks
from hwacc.commands.bench_survey import survey
from hwacc.commands.console import answer_json, new_table, progress, say, show_table
from hwacc.commands.options import ARRAYS, ConfigChoice, array_option, config_options, json_option, memory_latency_option
from hwacc.errors import HwaccError

DEFAULT_SECONDS = 3.0


class Shapes(click.ParamType):
    """``64x64x64,1000x37x1021``: a list of M×K×N."""

    name = "shapes"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> list[tuple[int, int, int]]:
        """The list; a usage error names the part that is no shape."""
        shapes = []
        for text in str(value).split(","):
            parts = text.strip().lower().replace("×", "x").split("x")
            if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
                self.fail(f"{text!r} is not a shape such as 64x37x1021 (M×K×N)", parameter, context)
            shapes.append((int(parts[0]), int(parts[1]), int(parts[2])))
        return shapes


@click.group("bench")
def command() -> None:
    """Measure the hardware and the simulator.

    \b
    Examples:
      hwacc bench gemm --shapes 512x512x512 --out i8
      hwacc bench heatmap --k 64,256 --out i32 --output heatmap.png
      hwacc bench survey --random 300 --estimate
      hwacc bench cost-model --random 40
      hwacc bench networks examples/models/*.tflite
      hwacc bench simulator --json
      hwacc bench compile --products 1000
    """


command.add_command(heatmap)
command.add_command(survey)
command.add_command(cost_model)
command.add_command(compiling)
command.add_command(networks)


@command.command("gemm")
@click.option("--shapes", type=Shapes(), default="64x64x64,512x512x512", show_default=True, metavar="MxKxN,…", help="What to multiply.")
@click.option("--out", type=click.Choice(["i8", "i32"]), default="i8", show_default=True, help="Requantised results, or raw ones.")
@click.option("--any-size", is_flag=True, help="With the streams of models whose sizes are known only at run time, not with plans.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the operands.")
@click.option("--trace", type=click.Path(path_type=Path), metavar="FILE.fst", help="Write a waveform.")
@memory_latency_option
@array_option
@json_option
@config_options
def gemm(
    shapes: list[tuple[int, int, int]],
    out: str,
    any_size: bool,
    seed: int,
    trace: Path | None,
    memory_latency: int | None,
    array: str | None,
    as_json: bool,
    config: ConfigChoice,
) -> None:
    """Multiply int8 matrices on the simulated RTL, check every element, and count cycles from doorbell to completion.

    The cycles stand beside the least that any array of this size could take, and the cycle account says where each went. Exits with 1
    if a result differs from the reference.

    \b
    Examples:
      hwacc bench gemm --shapes 64x64x64,1000x37x1021 --out i8
      hwacc bench gemm --shapes 256x256x256 --out i32 --memory-latency 100 --rows 8 --cols 8 --json
    """
    from hwacc.commands.any_size import any_size_stream
    from hwacc.commands.gemm_bench import measure
    from hwacc.commands.gemm_tables import show_results
    from hwacc.compiler.emit.gemm import gemm_stream
    from hwacc.driver.transports.sim import DEFAULT_MEMORY_LATENCY
    from hwacc.sim.step import Array

    chosen = config.resolve()
    latency = DEFAULT_MEMORY_LATENCY if memory_latency is None else memory_latency
    used = Array.chosen(array, waveform=trace is not None).value
    what: dict[str, Any] = {"seed": seed, "memory_latency": latency, "make_stream": any_size_stream if any_size else gemm_stream}
    with progress() as report:
        results = list(measure(shapes, out, chosen, **what, trace=trace, array=used, report=report))
    if as_json:
        rows = [result.to_dict() for result in results]
        answer_json({"config": chosen.to_dict(), "out": out, "memory_latency": latency, "seed": seed, "array": used, "results": rows})
    else:
        show_results(results)
        say(f"array, feeders, buffers: {ARRAYS[used]}")
    wrong = sum(result.mismatches for result in results)
    if wrong:
        raise HwaccError(f"{wrong} elements differ from the reference; seed {seed} repeats it")


@command.command("simulator")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=DEFAULT_SECONDS, show_default=True, help="How long to measure, at least."
)
@array_option
@json_option
@config_options
def simulator(seconds: float, array: str | None, as_json: bool, config: ConfigChoice) -> None:
    """Say how many clock cycles a second the simulator steps while the array is busy, on one core.

    Whole accelerator and memory. The last result is compared with the reference; a difference is an error.

    \b
    Examples:
      hwacc bench simulator
      hwacc bench simulator --array rtl --json
      hwacc bench simulator --rows 8 --cols 8 --json
    """
    from hwacc.commands.gemm_bench import simulation_speed
    from hwacc.sim.step import Array

    used = Array.chosen(array, waveform=False).value
    chosen = config.resolve()
    with progress() as report:
        speed = simulation_speed(chosen, seconds, used, report)
    row = {"rows": chosen.rows, "cols": chosen.cols, "array": used, "cycles_per_second": round(speed)}
    if as_json:
        answer_json(row)
    else:
        _show([row])


def _show(rows: list[dict[str, Any]]) -> None:
    table = new_table(*rows[0], right=tuple(rows[0]))
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else f"{value}" for value in row.values()))
    show_table(table)
