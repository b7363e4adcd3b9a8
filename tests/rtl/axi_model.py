"""An AXI4 memory that answers in any order the protocol allows, and checks what the manager may not do."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import INCR, beat_size

Address = tuple[int, int, int]
"""Address, beats less one, ID."""
RESPONSES = (0, 0, 1, 2, 3)
"""OKAY, EXOKAY, SLVERR, DECERR: the last two are errors."""


def data_at(address: int, config: ArrayConfig) -> int:
    """What a read of the beat at ``address`` returns: different everywhere."""
    return (address * 0x9E3779B97F4A7C15 + 12345) % (1 << (8 * config.bus_bytes))


def response_at(address: int) -> int:
    """How a read of the beat at ``address``, or a write burst that begins there, is answered."""
    return RESPONSES[(address >> 4) % len(RESPONSES)]


class AxiMemory:
    """Call :meth:`drive` and then :meth:`sample` in every cycle; random readiness and order come from ``rng``."""

    def __init__(self, axi: Any, config: ArrayConfig, rng: random.Random, *, ready_rate: float = 0.5) -> None:
        self.axi, self.config, self.random, self.ready_rate = axi, config, rng, ready_rate
        self.reads: list[Address] = []
        self.writes: list[Address] = []
        self.beats: list[tuple[int, int, int]] = []
        self.answered = 0
        self._owed: dict[int, deque[tuple[int, int]]] = {0: deque(), 1: deque()}
        self._offered: dict[str, Address] = {}
        self._answer: dict[str, int] | None = None

    def drive(self, ctx: Any) -> None:
        """Sets the inputs of the bus for this cycle; a beat once offered stays."""
        axi = self.axi
        for ready in (axi.arready, axi.awready, axi.wready):
            ctx.set(ready, int(self.random.random() < self.ready_rate))
        if not ctx.get(axi.rvalid):
            self._offer_beat(ctx)
        if not ctx.get(axi.bvalid) and self._write_is_whole() and self.random.random() < 0.5:
            ctx.set(axi.bresp, response_at(self.writes[self.answered][0]))
            ctx.set(axi.bvalid, 1)

    def sample(self, ctx: Any) -> None:
        """Takes what is transferred in this cycle; returns with the responses that were taken removed after :meth:`settle`."""
        axi = self.axi
        for channel, taken in (("ar", self.reads), ("aw", self.writes)):
            self._address(ctx, channel, taken)
        if ctx.get(axi.wvalid) and ctx.get(axi.wready):
            self.beats.append((ctx.get(axi.wdata), ctx.get(axi.wstrb), ctx.get(axi.wlast)))
        self.r_taken = bool(ctx.get(axi.rvalid) and ctx.get(axi.rready))
        self.b_taken = bool(ctx.get(axi.bvalid) and ctx.get(axi.bready))
        self.answered += self.b_taken

    def settle(self, ctx: Any) -> None:
        """After the clock edge: responses that were taken are gone."""
        if self.r_taken:
            ctx.set(self.axi.rvalid, 0)
        if self.b_taken:
            ctx.set(self.axi.bvalid, 0)

    @property
    def quiet(self) -> bool:
        """Whether nothing is owed."""
        return not any(self._owed.values()) and self.answered == len(self.writes)

    def _offer_beat(self, ctx: Any) -> None:
        ids = [number for number, owed in self._owed.items() if owed]
        if not ids or self.random.random() < 0.2:
            return
        number = self.random.choice(ids)
        address, last = self._owed[number].popleft()
        for name, value in {"id": number, "data": data_at(address, self.config), "resp": response_at(address), "last": last}.items():
            ctx.set(getattr(self.axi, f"r{name}"), value)
        ctx.set(self.axi.rvalid, 1)

    def _write_is_whole(self) -> bool:
        lasts = sum(beat[2] for beat in self.beats)
        return self.answered < min(lasts, len(self.writes))

    def _address(self, ctx: Any, channel: str, taken: list[Address]) -> None:
        def get(name: str) -> int:
            return int(ctx.get(getattr(self.axi, channel + name)))

        if not get("valid"):
            assert channel not in self._offered, f"{channel} was withdrawn"
            return
        offer = (get("addr"), get("len"), get("id"))
        assert self._offered.setdefault(channel, offer) == offer, f"{channel} changed before it was taken"
        assert (get("size"), get("burst")) == (beat_size(self.config), INCR)
        if get("ready"):
            taken.append(self._offered.pop(channel))
            if channel == "ar":
                self._owe(*offer)

    def _owe(self, address: int, length: int, number: int) -> None:
        for beat in range(length + 1):
            self._owed[number].append((address + beat * self.config.bus_bytes, int(beat == length)))
