"""A memory at an engine's write port, for Amaranth's simulator."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import BURST_BEATS, PAGE_BYTES

Burst = tuple[int, int]
Beat = tuple[int, int, int]


class WriteMemory:
    """Takes bursts and beats, writes ``content``, and answers ``latency`` cycles after the last beat.

    Call :meth:`drive`, then :meth:`sample`, in every cycle. ``address_rate`` and ``data_rate`` are the chances that it is ready,
    ``delay`` is the most that is added to the latency at random, ``failing`` holds numbers of bursts that are answered
    with an error. Asserts what the bus protocol demands; ``bursts`` and ``beats`` keep all that was taken.
    """

    def __init__(
        self,
        port: Any,
        config: ArrayConfig,
        size: int,
        *,
        seed: int = 0,
        latency: int = 1,
        delay: int = 0,
        address_rate: float = 1.0,
        data_rate: float = 1.0,
        failing: tuple[int, ...] = (),
    ) -> None:
        self.port, self.bus_bytes = port, config.bus_bytes
        self.content = bytearray(size)
        self.write: Callable[[int, int, int], None] = self._write
        self.latency, self.delay = latency, delay
        self.address_rate, self.data_rate = address_rate, data_rate
        self.failing = failing
        self.bursts: list[Burst] = []
        self.beats: list[Beat] = []
        self.beat_cycles: list[int] = []
        self.answered = 0
        self._random = random.Random(seed)
        self._cycle = 0
        self._pending: deque[Beat] = deque()
        self._done = 0
        self._answers: deque[tuple[int, bool]] = deque()
        self._offered: dict[str, tuple[int, ...]] = {}

    @property
    def owes(self) -> bool:
        """Whether a burst lacks beats or its answer."""
        return self.answered < len(self.bursts) or bool(self._pending)

    def drive(self, ctx: Any) -> None:
        """Sets the inputs of the port for this cycle."""
        self._ready = {"aw": self._random.random() < self.address_rate, "w": self._random.random() < self.data_rate}
        ctx.set(self.port.aw.ready, self._ready["aw"])
        ctx.set(self.port.w.ready, self._ready["w"])
        self._answer = self._answers.popleft() if self._answers and self._answers[0][0] <= self._cycle else None
        ctx.set(self.port.b.valid, self._answer is not None)
        ctx.set(self.port.b.payload.error, bool(self._answer and self._answer[1]))

    def sample(self, ctx: Any) -> None:
        """Takes what the port transfers in this cycle."""
        aw, w = self.port.aw, self.port.w
        if self._transfers(ctx, "aw", aw.valid, (aw.payload.addr, aw.payload.len)):
            self._take_burst(self._offered.pop("aw"))
        if self._transfers(ctx, "w", w.valid, (w.payload.data, w.payload.strb, w.payload.last)):
            beat = self._offered.pop("w")
            self.beats.append((beat[0], beat[1], beat[2]))
            self.beat_cycles.append(self._cycle)
            self._pending.append(self.beats[-1])
        self._complete()
        if self._answer is not None:
            assert ctx.get(self.port.b.ready), "the port must take every answer"
            self.answered += 1
        self._cycle += 1

    def _transfers(self, ctx: Any, name: str, valid: Any, fields: tuple[Any, ...]) -> bool:
        """Notes what is offered; checks that an offer stays as it is until taken."""
        if not ctx.get(valid):
            assert name not in self._offered, f"{name} was withdrawn"
            return False
        offer = tuple(int(ctx.get(field)) for field in fields)
        assert self._offered.setdefault(name, offer) == offer, f"{name} changed before it was taken"
        return self._ready[name]

    def _take_burst(self, offer: tuple[int, ...]) -> None:
        address, length = offer
        size = (length + 1) * self.bus_bytes
        assert address % self.bus_bytes == 0, f"burst at {address:#x} is not aligned"
        assert length < BURST_BEATS
        assert address // PAGE_BYTES == (address + size - 1) // PAGE_BYTES, f"burst at {address:#x} of {size} bytes crosses a boundary"
        self.bursts.append((address, length))

    def _complete(self) -> None:
        """Writes beats whose burst is known; answers bursts that are whole."""
        while self._pending and self._done < len(self.bursts):
            address, length = self.bursts[self._done]
            if len(self._pending) <= length:
                return
            for index in range(length + 1):
                data, strobes, last = self._pending.popleft()
                assert last == (index == length), "last marks the wrong beat"
                self.write(address + index * self.bus_bytes, data, strobes)
            due = self._cycle + self.latency + self._random.randint(0, self.delay)
            self._answers.append((due, self._done in self.failing))
            self._done += 1

    def _write(self, address: int, data: int, strobes: int) -> None:
        for lane in range(self.bus_bytes):
            if strobes >> lane & 1:
                self.content[address + lane] = data >> (8 * lane) & 0xFF
