"""How a contraction without windows becomes one matrix product, or a batch of them: of all ways the one that moves the least bytes.

Either factor may be the input, either may lie with the summed dimension last or first; what then is not in the order that
``hwacc.gemm`` knows has to be transposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array
from hwacc.compiler.transforms.channel_values import for_channels, repeated_constant
from hwacc.compiler.transforms.int8_operands import can_fold
from hwacc.compiler.transforms.linalg_form import Factor, Form
from hwacc.compiler.transforms.loop_roles import Roles, roles_of
from hwacc.compiler.transforms.rearrange import moves_bytes
from hwacc.config import INT32_BYTES


@dataclass(frozen=True)
class Arrangement:
    """A contraction as a product of the left factor, the input, by the right one, the weights.

    ``batch``, ``rows``, ``columns`` and ``inner`` are loops in the order in which they make one dimension each; ``bias`` has an element
    for each column of each product of the batch, and is None if what is added does not repeat along the rows.
    """

    form: Form
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    inner: tuple[int, ...]
    input_km: bool
    weights_kn: bool
    bias: NDArray[np.int32] | None

    @property
    def input_loops(self) -> list[int]:
        """Loops of the input, in the order in which it is to lie."""
        return [*self.batch, *self.inner, *self.rows] if self.input_km else [*self.batch, *self.rows, *self.inner]

    @property
    def weights_loops(self) -> list[int]:
        """Loops of the weights likewise."""
        return [*self.batch, *self.inner, *self.columns] if self.weights_kn else [*self.batch, *self.columns, *self.inner]

    @property
    def result_loops(self) -> list[int]:
        """Loops of the product's result."""
        return [*self.batch, *self.rows, *self.columns]

    @property
    def price(self) -> tuple[int, int]:
        """Bytes to move at every run, and constants to rearrange once."""
        results = INT32_BYTES * prod(self.form.shape(self.form.out))
        moved = results if moves_bytes(self.form.shape(self.form.out), order_of(self.form.out, self.result_loops)) else 0
        added = 0 if self.bias is not None else 2 * results
        factors = [(self.form.left, self.input_loops), (self.form.right, self.weights_loops)]
        changed = [factor for factor, loops in factors if moves_bytes(factor.shape, axes_order(factor, loops))]
        bytes_moved = sum(prod(factor.shape) for factor in changed if constant_array(factor.value) is None)
        corrected = 0 if can_fold(self.form) else 2 * results
        return moved + added + bytes_moved + corrected, len(changed)


def order_of(wanted: Sequence[int], have: Sequence[int]) -> list[int]:
    """The permutation of ``have`` that gives ``wanted``."""
    return [list(have).index(loop) for loop in wanted]


def axes_order(factor: Factor, loops: Sequence[int]) -> list[int]:
    """The axes of a factor so that its loops come in this order, after the places that are always 0."""
    return [axis for axis, terms in enumerate(factor.axes) if not terms] + [factor.axis_of(loop) for loop in loops]


def cheapest(form: Form) -> Arrangement:
    """The arrangement that moves the least; of equal ones the one nearest to how the operation says it."""
    return min(arrangements(form), key=lambda each: each.price)


def arrangements(form: Form) -> Iterator[Arrangement]:
    """All arrangements worth a look."""
    for candidate in (form, form.swapped):
        roles = roles_of(candidate, ())
        batch, rows, columns = (tuple(loop for loop in form.out if loop in part) for part in (roles.batch, roles.rows, roles.columns))
        bias = bias_of(candidate, roles, rows)
        summed = dict.fromkeys((roles.inner, tuple(loop for loop in candidate.right.loops if loop in roles.inner)))
        for inner, input_km, weights_kn in product(summed, (False, True), (True, False)):
            yield Arrangement(candidate, batch, rows, columns, inner, input_km, weights_kn, bias)


def bias_of(form: Form, roles: Roles, rows: Sequence[int]) -> NDArray[np.int32] | None:
    """What the result starts from, for each column of each product; None if it is not constant along the ``rows``."""
    start = repeated_constant(form.accumulator)
    found = None if start is None else for_channels(start, [form.out.index(loop) for loop in rows])
    if found is None:
        return None
    order = order_of([*(loop for loop in form.out if loop in roles.batch), *rows, *roles.columns], form.out)
    return np.ascontiguousarray(found.transpose(order)).astype(np.int32).ravel()
