"""Measures what the tables of ``docs/performance.md`` show, into the files of ``benchmarks/``: ``make bench``.

Cycles are deterministic, so the files are the same wherever they are made, until the hardware or the planner changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hwacc.commands.console import progress
from hwacc.commands.cost_model import compare, random_specs
from hwacc.commands.gemm_bench import Report, Result, Shape, measure
from hwacc.commands.network_bench import measure as measure_network
from hwacc.commands.survey import random_shapes
from hwacc.config import ArrayConfig
from hwacc.performance import COST_MODEL, GEMM, NETWORKS, SURVEY

SEED = 0
SHAPES: tuple[Shape, ...] = (
    (16, 16, 16),
    (32, 32, 32),
    (64, 64, 64),
    (128, 128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (1000, 37, 1021),
    (1, 512, 512),
    (197, 768, 768),
    (49, 576, 160),
    (784, 1152, 128),
)


@dataclass(frozen=True)
class Run:
    """One way to measure every shape; ``out`` and ``memory_latency`` as ``hwacc bench gemm`` has them."""

    out: str = "i32"
    memory_latency: int = 32
    config: ArrayConfig = field(default_factory=ArrayConfig)


RUNS: dict[str, Run] = {
    "int32": Run(),
    "int8": Run(out="i8"),
    "latency 100": Run(memory_latency=100),
    "8 bytes a cycle": Run(config=ArrayConfig(bus_bytes=8)),
}

SURVEYS = {"int32": Run(), "int8": Run(out="i8")}
COMPARED, COMPARED_SEED = 200, 1
"""Random contractions for which the planner's cycles are held against the RTL's."""
MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
SURVEYED, MOST_CYCLES = 100, 50_000
"""Random products in each survey, and the bound that none of them exceeds."""


def results(run: Run, shapes: Sequence[Shape], report: Report) -> list[Result]:
    """Measures ``shapes``."""
    return list(measure(shapes, run.out, run.config, seed=SEED, memory_latency=run.memory_latency, report=report))


def main() -> None:
    """Measures everything and writes the files; a line of them for each product."""
    GEMM.parent.mkdir(exist_ok=True)
    with progress() as report:
        GEMM.write_text(_text({name: _entry(run, results(run, SHAPES, report)) for name, run in RUNS.items()}))
        surveys = {name: _entry(run, results(run, surveyed(run), report)) for name, run in SURVEYS.items()}
        SURVEY.write_text(_text(surveys))
        COST_MODEL.write_text(_text({"default": cost_model_entry(COMPARED, report)}))
        NETWORKS.write_text(_text({"default": networks_entry(sorted(MODELS.glob("*.tflite")), report)}))


def cost_model_entry(count: int, report: Report) -> dict[str, Any]:
    """The first ``count`` random contractions, each with the planner's cycles and the RTL's."""
    config = ArrayConfig()
    found = compare(random_specs(count, COMPARED_SEED, config, MOST_CYCLES), config, COMPARED_SEED, report, report)
    return {"config": config.to_dict(), "seed": COMPARED_SEED, "results": [asdict(each) for each in found]}


def networks_entry(models: Sequence[Path], report: Report) -> dict[str, Any]:
    """The models, each with the cycles of its tasks and their bounds."""
    run = Run()
    found = [measure_network(model, run.config, SEED, run.memory_latency, report) for model in models]
    results = [{name: value for name, value in each.to_dict().items() if not isinstance(value, float)} for each in found]
    return {"config": run.config.to_dict(), "memory_latency": run.memory_latency, "seed": SEED, "results": results}


def surveyed(run: Run) -> list[Shape]:
    """The random products of a survey."""
    return random_shapes(SURVEYED, SEED, run.out, run.config, MOST_CYCLES)


def _entry(run: Run, measured: Sequence[Result]) -> dict[str, Any]:
    """One run with what was counted; shares follow from that."""
    return {
        "config": run.config.to_dict(),
        "out": run.out,
        "memory_latency": run.memory_latency,
        "seed": SEED,
        "results": [{name: value for name, value in result.to_dict().items() if not isinstance(value, float)} for result in measured],
    }


def _text(runs: dict[str, dict[str, Any]]) -> str:
    blocks = []
    for name, run in runs.items():
        head = json.dumps({key: value for key, value in run.items() if key != "results"})[:-1]
        lines = ",\n".join(f"  {json.dumps(result)}" for result in run["results"])
        blocks.append(f'{json.dumps(name)}: {head}, "results": [\n{lines}\n]}}')
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    main()
