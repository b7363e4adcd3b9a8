"""Blockings for all products of a program: many products are divided among processes, one for each processor.

Products are searched for in parts of so many, whatever the number of processors, so that a program is the same wherever it was compiled.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from threading import Thread

from hwacc.compiler.emit import chooser
from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.planner import EFFORT_FOR_ALL, Choice, Plan, Tell, choose, plan_as
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError

TOGETHER = 100
"""Products of a part: a process of its own would not pay for fewer."""
MOST_PROCESSES = 8
"""Each takes some 60 MB."""
Part = tuple[Sequence[ContractionSpec], int]
"""Products, and the effort for them."""
Choices = list[Choice | ModelError]
Answers = SimpleQueue[tuple[int, Choices | ModelError]]
"""The number of a part, and what was chosen for it."""


def plan_all(
    specs: Sequence[ContractionSpec],
    config: ArrayConfig,
    effort: int = EFFORT_FOR_ALL,
    tell: Tell | None = None,
    chosen: Mapping[ContractionSpec, Blocking] | None = None,
) -> list[Plan | ModelError]:
    """A plan for each, or why there is none; arguments as of :func:`choose_all`."""
    plans: list[Plan | ModelError] = []
    for spec, found in zip(specs, choose_all(specs, config, effort, tell, chosen)):
        plans.append(found if isinstance(found, ModelError) else found[1] or plan_as(spec, config, found[0]))
    return plans


def choose_all(
    specs: Sequence[ContractionSpec],
    config: ArrayConfig,
    effort: int = EFFORT_FOR_ALL,
    tell: Tell | None = None,
    chosen: Mapping[ContractionSpec, Blocking] | None = None,
) -> Choices:
    """A choice for each, or why there is none. Those that differ in the values of their epilogues alone share a search.

    ``tell`` hears what is searched for. Nothing is where ``chosen`` has a blocking, by :attr:`ContractionSpec.without_values`.
    """
    chosen = chosen or {}
    open_ones: dict[ContractionSpec, ContractionSpec] = {}
    for spec in specs:
        if spec.without_values not in chosen:
            open_ones.setdefault(spec.without_values, spec)
    found = dict(zip(open_ones, _choose_in_parts(list(open_ones.values()), config, effort, tell or (lambda spec: None))))
    choices: Choices = []
    for spec in specs:
        key = spec.without_values
        choice = found[key] if key in found else (chosen[key], None)
        if not isinstance(choice, ModelError) and spec != open_ones.get(key):
            choice = choice[0], None
        choices.append(choice)
    return choices


def _choose_in_parts(specs: list[ContractionSpec], config: ArrayConfig, effort: int, tell: Tell) -> Choices:
    """A choice for each of ``specs``, each part by a process of its own if there are several, and several processors."""
    divided = [specs[first : first + TOGETHER] for first in range(0, len(specs), TOGETHER)]
    parts = [(part, effort * len(part) // len(specs)) for part in divided]
    count = min(len(parts), processors(), MOST_PROCESSES)
    if count > 1:
        found = _choose_in_processes(parts, config, tell, count)
    else:
        found = [choose(part, config, its_effort, tell) for part, its_effort in parts]
    return [choice for choices in found for choice in choices]


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _choose_in_processes(parts: Sequence[Part], config: ArrayConfig, tell: Tell, count: int) -> list[Choices]:
    """A choice for each product of each part, by ``count`` processes; raises :class:`ModelError` if one ends before its work."""
    command = [sys.executable, "-m", chooser.__name__]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    answers: Answers = SimpleQueue()
    found: dict[int, Choices] = {}
    try:
        for first, process in enumerate(processes):
            numbers = range(first, len(parts), count)
            Thread(target=_collect, args=(process, config, {number: parts[number] for number in numbers}, answers), daemon=True).start()
        while len(found) < len(parts):
            number, choices = answers.get()
            if isinstance(choices, ModelError):
                raise choices
            for spec in parts[number][0]:
                tell(spec)
            found[number] = choices
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [found[number] for number in range(len(parts))]


def _collect(process: subprocess.Popen[bytes], config: ArrayConfig, parts: Mapping[int, Part], answers: Answers) -> None:
    """Gives a process its parts, and puts what it chooses into ``answers``."""
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin as request:
            pickle.dump((config, list(parts.values())), request)
        for number in parts:
            answers.put((number, pickle.load(process.stdout)))
    except (OSError, EOFError, pickle.UnpicklingError):
        answers.put((-1, ModelError("a process that plans products ended before its work; is there memory enough?")))
