"""``hwacc bench compile``."""

from __future__ import annotations

import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from hwacc.commands.console import answer_json, progress, say
from hwacc.commands.options import ConfigChoice, config_options, json_option
from hwacc.config import ArrayConfig

LARGEST = 256
"""Of the sizes of a product."""


@click.command("compile")
@click.option("--products", "count", type=click.IntRange(1, 100_000), default=1000, show_default=True, metavar="N", help="How many.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of their sizes.")
@json_option
@config_options
def compiling(count: int, seed: int, as_json: bool, config: ConfigChoice) -> None:
    """Say how long it takes to compile a module of N matrix products, no two of one size: MLIR text in, a program out.

    int8 by int8 to int32, sizes from 1 to 256. Seconds of the processor, which do not count what else the machine does, and of the clock.

    \b
    Examples:
      hwacc bench compile
      hwacc bench compile --products 100 --json
    """
    with progress() as report:
        report(f"compiling {count} products")
        found = measure(count, seed, config.resolve())
    if as_json:
        answer_json(found)
        return
    say("{products} products, {on_array} tasks on the array: {cpu_seconds:.1f} s of a processor, {seconds:.1f} s".format(**found))


def measure(count: int, seed: int, config: ArrayConfig) -> dict[str, Any]:
    """Compiles such a module; what it took, the interpreter's start included."""
    from hwacc.compiler.pipeline import compile_model

    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        path = Path(folder) / "products.mlir"
        path.write_text(module_text(random_sizes(count, seed)))
        before, start = _processor_seconds(), time.perf_counter()
        program = compile_model(path, config)
        seconds, cpu_seconds = time.perf_counter() - start, _processor_seconds() - before
    on_array = sum(code.backend == "hwacc" for task in program.tasks for code in task.implementations)
    return {
        "products": count,
        "seed": seed,
        "on_array": on_array,
        "cpu_seconds": cpu_seconds,
        "seconds": seconds,
        "config": config.to_dict(),
    }


def random_sizes(count: int, seed: int) -> list[tuple[int, int, int]]:
    """M, K and N of ``count`` products, no two alike."""
    rng, found = random.Random(seed), dict[tuple[int, int, int], None]()
    while len(found) < count:
        found[rng.randint(1, LARGEST), rng.randint(1, LARGEST), rng.randint(1, LARGEST)] = None
    return list(found)


def module_text(sizes: list[tuple[int, int, int]]) -> str:
    """A function with two arguments and a result for each M×K×N, in linalg."""
    arguments = [f"%a{i}: tensor<{m}x{k}xi8>, %b{i}: tensor<{k}x{n}xi8>" for i, (m, k, n) in enumerate(sizes)]
    results = [f"tensor<{m}x{n}xi32>" for m, _, n in sizes]
    lines = [f"func.func @main({', '.join(arguments)}) -> ({', '.join(results)}) {{"]
    for i, (m, k, n) in enumerate(sizes):
        operands = f"ins(%a{i}, %b{i} : tensor<{m}x{k}xi8>, tensor<{k}x{n}xi8>) outs(%zero{i} : {results[i]})"
        lines.append(f"  %zero{i} = arith.constant dense<0> : {results[i]}")
        lines.append(f"  %sum{i} = linalg.matmul {operands} -> {results[i]}")
    return "\n".join([*lines, f"  return {', '.join(f'%sum{i}' for i in range(len(sizes)))} : {', '.join(results)}", "}", ""])


def _processor_seconds() -> float:
    """Of this process and those that it waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
