"""The grid of a product: its ranges, what stays on chip, and how long its stream is."""

from __future__ import annotations

from dataclasses import dataclass

from hwacc.compiler.writer.numbers import Number, Numbers
from hwacc.compiler.writer.policy import Policy, step_grain
from hwacc.compiler.writer.product import Product

COLUMNS_KEPT = 2
"""Columns of panels whose weights are on chip at once, where they stay for a column: those in use, and the next."""


@dataclass(frozen=True)
class Ranges:
    """A dimension cut into ``count`` ranges of whole grains, as equal as can be."""

    body: Numbers
    size: Number
    grain: int
    grains: Number
    count: Number

    @classmethod
    def of(cls, body: Numbers, size: Number, grain: int, most: int) -> Ranges:
        """Ranges of at most ``most``, a multiple of ``grain``."""
        return cls(body, size, grain, body.ceil_div(size, grain), body.ceil_div(size, most))

    def bound(self, index: Number) -> Number:
        """Where range ``index`` begins, and the one before it ends."""
        whole = self.body.mul(self.body.div(self.body.mul(index, self.grains), self.count), self.grain)
        return self.body.min(self.size, whole)

    def range(self, index: Number) -> tuple[Number, Number]:
        """Where a range begins, and how long it is."""
        first = self.bound(index)
        return first, self.body.sub(self.bound(self.body.add(index, 1)), first)


class Grid:
    """Panels are numbered down the columns of panels, units likewise: steps within panels.

    ``keeps_bias``: it is loaded once, as a whole, before anything else, else once for each column of panels. Known only at run time are
    ``keeps_input``: the first column of panels loads the input, and the others find it on chip; and ``keeps_weights``: the first panel
    of a column loads the column's weights, in two places by turns, and the others find them. ``frees_columns``: both.
    """

    def __init__(self, body: Numbers, product: Product, policy: Policy) -> None:
        known = (product.m, product.k, product.n)
        self.m, self.k, self.n = (body.load("%sizes", index) if size is None else size for index, size in enumerate(known))
        self.rows = Ranges.of(body, self.m, policy.config.rows, policy.rows)
        self.columns = Ranges.of(body, self.n, policy.config.cols, policy.columns)
        self.steps = Ranges.of(body, self.k, step_grain(policy.config), policy.step)
        self.panels = body.mul(self.columns.count, self.rows.count)
        self.units = body.mul(self.panels, self.steps.count)
        self.keeps_bias = product.has_bias and product.n is not None and policy.keeps_bias(product.n)
        self.loads_bias = product.has_bias and not self.keeps_bias
        column_units = body.mul(self.rows.count, self.steps.count)
        self.keeps_input = body.less(column_units, policy.west_slots + 1)
        # Where the input does not stay, a column has more units than there are slots: those that wait for the input's places come
        # after all that used the weights' places two columns before.
        self.keeps_weights = body.less(body.mul(self.steps.count, COLUMNS_KEPT), policy.north_slots + 1)
        self.frees_columns = body.both(self.keeps_input, self.keeps_weights)
        input_loads = body.select(self.keeps_input, column_units, self.units)
        weights_loads = body.select(self.keeps_weights, body.mul(self.columns.count, self.steps.count), self.units)
        sides = body.mul(self.columns.count, int(self.loads_bias) + int(product.per_channel))
        loads = body.add(body.add(body.add(weights_loads, input_loads), sides), int(self.keeps_bias))
        self.relocations = body.add(loads, self.panels)
        self.descriptors = body.add(self.relocations, self.units)
