"""Random streams on the reference, the model and the RTL for as long as you like: ``python -m tests.fuzz.run --time 60 --seed 1``.

It says every minute how far it is; interrupted, it ends after the case at hand. A case that fails is made small and saved;
``--replay FILE`` runs a saved one again.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hwacc.errors import HwaccError, StreamError
from hwacc.verifier import verify
from tests.fuzz.case import Case
from tests.fuzz.cases import CONFIGS, random_case, random_invalid_case
from tests.fuzz.machines import defined_memory, ending, open_model, open_sim, problem
from tests.fuzz.shrink import shrink
from tests.fuzz.tokens import accepted

SHRINK_SECONDS = 180
"""After as many the smallest case so far is good enough."""
TELL_SECONDS = 60
"""Between two lines about how far it is."""
INVALID_SHARE = 0.3
"""Of the cases: those that begin with an invalid stream."""


def problem_of_invalid(case: Case) -> str | None:
    """Runs a case whose first stream was made invalid, or wild at least; what is wrong, or None.

    The verifier says in one line what it has against that stream, or else the stream ends well and as the reference says.
    """
    assert case.intruder is not None
    alone = Case(case.config, (case.intruder,), case.contents, case.surroundings)
    if accepted(case.intruder, case.config):
        if defined_memory(alone) is not None:
            return problem(alone)
        return _fault_of_accepted(alone) or problem(case)
    return _bad_refusal(alone) or problem(case)


def _bad_refusal(case: Case) -> str | None:
    try:
        verify(case.streams[0], case.config)
    except StreamError as error:
        text = str(error)
        return None if text.startswith("descriptor ") and "\n" not in text else f"the verifier does not name the descriptor: {text!r}"
    return "the verifier changed its mind"


def _fault_of_accepted(case: Case) -> str | None:
    """What the verifier accepts ends well, even where its result depends on what the ISA leaves open."""
    for opened in (open_model, open_sim):
        with opened(case) as device:
            _, words = ending(device, case.streams[0], case.contents)
            if words:
                return f"{device.name}: {words}, which the verifier accepts"
    return None


def draw(name: str, seed: int) -> tuple[Case, str]:
    """The case of ``seed``, and what kind of case it is."""
    if random.Random(seed).random() < INVALID_SHARE:
        case, change = random_invalid_case(CONFIGS[name], seed)
        return case, f"invalid: {change}"
    return random_case(CONFIGS[name], seed), "valid"


def check(case: Case) -> str | None:
    """What is wrong with a case of any kind, in words, or None."""
    try:
        return problem(case) if case.intruder is None else problem_of_invalid(case)
    except HwaccError as error:
        return str(error)


def _without_intruder(case: Case) -> Iterator[Case]:
    """The cases into which one with an invalid stream falls."""
    if case.intruder is not None:
        yield replace(case, intruder=None)
        if accepted(case.intruder, case.config):
            yield Case(case.config, (case.intruder,), case.contents, case.surroundings)


def report(case: Case, path: Path) -> str:
    """Saves a failing case, then a smaller one in its place; says where it is, what it holds and how to run it again."""
    case = next((simpler for simpler in _without_intruder(case) if check(simpler) is not None), case)
    case.save(path)
    deadline = time.monotonic() + SHRINK_SECONDS
    culprit = next((name for name in ("model", "sim") if case.intruder is None and problem(case, name) is not None), None)

    def fails(candidate: Case) -> bool:
        if time.monotonic() > deadline:
            return False
        return (check(candidate) if culprit is None else problem(candidate, culprit)) is not None

    small = shrink(case, fails)
    small.save(path)
    count = sum(len(stream.descriptors) for stream in small.streams)
    return f"{small.text()}\n{check(small)}\n{count} descriptors saved; to run them again: python -m tests.fuzz.run --replay {path}"


def main() -> int:
    """The command; 1 if a case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="random streams on the reference, the model and the RTL")
    parser.add_argument("--time", type=float, default=60, help="seconds")
    parser.add_argument("--seed", type=int, default=None, help="first seed; default: drawn and printed")
    parser.add_argument("--cases", type=int, default=None, help="cases, at most")
    parser.add_argument("--config", choices=[*CONFIGS, "all"], default="all", help="which array; all: in turn")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for failing cases")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run a saved case, and nothing else")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        return _replay(arguments.replay)
    arguments.output.mkdir(parents=True, exist_ok=True)  # a failing case must not be lost
    first = random.SystemRandom().randrange(1 << 31) if arguments.seed is None else arguments.seed
    names = list(CONFIGS) if arguments.config == "all" else [arguments.config]
    sys.stderr.write(f"first seed {first}, configuration {arguments.config}\n")
    return _run(names, first, arguments.time, arguments.cases, arguments.output)


def _run(names: list[str], first: int, seconds: float, most: int | None, folder: Path) -> int:
    deadline, seed, done, told = time.monotonic() + seconds, first, Counter[str](), time.monotonic()
    asked = _asked_to_stop()
    while time.monotonic() < deadline and not asked and (most is None or seed < first + most):
        if time.monotonic() > told + TELL_SECONDS:
            told = time.monotonic()
            sys.stderr.write(f"{seed - first} cases, the next seed is {seed}\n")
        name = names[(seed - first) % len(names)]
        case, kind = draw(name, seed)
        found = check(case)
        if found is not None:
            path = folder / f"fuzz-{name}-{seed}.npz"
            sys.stdout.write(f"seed {seed} on {name}, {kind}: {found}\n")
            sys.stdout.flush()
            sys.stdout.write(f"{report(case, path)}\nunshrunk: --config {name} --seed {seed} --cases 1\n")
            return 1
        done[kind.split(":")[0]] += 1
        seed += 1
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(done.items()))
    sys.stdout.write(f"{seed - first} cases ({counts}), seeds {first} to {seed - 1}: reference, model and RTL agree\n")
    return 0


def _asked_to_stop() -> list[int]:
    """A list that is empty until the process is interrupted or terminated: it then ends after the case at hand."""
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: asked.append(number))
    return asked


def _replay(path: Path) -> int:
    case = Case.load(path)
    found = check(case)
    sys.stdout.write(f"{case.text()}\n{'it passes' if found is None else found}\n")
    return 0 if found is None else 1


if __name__ == "__main__":
    sys.exit(main())
