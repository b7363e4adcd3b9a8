"""Steps of a random stream: descriptors without tokens, in the order in which their effects are meant to happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.compiler.emit.schedule import Schedule
from hwacc.config import ArrayConfig
from hwacc.footprint import MEMORY, Access, Moment, accesses, apart, column_tiles, comb, result_words
from hwacc.isa import Engine
from hwacc.stream import Slot, Stream
from tests.fuzz.fit import fitted

RECORDS, GENTLE, DATA, WORK, SCRATCH = range(5)
"""Slots: parameter records; bytes that are valid shifts wherever they land; random bytes; what STOREs write and
LOADs read again; what the STOREs write that the order needs."""


@dataclass(frozen=True)
class Step:
    """A descriptor, the slot of its address, and the cycles that the schedule is told it takes: these shuffle the engines."""

    descriptor: isa.Descriptor
    slot: int | None
    cycles: int


def slots(config: ArrayConfig) -> tuple[Slot, ...]:
    """The buffers of every random stream."""
    whole = max(config.operand_bytes, config.acc_bytes, config.parameter_buffer_bytes)
    sizes = {"records": config.parameter_buffer_bytes, "gentle": 512, "data": whole + 64, "work": 4096, "scratch": 64}
    return tuple(Slot(name, size) for name, size in sizes.items())


def contents(config: ArrayConfig, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """What the buffers hold at first."""
    found = [rng.integers(0, 256, slot.size, dtype=np.uint8) for slot in slots(config)]
    found[RECORDS][4::8] = rng.integers(2, 63, config.channels)
    found[GENTLE][:] = rng.integers(2, 63, found[GENTLE].size)
    return found


def may_touch(descriptor: isa.Descriptor, config: ArrayConfig) -> list[Access]:
    """What it touches, whether a LOAD signals in between or not: that may be changed later, and with it the cuts that are aligned."""
    if descriptor.op is not isa.LOAD:
        return accesses(descriptor, config)
    return [access for each in (0, 1) for access in accesses(descriptor.replace(signal_each=each), config)]


def build(config: ArrayConfig, steps: Sequence[Step]) -> Stream:
    """The stream of ``steps``: each depends on every earlier one that it must not overtake, see :class:`_Order`."""
    order = _Order(config)
    for step in steps:
        order.add(step)
    finished = order.schedule.finished()
    return fitted(config, Stream(config.hash, slots(config), tuple(d for d, _ in finished), tuple(slot for _, slot in finished)))


class _Order:
    """Finds dependencies by footprints.

    COMPUTE's token for LOAD says that the operands were read, not that the accumulator is done with. Where LOAD must wait
    for that, it waits for a STORE that waited for COMPUTE; there is one put in if the stream has none.
    """

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self.schedule = Schedule(config)
        self._touched: list[tuple[Engine, int | None, list[Access]]] = []
        self._descriptors: list[isa.Descriptor] = []
        self._drained: dict[int, int] = {}

    def add(self, step: Step) -> int:
        """Appends a step; returns its number in the schedule."""
        touched = may_touch(step.descriptor, self.config)
        after = [self._over(step, number, access) for number, access in self._conflicts(step, touched)]
        values = {name: value for name, value in step.descriptor.values.items() if name not in isa.DERIVED}
        own = {field.name for field in step.descriptor.op.own_fields}
        values = {name: value for name, value in values.items() if name in own}
        number = self.schedule.add(step.descriptor.op, lambda: values, cycles=step.cycles, slot=step.slot, after=set(after))
        self._touched.append((step.descriptor.op.engine, step.slot, touched))
        self._descriptors.append(step.descriptor)
        return number

    def _conflicts(self, step: Step, touched: list[Access]) -> list[tuple[int, Access]]:
        found = []
        for number, (engine, slot, others) in enumerate(self._touched):
            if engine is not step.descriptor.op.engine:
                for other in others:
                    meeting = [mine for mine in touched if mine.meets(other) and (mine.space != MEMORY or slot == step.slot)]
                    if not all(self._pass(step.descriptor, mine, number, other) for mine in meeting):
                        found.append((number, other))
        return found

    def _pass(self, descriptor: isa.Descriptor, mine: Access, number: int, other: Access) -> bool:
        """Whether two accesses are to different columns of a panel in the accumulator: so nothing orders them."""
        theirs = self._descriptors[number]
        if mine.space != isa.Target.ACCUMULATOR or isa.LOAD in (descriptor.op, theirs.op):
            return False
        return apart(comb(descriptor, mine, self.config), comb(theirs, other, self.config))

    def _over(self, step: Step, number: int, access: Access) -> int:
        """The operation to wait for so that ``access`` of operation ``number`` is over."""
        from_compute = self.schedule.operations[number].op is isa.COMPUTE
        if step.descriptor.op is not isa.LOAD or not from_compute or access.moment is Moment.READ:
            return number
        if number not in self._drained:
            self._drained[number] = self._drain(number)
        return self._drained[number]

    def _drain(self, compute: int) -> int:
        for number in range(compute + 1, len(self.schedule.operations)):
            operation = self.schedule.operations[number]
            if operation.op is isa.STORE and any(compute <= n and self.schedule.operations[n].op is isa.COMPUTE for n in operation.after):
                return number
        acc = int(self.schedule.operations[compute].values()["acc"])
        return self.add(Step(isa.describe(isa.STORE, n=1, acc=acc, output=isa.Output.INT32), SCRATCH, 5))


class Defined:
    """Which columns of the accumulator hold values that the ISA defines: COMPUTE leaves those beyond n as they fall."""

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self._columns = np.ones((config.acc_words, config.cols), bool)

    def allows(self, descriptor: isa.Descriptor) -> bool:
        """Whether ``descriptor`` reads nothing undefined, and nothing that it writes itself."""
        if descriptor.op is isa.STORE:
            return bool(self._rows(result_words(descriptor, self.config), descriptor["n"]).all())
        if descriptor.op is not isa.COMPUTE:
            return True
        result, n = result_words(descriptor, self.config), descriptor["n"]
        if descriptor["addend"] == isa.Addend.BIAS:
            bias = descriptor["bias"] + np.arange(column_tiles(n, self.config))[None, :]
            return not np.intersect1d(bias, result).size and bool(self._rows(bias, n).all())
        return descriptor["addend"] == isa.Addend.NONE or bool(self._rows(result, n).all())

    def apply(self, descriptor: isa.Descriptor) -> None:
        """What is defined after ``descriptor``."""
        if descriptor.op is isa.COMPUTE:
            words = result_words(descriptor, self.config)
            certain = np.arange(words.shape[1] * self.config.cols) < descriptor["n"]
            self._columns[words] = certain.reshape(-1, self.config.cols)
        if descriptor.op is isa.LOAD and descriptor["target"] == isa.Target.ACCUMULATOR and _covers_its_interval(descriptor):
            first, last = descriptor["local"], descriptor["local"] + descriptor["run"]
            self._columns.reshape(-1)[-(-first // 4) : last // 4] = True

    def _rows(self, words: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
        """The first ``n`` columns of rows of ``words``."""
        return self._columns[words].reshape(len(words), -1)[:, :n]


def well_defined(config: ArrayConfig, descriptors: Sequence[isa.Descriptor]) -> bool:
    """Whether none, executed in this order, reads what the ISA leaves undefined."""
    defined = Defined(config)
    for descriptor in descriptors:
        if not defined.allows(descriptor):
            return False
        defined.apply(descriptor)
    return True


def _covers_its_interval(load: isa.Descriptor) -> bool:
    """One run: its bytes are all written, unless its start is aligned. What several cover is not looked at, which only forbids more."""
    return not load["align_start"] and all(load[f"count{dim}"] == 1 for dim in range(1, isa.LOAD_DIMS + 1))
