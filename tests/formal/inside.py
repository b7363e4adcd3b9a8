"""Looks inside a module, for invariants that speak of its registers."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from amaranth.hdl import Elaboratable, Module, Mux, Signal, Value
from amaranth.hdl._dsl import FSM
from amaranth.lib import data
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered


class Inside:
    """A module's elaborated form, with its signals and submodules by name.

    The module is elaborated once, here; the proof then contains this very elaboration. So statements that are added to
    ``module`` override its own: that is how faults are planted.
    """

    def __init__(self, component: Elaboratable) -> None:
        self.component = component
        self.signals: dict[str, Any] = {}
        self.numbers: dict[str, int] = {}
        self.states: dict[str, dict[str, int]] = {}
        self.module: Module = self._elaborate()
        self.module._flush()
        component.elaborate = lambda platform: self.module
        for signal in self._assigned():
            self.signals.setdefault(signal.name, signal)
        self._parts = {name: _unwrapped(part) for name, (part, _) in self.module._named_submodules.items()}

    def _elaborate(self) -> Module:
        """Elaborates, and notes the local names of signals: ``a, b = Signal(), Signal()`` gives the signals themselves none."""
        files = {inspect.getfile(type(self.component))}

        def note(frame: Any, event: str, argument: Any) -> None:
            if event == "return" and frame.f_code.co_filename in files:
                for name, value in frame.f_locals.items():
                    if isinstance(value, Value | data.View):
                        self.signals[name] = value
                    elif isinstance(value, int):
                        self.numbers[name] = value
                    elif isinstance(value, FSM):
                        self.signals[f"{name}_state"] = value._data["signal"]
                        self.states[name] = value.encoding

        sys.setprofile(note)
        try:
            return self.component.elaborate(None)
        finally:
            sys.setprofile(None)

    def _assigned(self) -> Iterator[Signal]:
        """Signals that the module assigns outside of state machines; their own names."""
        for statement in (statement for part in self.module._statements.values() for statement in part):
            with suppress(AttributeError):  # a state machine's transitions are not resolved yet
                yield from statement._lhs_signals()

    def __getitem__(self, name: str) -> Any:
        """The signal ``name``; raises :class:`KeyError` with those that there are."""
        if name not in self.signals:
            raise KeyError(f"{type(self.component).__name__} has no {name!r}; it has {', '.join(sorted(self.signals))}")
        return self.signals[name]

    def value(self, name: str) -> int:
        """The local number ``name`` of the elaboration."""
        return self.numbers[name]

    def raw(self, name: str) -> Any:
        """Submodule ``name`` itself."""
        return self._parts[name]

    def part(self, name: str) -> Inside:
        """Submodule ``name``, opened."""
        return Inside(self._parts[name])

    def fifo(self, name: str) -> InsideFifo:
        """Submodule ``name``, a FIFO, opened."""
        return InsideFifo(self._parts[name])


class InsideFifo(Inside):
    """A FIFO of Amaranth with its words, counted from the one that comes out next."""

    def __init__(self, fifo: SyncFIFO | SyncFIFOBuffered) -> None:
        super().__init__(fifo)
        self.port = fifo
        self.buffered = isinstance(fifo, SyncFIFOBuffered)
        self.words = fifo.depth - 1 if self.buffered else fifo.depth
        self.stored = self["inner_level"] if self.buffered else fifo.level
        self.pushes = fifo.w_en & fifo.w_rdy
        self.pops = fifo.r_en & fifo.r_rdy

    def peek(self, m: Module, position: Any, name: str) -> Signal:
        """The word at ``position`` below the level: 0 is the one that comes out next."""
        port = self.raw("storage").read_port(domain="comb")
        value = Signal(self.port.width, name=name)
        place = Signal(range(2 * self.words + 1), name=f"{name}_place")
        in_memory = position - self.port.r_rdy if self.buffered else position
        m.d.comb += [
            place.eq(self["consume"] + in_memory),
            port.addr.eq(Mux(place >= self.words, place - self.words, place)),
            value.eq(Mux(self.port.r_rdy & (position == 0), self.port.r_data, port.data) if self.buffered else port.data),
        ]
        return value

    def consistent(self) -> Any:
        """The pointers are inside the memory and as far apart as the words in it."""
        produce, consume = self["produce"], self["consume"]
        ahead = produce - consume
        apart = (self.stored == ahead) | (self.stored == ahead + self.words)
        full_or_empty = (ahead != 0) | (self.stored == 0) | (self.stored == self.words)
        return (produce < self.words) & (consume < self.words) & (self.stored <= self.words) & apart & full_or_empty


def _unwrapped(part: Any) -> Any:
    """The elaboratable inside a ``ResetInserter``."""
    return getattr(part, "_elaboratable_", part)
