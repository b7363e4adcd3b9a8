"""A program under construction: MLIR text, line by line, and beside it what NumPy makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.compiler.random_programs.contraction import dense, tensor

PARALLEL = '"parallel"'


@dataclass
class Value:
    """A tensor of a program: its name, and what it holds when the program is run."""

    name: str
    array: NDArray[Any]

    @property
    def kind(self) -> str:
        """Its type."""
        return tensor(self.array.shape, f"i{8 * self.array.itemsize}")


@dataclass(repr=False)
class RandomProgram:
    """One function: its lines, what it is called with, what it is to return, and how many of its contractions are the array's."""

    random: np.random.Generator
    lines: list[str] = field(default_factory=list)
    arguments: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    contractions: int = 0
    for_array: int = 0
    names: int = 0

    def __repr__(self) -> str:
        return f"\n{self.text}\n"

    @property
    def text(self) -> str:
        """The module."""
        arguments = ", ".join(f"{each.name}: {each.kind}" for each in self.arguments)
        kinds = ", ".join(each.kind for each in self.results)
        returned = f"return {', '.join(each.name for each in self.results)} : {kinds}"
        return "\n".join([f"func.func @main({arguments}) -> ({kinds}) {{", *self.lines, returned, "}"])

    def name(self) -> str:
        """A new one."""
        self.names += 1
        return f"%v{self.names}"

    def data(self, shape: tuple[int, ...], dtype: Any = np.int8) -> NDArray[Any]:
        """Random content over the whole range of int8, or a good part of that of int32."""
        if dtype is np.int8:
            return self.random.integers(-128, 128, shape).astype(np.int8)
        return self.random.integers(-(2**20), 2**20, shape).astype(np.int32)

    def argument(self, shape: tuple[int, ...], dtype: Any = np.int8) -> Value:
        """A new argument of the function."""
        self.arguments.append(Value(f"%arg{len(self.arguments)}", self.data(shape, dtype)))
        return self.arguments[-1]

    def constant(self, array: NDArray[Any]) -> Value:
        """A constant tensor."""
        made = Value(self.name(), array)
        self.lines.append(f"{made.name} = arith.constant dense<{dense(array)}> : {made.kind}")
        return made

    def elementwise(self, inputs: list[tuple[Value, list[int]]], body: list[str], result: NDArray[Any], yields: str = "%r") -> Value:
        """A ``linalg.generic`` over ``result``'s elements of inputs, each with the axes along which it lies."""
        made, empty = Value(self.name(), result), self.name()
        dims = ", ".join(f"d{i}" for i in range(result.ndim))
        maps = [", ".join(f"d{axis}" for axis in axes) for _, axes in inputs] + [dims]
        element = f"i{8 * result.itemsize}"
        names = [f"%e{i}: i{8 * value.array.itemsize}" for i, (value, _) in enumerate(inputs)] + [f"%o: {element}"]
        self.lines += [
            f"{empty} = tensor.empty() : {made.kind}",
            f"{made.name} = linalg.generic {{indexing_maps = [{', '.join(f'affine_map<({dims}) -> ({each})>' for each in maps)}], "
            f"iterator_types = [{', '.join([PARALLEL] * result.ndim)}]}} ins({', '.join(value.name for value, _ in inputs)} : "
            f"{', '.join(value.kind for value, _ in inputs)}) outs({empty} : {made.kind}) {{",
            f"^bb0({', '.join(names)}):",
            *body,
            f"linalg.yield {yields} : {element}",
            f"}} -> {made.kind}",
        ]
        return made
