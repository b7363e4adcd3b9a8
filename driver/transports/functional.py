"""A bit-exact model of the accelerator: executes descriptors with NumPy, counts no cycles.

What the three engines do to memory and to the on-chip buffers is in
:mod:`hwacc.driver.transports.functional_engines`; this file decides in which
order: as the hardware does, by the tokens between the engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.driver.transports import functional_engines as engines
from hwacc.driver.transports.functional_engines import Counts, Fault
from hwacc.errors import EncodingError
from hwacc.parts import parts

Bytes = NDArray[np.uint8]
_WORKERS = {isa.Engine.LOAD: engines.load, isa.Engine.COMPUTE: engines.compute, isa.Engine.STORE: engines.store}


@dataclass(frozen=True)
class Outcome:
    """How a submission ended: see :class:`hwacc.isa.Status`; ``engine`` and ``descriptor`` say where a fault was."""

    status: isa.Status
    engine: isa.Engine = isa.Engine.CONTROL
    descriptor: int = 0
    counts: Counts = field(default_factory=Counts)


class FunctionalModel:
    """An accelerator of ``config`` with its on-chip buffers, which keep their content from one submission to the next.

    ``state.west`` and ``state.north`` are uint8; ``state.accumulator`` int32 [words, cols]; ``state.parameters`` uint8.
    """

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self.state = engines.State(config)

    def execute(self, memory: Bytes, descriptors: Sequence[isa.Descriptor | bytes]) -> Outcome:
        """Executes one submission on ``memory``, whose byte 0 has address 0.

        ``descriptors`` may end with END; what follows it is not looked at. Never raises for what they hold: faults are
        in the outcome, and what was done before them stays.
        """
        dispatched, stop = _dispatch(descriptors)
        run = _Run(self.state, memory, dispatched)
        while run.advance():
            pass
        return run.outcome(stop)


class _Queue:
    """Work for one engine: ``head`` is the index of the next descriptor and its next part; None if nothing is left."""

    def __init__(self, descriptors: Iterable[tuple[int, isa.Descriptor]]) -> None:
        self._parts = ((index, part) for index, descriptor in descriptors for part in parts(descriptor))
        self.head = next(self._parts, None)

    def pop(self) -> None:
        """Goes on to the next part."""
        self.head = next(self._parts, None)


class _Run:
    """One submission: the queues of the engines and the tokens between them."""

    def __init__(self, state: engines.State, memory: Bytes, descriptors: dict[isa.Engine, list[tuple[int, isa.Descriptor]]]) -> None:
        self.state = state
        self.memory = memory
        self.queues = {engine: _Queue(own) for engine, own in descriptors.items()}
        self.tokens: Counter[tuple[isa.Engine, isa.Engine]] = Counter()
        self.counts = Counts()
        self.fault: Outcome | None = None

    def advance(self) -> bool:
        """Lets each engine execute what is at the head of its queue, if it can; whether any did."""
        moved = False
        for engine, queue in self.queues.items():
            if queue.head is not None and self.fault is None and self._take_tokens(engine, queue.head[1]):
                self._execute(engine, *queue.head)
                queue.pop()
                moved = True
        return moved and self.fault is None

    def outcome(self, stop: Outcome | None) -> Outcome:
        """The end of the run; ``stop`` is a fault of the command processor, met after all else was done."""
        if self.fault is not None:
            return self.fault
        if stop is not None:
            return Outcome(stop.status, stop.engine, stop.descriptor, self.counts)
        stuck = [(queue.head[0], engine) for engine, queue in self.queues.items() if queue.head is not None]
        if stuck:
            index, engine = stuck[0]  # as the hardware looks: LOAD, then COMPUTE, then STORE
            return Outcome(isa.Status.DEADLOCK, engine, index, self.counts)
        return Outcome(isa.Status.OK, counts=self.counts)

    def _take_tokens(self, engine: isa.Engine, descriptor: isa.Descriptor) -> bool:
        needed = [(source, engine) for source in self.queues if descriptor[f"wait_{source.name.lower()}"]]
        if not all(self.tokens[pair] for pair in needed):
            return False
        self.tokens.subtract(needed)
        return True

    def _execute(self, engine: isa.Engine, index: int, descriptor: isa.Descriptor) -> None:
        try:
            self.counts.add(_WORKERS[engine](self.state, self.memory, descriptor))
        except Fault as fault:
            self.fault = Outcome(fault.status, engine, index, self.counts)
            return
        self.tokens.update((engine, sink) for sink in self.queues if descriptor[f"signal_{sink.name.lower()}"])


def _dispatch(
    descriptors: Sequence[isa.Descriptor | bytes],
) -> tuple[dict[isa.Engine, list[tuple[int, isa.Descriptor]]], Outcome | None]:
    queues: dict[isa.Engine, list[tuple[int, isa.Descriptor]]] = {engine: [] for engine in _WORKERS}
    for index, item in enumerate(descriptors):
        try:
            descriptor = isa.decode(item) if isinstance(item, bytes) else item
        except EncodingError:
            return queues, Outcome(isa.Status.BAD_OPCODE, isa.Engine.CONTROL, index)
        if descriptor.op is isa.END:
            break
        queues[descriptor.op.engine].append((index, descriptor))
    return queues, None
