"""A random contraction: its loops, how each operand lies, its spelling in linalg, and what NumPy makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.reference import wrap32


@dataclass(frozen=True)
class Place:
    """An index of the left operand: a loop, or a stride times a pixel's loop plus a dilation times a kernel's."""

    loop: str
    kernel: str = ""
    stride: int = 1
    dilation: int = 1
    rest: int = 0

    def size(self, sizes: Mapping[str, int]) -> int:
        """Elements along the axis: those that are visited, and a ``rest`` behind them."""
        if not self.kernel:
            return sizes[self.loop]
        return (sizes[self.loop] - 1) * self.stride + (sizes[self.kernel] - 1) * self.dilation + 1 + self.rest

    def text(self, number: Mapping[str, int]) -> str:
        """As an affine expression."""
        if not self.kernel:
            return f"d{number[self.loop]}"
        return f"d{number[self.loop]} * {self.stride} + d{number[self.kernel]} * {self.dilation}"


@dataclass(frozen=True)
class Contraction:
    """``out[...] = start[...] + sum((left[...] - points[0]) * (right[...] - points[1]))``; operands of int8.

    ``name`` is empty for a ``linalg.generic``, else that of the operation; ``maps`` says whether that is printed with its maps.
    ``wide`` says which of the operands have been made int32 before.
    ``padding`` is what a ``tensor.pad`` puts before and after each axis of the left operand, of which ``pad_value`` are the elements.
    """

    sizes: dict[str, int]
    left: tuple[Place, ...]
    right: str
    out: str
    name: str = ""
    maps: bool = False
    points: tuple[int, int] | None = None
    padding: tuple[tuple[int, int], ...] = ()
    pad_value: int = 0
    wide: tuple[bool, bool] = (False, False)
    on_array: bool = True
    kinds: tuple[str, ...] = field(default=())

    @property
    def padded_shape(self) -> tuple[int, ...]:
        """Of the left operand, as the operation reads it."""
        return tuple(place.size(self.sizes) for place in self.left)

    @property
    def left_shape(self) -> tuple[int, ...]:
        """Of the left operand before it is padded."""
        if not self.padding:
            return self.padded_shape
        return tuple(size - low - high for size, (low, high) in zip(self.padded_shape, self.padding))

    @property
    def right_shape(self) -> tuple[int, ...]:
        """Of the right operand."""
        return tuple(self.sizes[loop] for loop in self.right)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Of the result."""
        return tuple(self.sizes[loop] for loop in self.out)

    @property
    def columns(self) -> str:
        """Loops of the result that only the right operand shares: the output channels."""
        mine = {place.loop for place in self.left}
        return "".join(loop for loop in self.out if loop not in mine)

    def value(self, left: NDArray[np.int8], right: NDArray[np.int8], start: NDArray[np.int32]) -> NDArray[np.int32]:
        """What NumPy gets, modulo 2³²."""
        wide = left.astype(np.int64)
        if self.padding:
            wide = np.pad(wide, self.padding, constant_values=self.pad_value)
        first, second = self.points or (0, 0)
        letters = ""
        for place in self.left:
            if place.kernel:
                axis = len(letters)
                pixels, kernel = np.arange(self.sizes[place.loop]), np.arange(self.sizes[place.kernel])
                wide = np.take(wide, pixels[:, None] * place.stride + kernel[None] * place.dilation, axis)
            letters += place.loop + place.kernel
        total = np.einsum(f"{letters},{self.right}->{self.out}", wide - first, right.astype(np.int64) - second)
        return wrap32(total + start.astype(np.int64))

    def text(self, names: Sequence[str], result: str) -> list[str]:
        """The lines of the operation on operands of these names (left, right, start), and of the padding before it."""
        left, right, start = names
        lines = []
        if self.padding:
            lines, left = self._pad_text(left, f"{result}_padded"), f"{result}_padded"
        elements = ["i32" if wide else "i8" for wide in self.wide]
        inputs, kinds = [left, right], [tensor(self.padded_shape, elements[0]), tensor(self.right_shape, elements[1])]
        if self.points is not None:
            for index, point in enumerate(self.points):
                lines.append(f"{result}_z{index} = arith.constant {point} : i32")
                inputs.append(f"{result}_z{index}")
                kinds.append("i32")
        out = tensor(self.out_shape, "i32")
        ends = f"ins({', '.join(inputs)} : {', '.join(kinds)}) outs({start} : {out})"
        if self.name:
            return [*lines, f"{result} = {self.name}{self._attributes()} {ends} -> {out}"]
        order = list(self.sizes)
        types = ", ".join(f'"{"parallel" if loop in self.out else "reduction"}"' for loop in order)
        return [
            *lines,
            f"{result} = linalg.generic {{indexing_maps = [{self._maps()}], iterator_types = [{types}]}} {ends} {{",
            *self._body(),
            f"}} -> {out}",
        ]

    def _pad_text(self, value: str, result: str) -> list[str]:
        low, high = (list(amounts) for amounts in zip(*self.padding))
        arguments = ", ".join(f"%i{index}: index" for index in range(len(low)))
        return [
            f"{result}_value = arith.constant {self.pad_value} : i8",
            f"{result} = tensor.pad {value} low{low} high{high} {{",
            f"^bb0({arguments}):",
            f"tensor.yield {result}_value : i8",
            f"}} : {tensor(self.left_shape)} to {tensor(self.padded_shape)}",
        ]

    def _maps(self) -> str:
        number = {loop: index for index, loop in enumerate(self.sizes)}
        dims = ", ".join(f"d{index}" for index in number.values())
        scalars = [""] * (2 if self.points is not None else 0)
        results = [", ".join(place.text(number) for place in self.left)]
        results += [", ".join(f"d{number[loop]}" for loop in self.right), *scalars, ", ".join(f"d{number[loop]}" for loop in self.out)]
        return ", ".join(f"affine_map<({dims}) -> ({result})>" for result in results)

    def _attributes(self) -> str:
        windows = [place for place in self.left if place.kernel]
        if self.maps:
            return f" indexing_maps = [{self._maps()}]"
        if not windows or "conv_1d " in self.name + " " or self.name == "linalg.conv_2d":
            return ""
        values = {"dilations": [each.dilation for each in windows], "strides": [each.stride for each in windows]}
        return " {" + ", ".join(f"{key} = dense<{each}> : tensor<{len(each)}xi64>" for key, each in values.items()) + "}"

    def _body(self) -> list[str]:
        points = ["%za: i32", "%zb: i32"] if self.points is not None else []
        arguments = [f"%{name}: {'i32' if wide else 'i8'}" for name, wide in zip("ab", self.wide)]
        lines = [f"^bb0({', '.join([*arguments, *points, '%c: i32'])}):"]
        lines += [f"%w{name} = arith.extsi %{name} : i8 to i32" for name, wide in zip("ab", self.wide) if not wide]
        factors = [f"%{name}" if wide else f"%w{name}" for name, wide in zip("ab", self.wide)]
        if points:
            lines += [f"%s{name} = arith.subi {factor}, %z{name} : i32" for name, factor in zip("ab", factors)]
            factors = ["%sa", "%sb"]
        return [*lines, f"%p = arith.muli {factors[0]}, {factors[1]} : i32", "%s = arith.addi %c, %p : i32", "linalg.yield %s : i32"]


def tensor(shape: Sequence[int], element: str = "i8") -> str:
    """A tensor type."""
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def dense(array: NDArray[Any]) -> str:
    """A dense attribute's content."""
    return str(array.tolist())
