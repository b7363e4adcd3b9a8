"""Proves everything and prints a table: ``python -m tests.formal.run``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hwacc.config import TINY
from hwacc.rtl.top import Accelerator
from tests.formal.paths import Netlist, waiting_valids
from tests.formal.proofs import GROUPS, deep, planted
from tests.formal.prove import Outcome, Proof, prove
from tests.formal.streams import census

TRACES = Path("build/formal")
STREAM_LENGTH, DEEP_STREAM_LENGTH = 3, 4


def main() -> int:
    """Runs the proofs; 1 if one fails."""
    parser = argparse.ArgumentParser(description="Formal proofs of the hardware.")
    parser.add_argument("--deep", action="store_true", help="also the proofs that take minutes")
    parser.add_argument("--only", metavar="WORDS", default="", help="only the proofs whose name or module contains these words")
    options = parser.parse_args()
    TRACES.mkdir(parents=True, exist_ok=True)
    report = Report()
    groups = {name: make() for name, make in GROUPS.items()} | ({"deep": deep()} if options.deep else {})
    for group, proofs in groups.items():
        for proof in proofs:
            if options.only in f"{proof.name} {proof.module}":
                report.add_proof(group, prove(proof, traces=TRACES))
    if not report.claims:
        parser.error(f"no proof's name or module contains {options.only!r}")
    if not options.only:
        report.add_paths()
        report.add_streams(DEEP_STREAM_LENGTH if options.deep else STREAM_LENGTH)
        report.add_planted()
    return report.print()


class Report:
    """The table, a row as each result comes."""

    def __init__(self) -> None:
        self.table = Table("property", "module", "method", "result", title="Formal proofs", box=None, pad_edge=False)
        self.table.add_column("seconds", justify="right")
        self.progress = Console(stderr=True, highlight=False)
        self.failures: list[str] = []
        self.claims = 0

    def add(self, name: str, module: str, method: str, wrong: list[str], seconds: float) -> None:
        """A row; ``wrong`` says what does not hold."""
        self.add_row(name, module, method, "FAILS" if wrong else "proved", seconds)
        self.failures += [f"{name}: {sentence}" for sentence in wrong]

    def add_row(self, name: str, module: str, method: str, result: str, seconds: float) -> None:
        """A row, and a line of progress."""
        self.table.add_row(name, module, method, result, f"{seconds:.1f}")
        self.progress.print(f"{result} {name}", style="dim")

    def add_proof(self, group: str, outcome: Outcome) -> None:
        """A proof's row."""
        proof: Proof = outcome.proof
        self.claims += len(outcome.sentences)
        name = f"{group}: {proof.name} ({len(outcome.sentences)} claims)"
        self.add(name, proof.module, proof.method, list(outcome.failures), outcome.seconds)

    def add_paths(self) -> None:
        """No ``valid`` follows a ``ready``, on the whole machine."""
        started = time.monotonic()
        found = waiting_valids(Netlist(Accelerator(TINY)))
        wrong = [f"{name} follows {', '.join(sorted(ready))}" for name, ready in found.items() if ready]
        self.add("bus: no valid waits for a ready", "top", "netlist, every path", wrong, time.monotonic() - started)

    def add_streams(self, length: int) -> None:
        """Every short stream on the model of the queues."""
        started = time.monotonic()
        found = [census(count, depth) for count in range(1, length + 1) for depth in (1, 2)]
        wrong = [f"the verifier accepts {stream}, which deadlocks" for each in found for stream in each.wrong]
        name = f"tokens: none of {sum(each.accepted for each in found)} streams that the verifier accepts deadlocks"
        self.add(name, "hwacc.ordering", f"all of up to {length} descriptors", wrong, time.monotonic() - started)

    def add_planted(self) -> None:
        """The proofs can fail."""
        for each in planted():
            outcome = prove(each.proof)
            wrong = [] if any(each.sentence in failure for failure in outcome.failures) else [f"not refuted: {each.sentence}"]
            self.add_row(f"planted: {each.fault}", each.proof.module, "must fail", "MISSED" if wrong else "refuted", outcome.seconds)
            self.failures += [f"planted fault, {each.fault}: {sentence}" for sentence in wrong]

    def print(self) -> int:
        """The table, then what fails; the exit status."""
        console = Console(width=None if sys.stdout.isatty() else 150)
        console.print(self.table)
        for failure in self.failures:
            console.print(f"FAILS {failure}", highlight=False)
        console.print(f"{self.claims} claims, {len(self.failures)} failures", highlight=False)
        return bool(self.failures)


if __name__ == "__main__":
    sys.exit(main())
