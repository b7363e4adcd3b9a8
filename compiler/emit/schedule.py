"""Operations with their dependencies, turned into a descriptor stream.

Whoever builds a schedule says which earlier operations an operation needs.
From that follow the tokens, and an estimate of when each operation starts;
sorted by that time, the stream gives every engine its work in time although
the queues in front of the engines are short. Because an operation starts after
those that it needs, executing the stream one descriptor after the other is
also right, whatever the length of the queues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from hwacc import isa
from hwacc.compiler.emit import cost
from hwacc.compiler.emit.access import shortened
from hwacc.compiler.emit.folding import folded
from hwacc.config import ArrayConfig
from hwacc.isa import Engine

Values = Callable[[], Mapping[str, int]]
"""Field values without tokens: asked for only if the schedule becomes a stream, for most are only tried."""


@dataclass(slots=True)
class Operation:
    """A descriptor without tokens, or a part of one.

    ``slot`` is the buffer that its address refers to; ``start`` and ``end`` are cycles. ``joins``: it is one more part of the
    descriptor before it of its engine.
    """

    op: isa.Op
    values: Values
    slot: int | None
    after: list[int]
    start: int
    end: int
    joins: bool


class Schedule:
    """Operations in the order in which each engine is to execute its own."""

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self.operations: list[Operation] = []
        self.descriptors = 0
        self.loads = 0
        self._free = dict.fromkeys((Engine.LOAD, Engine.COMPUTE, Engine.STORE), cost.START)
        self._fetch = cost.fetch_cycles(config)
        self._at_once = cost.FETCHED_FIRST // self._fetch
        self._settle = {(a, b): cost.settle_cycles(a, b, config) for a in self._free for b in self._free}

    @property
    def cycles(self) -> int:
        """Estimate for the whole, from the doorbell to the completion record."""
        return max(self._free.values()) + cost.END

    def free_at(self, engine: Engine) -> int:
        """The cycle in which it has done all that it has been given."""
        return self._free[engine]

    def add(
        self,
        op: isa.Op,
        values: Values,
        *,
        cycles: int,
        idle: int = 0,
        slot: int | None = None,
        after: Iterable[int | None] = (),
        joins: bool = False,
    ) -> int:
        """Appends an operation that needs the operations ``after``, and ``idle`` cycles more if its engine had to wait.

        ``joins``: it is one more part of the descriptor before it of its engine, and costs none. Returns its number.
        """
        engine, operations, needed = op.engine, self.operations, []
        start = self._free[engine]
        for number in after:
            if number is not None and operations[number].op is not op:
                needed.append(number)
                producer = operations[number]
                start = max(start, producer.end + self._settle[producer.op.engine, engine])
        end = start + cycles + (idle if start > self._free[engine] else 0)
        self._free[engine] = end
        if not joins:
            if self.descriptors >= self._at_once:
                self._free[Engine.LOAD] += self._fetch  # descriptors come through the same bus
            self.descriptors += 1
            self.loads += op is isa.LOAD
        operations.append(Operation(op, values, slot, needed, start, end, joins))
        return len(operations) - 1

    def finished(self) -> list[tuple[isa.Descriptor, int | None]]:
        """Descriptors with tokens, and their slots, in the order of the stream."""
        operations, groups = self.operations, self._groups()
        first_of = {number: numbers[0] for numbers, _ in groups for number in numbers}

        def place(numbers: Sequence[int]) -> tuple[int, int]:
            """When the first part starts, but after all that the others need.

            Of what starts together a LOAD is placed by its first part, because a COMPUTE may wait for that alone.
            """
            needed = {first_of[other] for number in numbers for other in operations[number].after}
            is_load = operations[numbers[0]].op is isa.LOAD
            return max(operations[number].start for number in (numbers[0], *needed)), numbers[0] if is_load else numbers[-1]

        ordered = sorted(groups, key=lambda group: place(group[0]))
        return [(_described(operations[numbers[0]].op, fields), operations[numbers[0]].slot) for numbers, fields in ordered]

    def _groups(self) -> list[tuple[list[int], dict[str, int]]]:
        """Each descriptor's fields, and the operations that are its parts."""
        operations, tokens, groups = self.operations, self._tokens(), []
        for op in (isa.LOAD, isa.COMPUTE, isa.STORE):
            numbers = [number for number, operation in enumerate(operations) if operation.op is op]
            left = iter(numbers)
            parts = [({**operations[number].values(), **tokens[number]}, operations[number].joins) for number in numbers]
            groups += [(list(islice(left, count)), fields) for count, fields in folded(op, parts)]
        return groups

    def _tokens(self) -> list[dict[str, int]]:
        """Token fields of each operation.

        Engines work in order, so an operation waits for the newest that it needs of each other engine, and not even for
        that if an earlier one of its engine did. Thus tokens are taken in the order in which they are pushed, and all are taken.
        """
        tokens: list[dict[str, int]] = [{} for _ in self.operations]
        newest: dict[tuple[Engine, Engine], int] = {}
        for number, operation in enumerate(self.operations):
            consumer = operation.op.engine
            for needed in sorted(operation.after, reverse=True):
                producer = self.operations[needed].op.engine
                if needed > newest.get((producer, consumer), -1):
                    newest[producer, consumer] = needed
                    tokens[number][f"wait_{producer.name.lower()}"] = 1
                    tokens[needed][f"signal_{consumer.name.lower()}"] = 1
        return tokens


def _described(op: isa.Op, fields: Mapping[str, int]) -> isa.Descriptor:
    return isa.describe(op, **(shortened(fields) if op is isa.LOAD else fields))
