"""Sources and sinks of ``amaranth.lib.stream`` interfaces, for simulations of one module."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

from amaranth.sim import Simulator

CYCLE_LIMIT = 20_000


class StreamBench:
    """Feeds the inputs of ``component``, collects its outputs; each waits in a cycle with probability ``stall``."""

    def __init__(self, component: Any, *, stall: float = 0.0, seed: int = 0):
        self.random, self.stall = random.Random(seed), stall
        self.taken: dict[str, list[Any]] = {}
        self.taken_at: dict[str, list[int]] = {}
        self.pulses: dict[str, list[int]] = {}
        self.seen: dict[str, dict[int, Any]] = {}
        self._component = component
        self._simulator = Simulator(component)
        self._simulator.add_clock(1e-6)

    def source(self, name: str, payloads: Sequence[Any]) -> StreamBench:
        """Sends ``payloads`` into the input ``name``."""
        self._simulator.add_process(partial(self._send, port=getattr(self._component, name), payloads=payloads))
        return self

    def sink(self, name: str) -> StreamBench:
        """Takes payloads from the output ``name`` into ``taken[name]``, their cycles into ``taken_at[name]``."""
        self.taken[name], self.taken_at[name] = [], []
        self._simulator.add_process(partial(self._take, name=name))
        return self

    def watch(self, *names: str) -> StreamBench:
        """Notes the outputs ``names``: ``seen[name][cycle]``, and in ``pulses[name]`` the cycles in which they are not 0."""
        for name in names:
            self.pulses[name], self.seen[name] = [], {}
        self._simulator.add_process(partial(self._watch, names=names))
        return self

    def run(self, cycles: int = 200, **until: int) -> StreamBench:
        """Runs until the outputs named have given that many payloads, then ``cycles`` more to see that no other comes."""

        async def bench(ctx: Any) -> None:
            for _ in range(CYCLE_LIMIT):
                if all(len(self.taken[name]) >= least for name, least in until.items()):
                    await ctx.tick().repeat(cycles)
                    return
                await ctx.tick()
            raise AssertionError(f"after {CYCLE_LIMIT} cycles only { {name: len(found) for name, found in self.taken.items()} } of {until}")

        self._simulator.add_testbench(bench)
        self._simulator.run()
        return self

    def _waits(self) -> bool:
        return self.stall > 0 and self.random.random() < self.stall

    async def _watch(self, ctx: Any, names: Sequence[str]) -> None:
        signals = [getattr(self._component, name) for name in names]
        for cycle in count():
            _, _, *values = await ctx.tick().sample(*signals)
            for name, value in zip(names, values):
                self.seen[name][cycle] = value
                if isinstance(value, int) and value:
                    self.pulses[name].append(cycle)

    async def _send(self, ctx: Any, port: Any, payloads: Sequence[Any]) -> None:
        for payload in payloads:
            while self._waits():
                await ctx.tick()
            ctx.set(port.payload, payload)
            ctx.set(port.valid, 1)
            taken = False
            while not taken:
                _, _, taken = await ctx.tick().sample(port.ready)
            ctx.set(port.valid, 0)

    async def _take(self, ctx: Any, name: str) -> None:
        port, offered = getattr(self._component, name), None
        for cycle in count():
            ready = not self._waits()
            ctx.set(port.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(port.valid, port.payload)
            assert offered is None or (valid and payload == offered), f"{name}: {offered} was withdrawn or changed"
            offered = payload if valid and not ready else None
            if valid and ready:
                self.taken[name].append(payload)
                self.taken_at[name].append(cycle)
