"""Text of a function that computes with 64-bit integers: upstream's ``arith``, ``scf`` and ``llvm`` dialects.

A :data:`Number` is a Python integer where its value is known when the function is
made, else the name of an MLIR value, such as ``%v3``. What is known is computed
here, so the text has only what must wait until it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WORD_BITS = 64
Number = int | str
"""An i64: its value, or the name of the MLIR value that holds it."""


class Numbers:
    """A function under construction, of the ``arguments``, all pointers; a ``result`` is an i64."""

    def __init__(self, name: str, arguments: Sequence[str], result: bool = False) -> None:
        kinds = ", ".join(f"%{argument}: !llvm.ptr" for argument in arguments)
        self._lines = [f"func.func @{name}({kinds}){' -> i64' if result else ''} {{"]
        self._count = 0
        self._depth = 1

    def text(self, result: Number | None = None) -> str:
        """The function, which returns ``result``."""
        ending = "return" if result is None else f"return {self._named(result)} : i64"
        return "\n".join([*self._lines, f"  {ending}", "}"])

    def add(self, one: Number, other: Number) -> Number:
        """The sum."""
        if isinstance(one, int) and isinstance(other, int):
            return one + other
        return one if other == 0 else other if one == 0 else self._binary("arith.addi", one, other)

    def sub(self, one: Number, other: Number) -> Number:
        """The difference."""
        if isinstance(one, int) and isinstance(other, int):
            return one - other
        return one if other == 0 else self._binary("arith.subi", one, other)

    def mul(self, one: Number, other: Number) -> Number:
        """The product."""
        if isinstance(one, int) and isinstance(other, int):
            return one * other
        return other if one == 1 else one if other == 1 else self._binary("arith.muli", one, other)

    def div(self, one: Number, other: Number) -> Number:
        """The quotient, rounded down; neither is negative."""
        if isinstance(one, int) and isinstance(other, int):
            return one // other
        return one if other == 1 else self._binary("arith.divui", one, other)

    def ceil_div(self, one: Number, other: Number) -> Number:
        """The quotient, rounded up; neither is negative."""
        return self.div(self.add(one, self.sub(other, 1)), other)

    def rem(self, one: Number, other: Number) -> Number:
        """The remainder; neither is negative."""
        if isinstance(one, int) and isinstance(other, int):
            return one % other
        return 0 if other == 1 else self._binary("arith.remui", one, other)

    def min(self, one: Number, other: Number) -> Number:
        """The smaller one."""
        if isinstance(one, int) and isinstance(other, int):
            return min(one, other)
        return self._binary("arith.minsi", one, other)

    def max(self, one: Number, other: Number) -> Number:
        """The larger one."""
        if isinstance(one, int) and isinstance(other, int):
            return max(one, other)
        return self._binary("arith.maxsi", one, other)

    def less(self, one: Number, other: Number) -> Number:
        """1 if ``one`` is less than ``other``, else 0."""
        if isinstance(one, int) and isinstance(other, int):
            return int(one < other)
        bit = self.value(f"arith.cmpi slt, {self._named(one)}, {self._named(other)} : i64")
        return self.value(f"arith.extui {bit} : i1 to i64")

    def select(self, condition: Number, one: Number, other: Number) -> Number:
        """``one`` if ``condition`` is 1, ``other`` if it is 0."""
        if isinstance(condition, int):
            return one if condition else other
        if one == other:
            return one
        bit = self.value(f"arith.trunci {condition} : i64 to i1")
        return self.value(f"arith.select {bit}, {self._named(one)}, {self._named(other)} : i64")

    def bits(self, number: Number, width: int, shift: int) -> Number:
        """The lowest ``width`` bits, moved up by ``shift``, down if it is negative; of the result 64 bits."""
        mask = (1 << width) - 1
        if isinstance(number, int):
            cut = number & mask
            return (cut << shift if shift >= 0 else cut >> -shift) & ((1 << WORD_BITS) - 1)
        name = self._binary("arith.andi", number, mask)
        return self._binary("arith.shli" if shift >= 0 else "arith.shrui", name, abs(shift)) if shift else name

    def either(self, one: Number, other: Number) -> Number:
        """The bits of both."""
        if isinstance(one, int) and isinstance(other, int):
            return one | other
        return one if other == 0 else other if one == 0 else self._binary("arith.ori", one, other)

    def both(self, one: Number, other: Number) -> Number:
        """The bits that both have."""
        if isinstance(one, int) and isinstance(other, int):
            return one & other
        return self._binary("arith.andi", one, other)

    @contextmanager
    def loop(self, count: Number) -> Iterator[Number]:
        """What is made inside is done for 0, 1, … below ``count``."""
        first, end, step = self._named(0), self._named(count), self._named(1)
        index = self._name()
        self._do(f"scf.for {index} = {first} to {end} step {step} : i64 {{")
        self._depth += 1
        yield index
        self._depth -= 1
        self._do("}")

    @contextmanager
    def when(self, condition: Number) -> Iterator[None]:
        """What is made inside is done if ``condition`` is 1."""
        bit = self.value(f"arith.trunci {self._named(condition)} : i64 to i1")
        self._do(f"scf.if {bit} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self._do("}")

    def variable(self) -> str:
        """A number in memory, 0 at first; see :meth:`load` and :meth:`store`. Not to be made in loops."""
        pointer = self.value(f"llvm.alloca {self._named(1)} x i64 : (i64) -> !llvm.ptr")
        self.store(0, pointer, 0)
        return pointer

    def load(self, pointer: str, index: int = 0) -> Number:
        """Element ``index`` of an array of i64."""
        place = self.value(f"llvm.getelementptr {pointer}[{index}] : (!llvm.ptr) -> !llvm.ptr, i64")
        return self.value(f"llvm.load {place} : !llvm.ptr -> i64")

    def store(self, number: Number, pointer: str, offset: Number, width: int = WORD_BITS) -> None:
        """Writes the lowest ``width`` bits, ``offset`` bytes behind ``pointer``, wherever that is."""
        place = self.value(f"llvm.getelementptr {pointer}[{self._named(offset)}] : (!llvm.ptr, i64) -> !llvm.ptr, i8")
        value = self._named(number)
        if width < WORD_BITS:
            value = self.value(f"arith.trunci {value} : i64 to i{width}")
        self._do(f"llvm.store {value}, {place} {{alignment = 1 : i64}} : i{width}, !llvm.ptr")

    def value(self, text: str) -> str:
        """The result of an operation."""
        name = self._name()
        self._do(f"{name} = {text}")
        return name

    def _binary(self, op: str, one: Number, other: Number) -> str:
        return self.value(f"{op} {self._named(one)}, {self._named(other)} : i64")

    def _named(self, number: Number) -> str:
        if isinstance(number, str):
            return number
        signed = number - (1 << WORD_BITS) if number >> WORD_BITS - 1 == 1 else number
        return self.value(f"arith.constant {signed} : i64")

    def _name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _do(self, text: str) -> None:
        self._lines.append("  " * self._depth + text)
