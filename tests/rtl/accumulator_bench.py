"""Drives all three users of the accumulator at once, from lists, and notes what each one met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.reference import Int32
from hwacc.rtl.accumulator import Accumulator
from hwacc.rtl.interfaces import ACC_READ_LATENCY
from tests.rtl.simulate import simulate


@dataclass(frozen=True)
class Row:
    """A drained row, and what to do with it."""

    values: Sequence[int]
    address: int
    write: int = 1
    first: int = 0
    addend: isa.Addend = isa.Addend.NONE
    bias: int = 0
    held: int = 0
    last: int = 0

    @property
    def reads(self) -> bool:
        """Whether it needs the read port."""
        return bool(self.write and self.addend == isa.Addend.ACCUMULATE) or bool(self.first and self.addend == isa.Addend.BIAS)

    @property
    def read_address(self) -> int:
        """The word that it reads, if any."""
        return self.bias if self.addend == isa.Addend.BIAS else self.address


@dataclass(frozen=True)
class Piece:
    """Consecutive bytes that LOAD writes at once; at most a beat."""

    address: int
    data: bytes

    def payload(self, beat: int) -> dict[str, int]:
        """As the port wants it: each byte in the lane of its address, garbage in the others."""
        lanes, mask = bytearray([0xEE] * beat), 0
        for place, byte in enumerate(self.data, self.address):
            lanes[place % beat] = byte
            mask |= 1 << place % beat
        return {"address": self.address, "data": int.from_bytes(lanes, "little"), "mask": mask}


@dataclass
class AccumulatorBench:
    """One simulation: ``rows[c]`` is announced in cycle c, pieces and reads are offered one after the other from cycle 0 on."""

    config: ArrayConfig
    content: Int32
    rows: dict[int, Row] = field(default_factory=dict)
    pieces: Sequence[Piece] = ()
    reads: Sequence[int] = ()
    read_words: list[Int32] = field(default_factory=list)
    read_refused: list[int] = field(default_factory=list)
    write_refused: list[int] = field(default_factory=list)
    data_valid: list[int] = field(default_factory=list)
    read_accepted: list[int] = field(default_factory=list)
    final: Any = None

    def run(self, cycles: int) -> AccumulatorBench:
        """Runs, fails if something offered was not taken, and leaves the buffer's words in ``final``."""
        self.accumulator = Accumulator(self.config)
        self.cycles = cycles
        simulate(self.accumulator, self._bench)
        return self

    def wanted_reads(self) -> dict[int, int]:
        """The address on STORE's port in each cycle in which it wants to read."""
        wanted, waiting = {}, iter(self.reads)
        address = next(waiting)
        for cycle in range(max(self.read_accepted) + 1):
            wanted[cycle] = address
            if cycle in self.read_accepted:
                address = next(waiting, -1)
        return wanted

    async def _bench(self, ctx: Any) -> None:
        cell = self.accumulator.word
        for i, word in enumerate(self.content):
            ctx.set(cell(i), int.from_bytes(word.tobytes(), "little"))
        pieces, reads = list(self.pieces), list(self.reads)
        for cycle in range(self.cycles):
            self._announce(ctx, cycle)
            piece_taken, read_taken = self._offer(ctx, cycle, pieces, reads)
            if ctx.get(self.accumulator.read.data_valid):
                self.data_valid.append(cycle)
                self.read_words.append(self._word(ctx.get(self.accumulator.read.data)))
            await ctx.tick()
            del pieces[:piece_taken], reads[:read_taken]
        assert not pieces and not reads, f"{len(pieces)} pieces and {len(reads)} reads left after {self.cycles} cycles"
        self.final = np.array([self._word(ctx.get(cell(i))) for i in range(self.config.acc_words)])

    def _announce(self, ctx: Any, cycle: int) -> None:
        row, arriving = self.rows.get(cycle), self.rows.get(cycle - ACC_READ_LATENCY)
        drain = self.accumulator.drain
        ctx.set(drain.write, row.write if row else 0)
        ctx.set(drain.first, row.first if row else 0)
        ctx.set(drain.addend, row.addend if row else isa.Addend.NONE)
        ctx.set(drain.address, row.address if row else 0)
        ctx.set(drain.bias, row.bias if row else 0)
        ctx.set(drain.held, row.held if row else 0)
        ctx.set(drain.last, row.last if row else 0)
        for j in range(self.config.cols):
            ctx.set(self.accumulator.row[j], int(arriving.values[j]) if arriving else -1)

    def _offer(self, ctx: Any, cycle: int, pieces: list[Piece], reads: list[int]) -> tuple[int, int]:
        write, read = self.accumulator.write, self.accumulator.read
        ctx.set(write.valid, int(bool(pieces)))
        ctx.set(read.valid, int(bool(reads)))
        if pieces:
            ctx.set(write.payload, pieces[0].payload(self.config.bus_bytes))
        if reads:
            ctx.set(read.address, reads[0])
        if pieces and not ctx.get(write.ready):
            self.write_refused.append(cycle)
        if reads:
            (self.read_accepted if ctx.get(read.ready) else self.read_refused).append(cycle)
        return int(bool(pieces) and ctx.get(write.ready)), int(bool(reads) and ctx.get(read.ready))

    def _word(self, value: int) -> Int32:
        return np.frombuffer(value.to_bytes(self.config.acc_word_bytes, "little"), np.int32)
