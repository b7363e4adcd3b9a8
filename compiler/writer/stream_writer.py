"""Host code that writes the stream of a matrix product, for whatever sizes it is given.

Two functions over the sizes, an array of i64 with M, K, N:

``stream_bytes(sizes)``
    How long the stream is.
``write_stream(sizes, out)``
    Writes the content of a stream file (:mod:`hwacc.stream`) to ``out``.

There is no planner at run time. Panels lie on a regular grid whose ranges
differ by one tile at most, so no panel is a sliver. For each panel, and each
step of k, there are a LOAD of the input and one of the weights, as far as they
are not on chip (:mod:`.grid`), and a COMPUTE; then a STORE. Units take the slots of the operand buffers in turn, panels the
two halves of the accumulator, so every token that an operation waits for is of
the operation that used the place before:

- LOADs of a unit wait for the COMPUTE of the unit that had the slot; where both operands stay, for the COMPUTEs of the last panel of
  the column whose places those of a column's weights were,
- the first COMPUTE of a panel waits for the STORE of the panel before the last,
- LOADs of bias and parameters, once for each column of panels, wait for the last STORE of the column that had their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc import isa
from hwacc.compiler.context import parse_module
from hwacc.compiler.transforms.passes import run_passes
from hwacc.compiler.writer.grid import COLUMNS_KEPT, Grid, Ranges
from hwacc.compiler.writer.numbers import Number, Numbers
from hwacc.compiler.writer.policy import Policy
from hwacc.compiler.writer.product import Product
from hwacc.compiler.writer.stream_file import StreamFile
from hwacc.config import INT32_BYTES, PARAMETER_BYTES
from hwacc.isa import Addend, Dataflow, Output, Target
from hwacc.program import STREAM_BYTES, WRITE_STREAM

if TYPE_CHECKING:
    from mlir import ir

TO_LLVM = (
    "canonicalize",
    "cse",
    "convert-scf-to-cf",
    "convert-arith-to-llvm",
    "convert-cf-to-llvm",
    "convert-func-to-llvm",
    "reconcile-unrealized-casts",
    "canonicalize",
)


def writer_module(product: Product, policy: Policy) -> ir.Module:
    """Both functions, in the LLVM dialect, in the current context."""
    text = "\n".join([_size_function(product, policy), _write_function(product, policy)])
    module = parse_module(text, "the writer of a stream")
    run_passes(module, TO_LLVM)
    return module


def writer_code(product: Product, policy: Policy) -> bytes:
    """The same as text."""
    return str(writer_module(product, policy)).encode()


def slots_of(product: Product) -> tuple[str, ...]:
    """The names of the stream's buffers, in order."""
    there = {"input": True, "weights": True, "bias": product.has_bias, "parameters": product.per_channel, "output": True}
    return tuple(name for name, is_there in there.items() if is_there)


def _size_function(product: Product, policy: Policy) -> str:
    body = Numbers(STREAM_BYTES, ("sizes",), result=True)
    return body.text(_file(body, Grid(body, product, policy), product).bytes)


def _file(body: Numbers, grid: Grid, product: Product) -> StreamFile:
    return StreamFile(body, slots_of(product), grid.descriptors, grid.relocations)


def _write_function(product: Product, policy: Policy) -> str:
    body = Numbers(WRITE_STREAM, ("sizes", "out"))
    _Writer(body, product, policy).write()
    return body.text()


