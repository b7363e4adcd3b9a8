"""The manager's side of an AXI4-Lite bus, one access at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ALL_BYTES = 0b1111
WAIT_LIMIT = 50


class AxiLiteManager:
    """Makes accesses on the bus, with a delay of its own on each channel, and checks that what is offered stays."""

    def __init__(self, bus: Any) -> None:
        self.bus = bus

    async def write(self, ctx: Any, address: int, data: int, strobe: int = ALL_BYTES, delays: Iterable[int] = (0, 0, 0)) -> int:
        """Returns the response. ``delays``: cycles before address, data, and readiness for the response."""
        bus = self.bus
        address_delay, data_delay, response_delay = delays
        ctx.set(bus.awaddr, address)
        ctx.set(bus.wdata, data)
        ctx.set(bus.wstrb, strobe)
        sent_address = sent_data = False
        for cycle in range(WAIT_LIMIT):
            ctx.set(bus.awvalid, int(cycle >= address_delay and not sent_address))
            ctx.set(bus.wvalid, int(cycle >= data_delay and not sent_data))
            assert not ctx.get(bus.bvalid), "a response before address and data"
            sent_address |= bool(ctx.get(bus.awvalid) and ctx.get(bus.awready))
            sent_data |= bool(ctx.get(bus.wvalid) and ctx.get(bus.wready))
            await ctx.tick()
            if sent_address and sent_data:
                break
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.wvalid, 0)
        return await self._response(ctx, bus.bvalid, bus.bready, bus.bresp, response_delay)

    async def read(self, ctx: Any, address: int, delays: Iterable[int] = (0, 0)) -> tuple[int, int]:
        """Returns data and response. ``delays``: cycles before the address, and before readiness for the data."""
        bus = self.bus
        address_delay, response_delay = delays
        for _ in range(address_delay):
            await ctx.tick()
        ctx.set(bus.araddr, address)
        ctx.set(bus.arvalid, 1)
        for _ in range(WAIT_LIMIT):
            taken = ctx.get(bus.arready)
            assert not ctx.get(bus.rvalid), "data before the address"
            await ctx.tick()
            if taken:
                break
        ctx.set(bus.arvalid, 0)
        value = await self._response(ctx, bus.rvalid, bus.rready, bus.rdata, response_delay, bus.rresp)
        return value >> 2, value & 3

    async def _response(self, ctx: Any, valid: Any, ready: Any, payload: Any, delay: int, low: Any = None) -> int:
        for _ in range(WAIT_LIMIT):
            if ctx.get(valid):
                break
            await ctx.tick()
        assert ctx.get(valid), "no response"

        def offered() -> int:
            return int(ctx.get(payload)) if low is None else int(ctx.get(payload)) << 2 | int(ctx.get(low))

        first = offered()
        for _ in range(delay):
            await ctx.tick()
            assert ctx.get(valid) and offered() == first, "a response that was not taken went away or changed"
        ctx.set(ready, 1)
        await ctx.tick()
        ctx.set(ready, 0)
        assert not ctx.get(valid), "a second response"
        return first
