"""What the array asks of the operands of a contraction: int8 by int8 into int32, zero points that can be folded."""

from __future__ import annotations

from math import prod

from hwacc.compiler.constants import constant_array, constant_scalar
from hwacc.compiler.transforms.linalg_form import Factor, Form
from hwacc.compiler.transforms.loop_roles import Roles
from hwacc.compiler.transforms.reasons import NotForArray
from hwacc.config import ArrayConfig


def require_int8(form: Form) -> None:
    """Raises :class:`NotForArray` unless the form multiplies signed int8 by int8 into int32, and is not empty."""
    left, right, total = form.left.element, form.right.element, str(form.accumulator.type.element_type)
    if [left, right, total] != ["i8", "i8", "i32"]:
        raise NotForArray(f"multiplies {left} by {right} into {total}; the array multiplies i8 by i8 into i32")
    if not (form.left.signed and form.right.signed):
        raise NotForArray("its operands are unsigned; the array multiplies signed int8")
    if not prod(form.sizes.values()):
        raise NotForArray("is empty: one of its sizes is 0")


def require_short(form: Form, roles: Roles) -> None:
    """Raises :class:`NotForArray` where the sum could leave int32."""
    length, limit = prod(form.shape(roles.inner + roles.kernel)), ArrayConfig().max_k
    if length > limit:
        raise NotForArray(f"a reduction of {length} products can overflow int32; at most {limit} are supported")


def zero_points(form: Form) -> tuple[int, int]:
    """Of both factors; raises :class:`NotForArray` unless they are constant."""
    left, right = zero_point_of(form.left), zero_point_of(form.right)
    if left is None or right is None:
        raise NotForArray("its zero points are not constant")
    return left, right


def can_fold(form: Form) -> bool:
    """Whether the zero points can go into a bias: none of the right factor, and of the left one only if the right one is constant."""
    left, right = zero_points(form)
    return right == 0 and (left == 0 or constant_array(form.right.value) is not None)


def required_zero_point(form: Form) -> int:
    """The input's zero point; raises :class:`NotForArray` unless it can be folded."""
    left, right = zero_points(form)
    if right != 0:
        raise NotForArray(f"its weights have the zero point {right}; the array takes symmetric weights only")
    if not can_fold(form):
        raise NotForArray(f"its input has the zero point {left}, and the weights to fold it into are not constant")
    return left


def zero_point_of(factor: Factor) -> int | None:
    """The number that is subtracted from each element; None if it is not known."""
    if factor.zero_point is None:
        return 0
    number = constant_scalar(factor.zero_point)
    return None if number is None else int(number)
