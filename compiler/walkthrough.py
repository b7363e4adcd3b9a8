"""The IR of ``docs/compiler.md``: one matrix product at every stage, as the compiler really makes it.

The page is text with marked places, ``<!-- ir: NAME -->`` up to ``<!-- end -->``;
what stands between is made here from ``examples/gemm.mlir``, and, where several tasks are wanted, from ``examples/chain.mlir``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from hwacc.compiler.compilation import TO_BUFFERS, TO_TASKS, lower_to_machine
from hwacc.compiler.context import new_context, parse_module
from hwacc.compiler.dialects.page import fenced
from hwacc.compiler.emit.array_to_machine import machine_of
from hwacc.compiler.emit.bufferise_tasks import MAIN
from hwacc.compiler.emit.tasks import ProgramBuilder
from hwacc.compiler.opt import PASSES
from hwacc.compiler.pipeline import llvm_listing, task_listing
from hwacc.compiler.textual_pipeline import read_pipeline
from hwacc.compiler.transforms.passes import functions_of, run_passes
from hwacc.config import ArrayConfig

SOURCE = "examples/gemm.mlir"
EXAMPLE = Path(__file__).resolve().parent.parent / SOURCE
CHAIN = EXAMPLE.with_name("chain.mlir")
PLACE = re.compile(r"(<!-- ir: ([\w-]+) -->).*?(<!-- end -->)", re.DOTALL)
MACHINE_OP = re.compile(r'^\s*"(hwacc\.\w+)"\(')

LLVM_LINES = 40
"""Lines of CPU code on the page."""

TASKS = ",".join(step if isinstance(step, str) else step.name for step in TO_TASKS)
PIPELINES = {
    "normalised": "normalise-contractions,canonicalize",
    "folded": "normalise-contractions,fold-zero-points,canonicalize",
    "fused": "normalise-contractions,fold-zero-points,fuse-bias,fuse-residual,fuse-rescale,fuse-clamp,dense-to-gemm,canonicalize,cse",
    "tasks": TASKS,
    "panels": f"{TASKS},choose-panels",
    "buffers": f"{TASKS},choose-panels,bufferise-tasks",
}
"""What each stage before the machine is made with, from the source on."""


def filled(page: str) -> str:
    """The page with its IR made anew; raises KeyError for a place that nothing fills."""
    made = blocks()
    return PLACE.sub(lambda place: f"{place[1]}\n\n{made[place[2]]}\n\n{place[3]}", page)


def blocks() -> dict[str, str]:
    """The Markdown for each place."""
    source = EXAMPLE.read_text()
    found = {"source": fenced(source)}
    for name, pipeline in PIPELINES.items():
        command = f"hwacc opt {SOURCE} --pass-pipeline='builtin.module({pipeline})'"
        found[name] = f"```\n{command}\n```\n\n{fenced(optimised(source, pipeline))}"
    return {**found, "reused": fenced(main_of(CHAIN.read_text(), f"{TASKS},bufferise-tasks,reuse-buffers")), **code_blocks(source)}


def optimised(source: str, pipeline: str) -> str:
    """``source`` after a textual pipeline."""
    from mlir import ir

    with new_context(), ir.Location.unknown():
        module = parse_module(source, SOURCE)
        run_passes(module, read_pipeline(pipeline, PASSES))
        return str(module)


def main_of(source: str, pipeline: str) -> str:
    """The function main of ``source`` after a textual pipeline."""
    from mlir import ir

    with new_context(), ir.Location.unknown():
        module = parse_module(source, SOURCE)
        run_passes(module, read_pipeline(pipeline, PASSES))
        return str(functions_of(module.operation)[MAIN])


def code_blocks(source: str) -> dict[str, str]:
    """The places for what is made of the task: machine-level IR, its stream, and CPU code."""
    from mlir import ir

    with new_context(), ir.Location.unknown():
        module = parse_module(source, SOURCE)
        run_passes(module, TO_TASKS)
        lower_to_machine(module, ArrayConfig())
        run_passes(module, TO_BUFFERS)
        program = ProgramBuilder(ArrayConfig(), ("hwacc", "cpu"), None).build(module, "gemm")
        lines = str(machine_of(module.operation)).splitlines()
    return {
        "machine": fenced("\n".join(one_of_each(lines))),
        "stream": "```\n" + "\n".join(task_listing(program)) + "\n```",
        "llvm": fenced("\n".join(llvm_listing(program)[1].splitlines()[:LLVM_LINES]) + "\n    …"),
    }


def one_of_each(lines: Iterable[str]) -> list[str]:
    """Machine-level IR with only the first operation of each kind; how many others there are in its place."""
    shown: list[str] = []
    seen: set[str] = set()
    left_out = 0
    for line in lines:
        found = MACHINE_OP.match(line)
        if found and found[1] in seen:
            left_out += 1
            continue
        if left_out:
            shown.append(f"    // … {left_out} more")
            left_out = 0
        seen |= {found[1]} if found else set()
        shown.append(line)
    return shown
