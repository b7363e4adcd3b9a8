"""A memory behind a ``read_port``, for simulations with amaranth.sim."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import PAGE_BYTES


@dataclass
class Burst:
    """A burst that was accepted: its address, its beats, and the cycle in which its first beat may come."""

    address: int
    beats: int
    ready_at: int
    sent: int = 0


class ReadMemory:
    """Answers bursts in order from ``data``; addresses wrap at its size.

    ``latency`` cycles pass from an accepted address to its first beat (at least 1), then a beat comes every cycle, except
    that each cycle is idle with probability ``stall``, on both streams. Beats whose aligned address is in ``errors``
    come with the error bit; while ``refuses`` is set no burst is accepted.
    Fails where the engine breaks a rule of AXI. Run it with ``simulator.add_process(memory.run)``.
    """

    def __init__(self, port: Any, config: ArrayConfig, data: bytes, *, latency: int = 1, stall: float = 0.0, seed: int = 0):
        self.port, self.config, self.data = port, config, data
        self.latency, self.stall = latency, stall
        self.random = random.Random(seed)
        self.errors: set[int] = set()
        self.refuses = False
        self.bursts: list[Burst] = []
        self.waiting: deque[Burst] = deque()
        self.cycle = self.beats = self.first_burst_at = 0
        self.most_beats_owed = 0

    async def run(self, ctx: Any) -> None:
        """The process: what the memory does, a cycle at a time."""
        ar, r = self.port.ar, self.port.r
        ar_ready = r_valid = 0
        offered: tuple[int, int] | None = None
        while True:
            _, reset, valid, address, length, taken = await ctx.tick().sample(ar.valid, ar.payload.addr, ar.payload.len, r.ready)
            self.cycle += 1
            if reset:
                continue
            offered = self._take_burst(valid, ar_ready, (address, length), offered)
            if r_valid and taken:
                self._beat_done()
                r_valid = 0
            self.most_beats_owed = max(self.most_beats_owed, sum(burst.beats - burst.sent for burst in self.waiting))
            ar_ready = not (self.refuses or self._idle())
            ctx.set(ar.ready, ar_ready)
            if not r_valid:
                r_valid = self._next_is_due() and not self._idle()
                ctx.set(r.valid, r_valid)
                if r_valid:
                    ctx.set(r.payload, self._beat())

    def _idle(self) -> bool:
        return self.stall > 0 and self.random.random() < self.stall

    def _next_is_due(self) -> bool:
        return bool(self.waiting) and self.cycle >= self.waiting[0].ready_at

    def _take_burst(self, valid: int, ready: int, burst: tuple[int, int], offered: tuple[int, int] | None) -> tuple[int, int] | None:
        """Notes the burst on the bus; what was offered and not taken must still be there."""
        assert offered is None or (valid and burst == offered), f"burst {offered} was withdrawn or changed"
        if valid and ready:
            address, beats = burst[0], burst[1] + 1
            size = self.config.bus_bytes
            assert address % size == 0, f"burst at {address:#x} is not aligned to {size} bytes"
            assert address // PAGE_BYTES == (address + beats * size - 1) // PAGE_BYTES, f"{beats} beats at {address:#x} cross 4 KiB"
            if not self.bursts:
                self.first_burst_at = self.cycle
            self.bursts.append(Burst(address, beats, self.cycle + self.latency - 1))
            self.waiting.append(self.bursts[-1])
        return burst if valid and not ready else None

    def _beat(self) -> dict[str, int]:
        burst = self.waiting[0]
        size = self.config.bus_bytes
        address = (burst.address + burst.sent * size) % len(self.data)
        value = int.from_bytes(self.data[address : address + size], "little")
        return {"data": value, "error": int(address in self.errors), "last": int(burst.sent == burst.beats - 1)}

    def _beat_done(self) -> None:
        self.beats += 1
        self.waiting[0].sent += 1
        if self.waiting[0].sent == self.waiting[0].beats:
            self.waiting.popleft()