class _Writer:
    """Makes the body of ``write_stream``. Names follow :mod:`.policy` and :mod:`.grid`."""

    def __init__(self, body: Numbers, product: Product, policy: Policy) -> None:
        self.body, self.product, self.policy, self.config = body, product, policy, policy.config
        self.grid = Grid(body, product, policy)
        self.file = _file(body, self.grid, product)
        self.element = 1 if product.output == "int8" else INT32_BYTES

    def write(self) -> None:
        """The whole stream."""
        body, grid = self.body, self.grid
        self.file.begin(self.config.hash, self._sizes())
        self.dataflow = self._dataflow()
        if grid.keeps_bias:
            self._side("bias", Target.ACCUMULATOR, (0, grid.n), INT32_BYTES, self.policy.bias, {})
        with body.loop(grid.columns.count) as column:
            self.first_column, self.column_count = grid.columns.range(column)
            self._sides(column)
            with body.loop(grid.rows.count) as row:
                self.panel = body.add(body.mul(column, grid.rows.count), row)
                self.first_row, self.row_count = grid.rows.range(row)
                with body.loop(grid.steps.count) as step:
                    self._unit(column, row, step)
                self._store(column, row)

    def _sizes(self) -> dict[str, Number]:
        """The bytes of each buffer."""
        body, grid = self.body, self.grid
        padded = body.mul(grid.columns.grains, self.config.cols)
        return {
            "input": body.mul(grid.m, grid.k),
            "weights": body.mul(grid.k, grid.n),
            "bias": body.mul(padded, INT32_BYTES),
            "parameters": body.mul(padded, PARAMETER_BYTES),
            "output": body.mul(body.mul(grid.m, grid.n), self.element),
        }

    def _dataflow(self) -> Number:
        """The dataflow whose tiles are the better filled."""
        available = self.config.available_dataflows
        if len(available) == 1:
            return int(available[0])
        body, grid = self.body, self.grid
        lanes = max(self.config.rows, self.config.cols)
        output_stationary = body.mul(grid.rows.grains, body.max(grid.k, lanes))
        weight_stationary = body.mul(body.ceil_div(grid.k, self.config.rows), body.max(grid.m, lanes))
        return body.select(
            body.less(weight_stationary, output_stationary), int(Dataflow.WEIGHT_STATIONARY), int(Dataflow.OUTPUT_STATIONARY)
        )

    def _sides(self, column: Number) -> None:
        """LOADs of the bias and of the parameters of a column of panels, which wait for the column that had their places."""
        body, policy = self.body, self.policy
        waits = self._not_before(column, policy.side_slots)
        place = body.mul(body.rem(column, policy.side_slots), policy.tiles)
        columns = self.first_column, self.column_count
        self.bias_word = body.add(body.div(self.first_column, self.config.cols) if self.grid.keeps_bias else place, policy.bias)
        self.parameter_word = place
        if self.grid.loads_bias:
            self._side("bias", Target.ACCUMULATOR, columns, INT32_BYTES, self.bias_word, {"wait_store": waits})
            waits = 0
        if self.product.per_channel:
            tokens: dict[str, Number] = {"wait_store": waits, "signal_store": 1}
            self._side("parameters", Target.PARAMETERS, columns, PARAMETER_BYTES, self.parameter_word, tokens)

    def _side(
        self, name: str, target: Target, columns: tuple[Number, Number], element: int, word: Number, tokens: dict[str, Number]
    ) -> None:
        """The LOAD of what a range of columns has, to whole words from ``word`` on."""
        body, cols = self.body, self.config.cols
        padded = body.mul(body.ceil_div(columns[1], cols), cols)
        fields: dict[str, Number] = {"address": body.mul(columns[0], element), "run": body.mul(padded, element)}
        fields |= {"local": body.mul(word, cols * element), "target": int(target)}
        self.file.add(isa.LOAD, {**fields, **tokens}, name)

    def _unit(self, column: Number, row: Number, step: Number) -> None:
        """The LOADs of what is not on chip of a step of a panel, and the COMPUTE."""
        body, grid = self.body, self.grid
        unit = body.add(body.mul(self.panel, grid.steps.count), step)
        slot = body.rem(unit, self.policy.slots)
        west_slot = body.select(grid.keeps_input, body.add(body.mul(row, grid.steps.count), step), slot)
        turn = body.mul(body.rem(column, COLUMNS_KEPT), grid.steps.count)
        north_slot = body.select(grid.keeps_weights, body.add(turn, step), slot)
        loads_input = body.either(body.less(column, 1), body.less(grid.keeps_input, 1))
        loads_weights = body.either(body.less(row, 1), body.less(grid.keeps_weights, 1))
        # Where the input stays, its places are never given to other units: then LOADs of weights wait for theirs.
        waits = body.select(grid.frees_columns, self._not_before(column, COLUMNS_KEPT), self._not_before(unit, self.policy.slots))
        part = grid.steps.range(step)
        with body.when(loads_input):
            tokens = {"wait_compute": body.select(grid.keeps_input, 0, waits), "signal_compute": body.less(loads_weights, 1)}
            self._load("west", (self.first_row, self.row_count), part, west_slot, tokens)
        with body.when(loads_weights):
            tokens = {"wait_compute": body.select(grid.keeps_input, waits, 0), "signal_compute": 1}
            self._load("north", (self.first_column, self.column_count), part, north_slot, tokens)
        frees = body.select(
            grid.frees_columns,
            body.both(self._is_last(row, grid.rows), self._not_after(column, COLUMNS_KEPT, grid.columns.count)),
            self._not_after(unit, self.policy.slots, grid.units),
        )
        tokens = {"wait_load": body.either(loads_input, loads_weights), "signal_load": frees}
        self._compute(step, part[1], {**self._held("west", west_slot), **self._held("north", north_slot), **tokens})

    def _compute(self, step: Number, count: Number, fields: dict[str, Number]) -> None:
        """The COMPUTE of a step of a panel, of ``count`` steps of k; ``fields`` are those that have to do with its operands."""
        body, product = self.body, self.product
        is_first = body.less(step, 1)
        start = int(Addend.BIAS if product.has_bias else Addend.NONE)
        common: dict[str, Number] = {"m": self.row_count, "n": self.column_count, "k": count, "dataflow": self.dataflow}
        common |= {"addend": body.select(is_first, start, int(Addend.ACCUMULATE)), "acc": self._result()}
        if product.has_bias:
            common["bias"] = self.bias_word
        common["wait_store"] = body.both(is_first, self._not_before(self.panel, len(self.policy.results)))
        common["signal_store"] = self._is_last(step, self.grid.steps)
        self.file.add(isa.COMPUTE, {**common, **fields})

    def _load(self, side: str, lanes: tuple[Number, Number], part: tuple[Number, Number], slot: Number, tokens: dict[str, Number]) -> None:
        """The LOAD of an operand's unit. Lines that follow one another in memory are one run."""
        body = self.body
        size, most, along_k = self._lines(side)
        lines, run = (lanes, part) if along_k else (part, lanes)
        whole = body.less(size, most + 1)
        fields: dict[str, Number] = {
            "address": body.add(body.mul(lines[0], size), run[0]),
            "run": body.select(whole, body.mul(lines[1], run[1]), run[1]),
            "count1": body.select(whole, 1, lines[1]),
            "stride1": size,
            "local_stride1": body.min(size, most),
            "local": self._place(side, slot),
            "target": int(Target[side.upper()]),
        }
        self.file.add(isa.LOAD, {**fields, **tokens}, "input" if side == "west" else "weights")

    def _held(self, side: str, slot: Number) -> dict[str, Number]:
        """The fields with which COMPUTE finds an operand's unit."""
        size, most, along_k = self._lines(side)
        return {side: self._place(side, slot), f"{side}_stride": self.body.min(size, most), f"{side}_k_contiguous": int(along_k)}

    def _lines(self, side: str) -> tuple[Number, int, bool]:
        """How long a line of an operand is in memory, how long one of a unit may be, and whether k runs along it."""
        along_k = side == "west" or self.product.weights_layout == "nk"
        return (self.grid.k, self.policy.step, True) if along_k else (self.grid.n, self.policy.columns, False)

    def _place(self, side: str, slot: Number) -> Number:
        """First byte of a slot of an operand buffer."""
        return self.body.mul(slot, self.policy.step * (self.policy.rows if side == "west" else self.policy.columns))

    def _store(self, column: Number, row: Number) -> None:
        """The STORE of a panel."""
        body, policy, grid, product = self.body, self.policy, self.grid, self.product
        address = body.mul(body.add(body.mul(self.first_row, grid.n), self.first_column), self.element)
        fields: dict[str, Number] = {"address": address, "n": self.column_count, "count1": self.row_count, "acc": self._result()}
        fields |= {"stride1": body.mul(grid.n, self.element), "output": int(Output[product.output.upper()]), "wait_compute": 1}
        if product.output == "int8":
            fields |= {name: int(getattr(product, name)) for name in ("double_round", "zero_point", "clamp_min", "clamp_max")}
            scale = {"multiplier": product.multiplier, "shift": product.shift}
            channels = {"per_channel": 1, "parameters": self.parameter_word, "wait_load": body.less(row, 1)}
            fields |= channels if product.per_channel else scale
        fields["signal_compute"] = self._not_after(self.panel, len(policy.results), grid.panels)
        if grid.loads_bias or product.per_channel:
            frees = self._not_after(column, policy.side_slots, grid.columns.count)
            fields["signal_load"] = body.both(self._is_last(row, grid.rows), frees)
        self.file.add(isa.STORE, fields, "output")

    def _result(self) -> Number:
        """First accumulator word of the panel's result."""
        even, odd = self.policy.results
        return self.body.add(self.body.mul(self.body.rem(self.panel, 2), odd - even), even)

    def _is_last(self, index: Number, ranges: Ranges) -> Number:
        """1 for the last of some ranges."""
        return self.body.less(ranges.count, self.body.add(index, 2))

    def _not_before(self, number: Number, distance: int) -> Number:
        """1 if there is an operation of this kind ``distance`` before ``number``, whose token is to be taken."""
        return self.body.less(distance - 1, number)

    def _not_after(self, number: Number, distance: int, count: Number) -> Number:
        """1 if there is one ``distance`` after, of ``count`` in all, that will take the token."""
        return self.body.less(self.body.add(number, distance), count)
