"""Watches the buses without touching them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

MASTER = {"ar": ("addr", "len", "size", "burst"), "aw": ("addr", "len", "size", "burst"), "w": ("data", "strb", "last")}
SLAVE = {"b": ("resp",), "r": ("resp", "data")}
PAGE = 4096


@dataclass(frozen=True)
class Burst:
    """An accepted address: channel (``ar`` or ``aw``), address, beats."""

    channel: str
    address: int
    beats: int


class Monitor:
    """Fails the test when the device takes back or changes what it offers, or crosses a page; keeps ``bursts`` and ``beats``."""

    def __init__(self, dut: Any) -> None:
        self.bursts: list[Burst] = []
        self.beats = {"w": 0, "r": 0}
        self._channels = [Channel(dut, "m_axi", name, fields) for name, fields in MASTER.items()]
        self._channels += [Channel(dut, "s_axil", name, fields) for name, fields in SLAVE.items()]
        self._beats = {"r": Channel(dut, "m_axi", "r", ("last",))}
        self._dut = dut
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self._dut.clk)
            if int(self._dut.rst.value):
                continue
            for channel in self._channels:
                taken = channel.sample()
                if taken is not None:
                    self._note(channel.name, taken)
            if self._beats["r"].sample() is not None:
                self.beats["r"] += 1

    def _note(self, channel: str, payload: dict[str, int]) -> None:
        if channel in ("ar", "aw"):
            size = (payload["len"] + 1) << payload["size"]
            assert payload["addr"] % PAGE + size <= PAGE, f"a {channel} burst of {size} bytes at {payload['addr']:#x} crosses a page"
            self.bursts.append(Burst(channel, payload["addr"], payload["len"] + 1))
        elif channel in self.beats:
            self.beats[channel] += 1


class Channel:
    """One direction of one bus: its handshake, and what must not change while it waits."""

    def __init__(self, dut: Any, bus: str, name: str, fields: tuple[str, ...]) -> None:
        self.name = name
        self._valid = getattr(dut, f"{bus}__{name}valid")
        self._ready = getattr(dut, f"{bus}__{name}ready")
        self._fields = {field: getattr(dut, f"{bus}__{name}{field}") for field in fields}
        self._held: dict[str, int] | None = None

    def sample(self) -> dict[str, int] | None:
        """Looks at this cycle; returns the payload that was transferred in it, if one was."""
        if not int(self._valid.value):
            assert self._held is None, f"{self.name}valid fell before {self.name}ready came"
            return None
        payload = {field: int(signal.value) for field, signal in self._fields.items()}
        assert self._held in (None, payload), f"{self.name} changed from {self._held} to {payload} while it waited"
        taken = bool(int(self._ready.value))
        self._held = None if taken else payload
        return payload if taken else None
