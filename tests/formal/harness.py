"""What a proof is written in: claims about hardware, as sentences.

A proof starts from *any* state of every register and memory and one cycle of reset, so it also shows that nothing that
matters hangs on what a register holds before, and no cycle after that has a reset.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, ResetSignal, Signal, Value
from amaranth.hdl._ast import AnyConst, AnySeq, Initial
from amaranth.lib import wiring


class Harness(wiring.Component):
    """A module under proof with its surroundings. ``describe`` adds the module and what is claimed of it.

    Members that are inputs take any value in any cycle; ``given`` limits them. A claim made in ``always`` holds in every cycle
    after the reset; one made in ``reached`` can become true, so that the others do not hold for want of a case.
    """

    def __init__(self, members: dict[str, Any] | None = None) -> None:
        self.sentences: dict[str, str] = {}
        super().__init__(members or {})

    def elaborate(self, platform: Any) -> Module:
        self.m = Module()
        self.m.d.comb += Assume(ResetSignal() == Initial())
        self.describe(self.m)
        return self.m

    def describe(self, m: Module) -> None:
        """Adds what is proved to ``m``."""
        raise NotImplementedError

    def always(self, sentence: str, condition: Any) -> None:
        """Claims that ``condition`` holds in every cycle."""
        self._state("assert", sentence, Assert(ResetSignal() | Value.cast(condition).bool()))

    def given(self, sentence: str, condition: Any) -> None:
        """Assumes ``condition`` of the surroundings."""
        self._state("assume", sentence, Assume(ResetSignal() | Value.cast(condition).bool()))

    def reached(self, sentence: str, condition: Any) -> None:
        """Claims that ``condition`` can come true."""
        self._state("cover", sentence, Cover(~ResetSignal() & Value.cast(condition).bool()))

    def _state(self, kind: str, sentence: str, statement: Any) -> None:
        statement.src_loc = (sentence.replace(" ", "_"), 0)  # what the solver prints, in place of a line of Python
        self.sentences[sentence] = kind
        self.m.d.comb += statement

    def anything(self, shape: Any, name: str) -> Signal:
        """A signal that has any value in any cycle."""
        value = Signal(shape, name=name)
        self.m.d.comb += Value.cast(value).eq(AnySeq(len(Value.cast(value))))
        return value

    def something(self, shape: Any, name: str) -> Signal:
        """A signal with one value for ever, any."""
        value = Signal(shape, name=name)
        self.m.d.comb += Value.cast(value).eq(AnyConst(len(Value.cast(value))))
        return value

    def before(self, value: Any, name: str) -> Signal:
        """``value`` of the cycle before, 0 in the first."""
        register = Signal.like(Value.cast(value), name=name, init=0)
        self.m.d.sync += register.eq(value)
        return register

    def stays(self, what: str, valid: Any, ready: Any, payload: Iterable[Any], *, unless: Any = 0, given: bool = False) -> None:
        """Claims, or assumes, that an offer stays as it is until it is taken, or until a cycle with ``unless``."""
        name = "".join(c if c.isalnum() else "_" for c in what)
        bits = Cat(Value.cast(part) for part in payload)
        waited = self.before(Value.cast(valid).bool() & ~Value.cast(ready).bool() & ~Value.cast(unless).bool(), f"{name}_waited")
        same = Value.cast(bits) == self.before(bits, f"{name}_before")
        (self.given if given else self.always)(
            f"{what} stays until it is taken", ~waited | Value.cast(unless).bool() | (Value.cast(valid).bool() & same)
        )
