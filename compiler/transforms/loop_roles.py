"""What each loop of a contraction does, which follows from the operands through which it moves."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from hwacc.compiler.transforms.linalg_form import Form
from hwacc.compiler.transforms.reasons import NotForArray


@dataclass(frozen=True)
class Window:
    """An axis of the picture along which a kernel moves: its ``pixel`` loop, and its ``kernel`` loop, if it has one."""

    axis: int
    pixel: int
    stride: int
    kernel: int | None
    dilation: int


@dataclass(frozen=True)
class Roles:
    """Loops by what they do.

    ``batch`` moves through both factors and the result, ``rows`` through the left factor and the result, ``columns`` through the
    right one and the result, ``inner`` through both factors: it is summed up. ``windows`` are apart. Each in the order of the
    left factor, ``columns`` in that of the result.
    """

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    inner: tuple[int, ...]
    windows: tuple[Window, ...]

    @property
    def kernel(self) -> tuple[int, ...]:
        """The kernel loops of the windows."""
        return tuple(window.kernel for window in self.windows if window.kernel is not None)

    @property
    def pixels(self) -> tuple[int, ...]:
        """The pixel loops of the windows."""
        return tuple(window.pixel for window in self.windows)

    def is_depthwise(self, form: Form) -> bool:
        """Whether each output channel has one input channel to itself."""
        return bool(self.windows and self.batch) and prod(form.shape(self.inner)) == 1 and prod(form.shape(self.batch)) > 1


def with_roles(form: Form) -> tuple[Form, Roles]:
    """The form with its windows, if any, on the left, and the roles of its loops; raises :class:`NotForArray`."""
    if any(is_window(axis) for axis in form.right.axes):
        form = form.swapped
    if any(is_window(axis) for axis in form.right.axes):
        raise NotForArray("windows move through both of its operands")
    for loops in (form.left.loops, form.right.loops, form.out):
        if len(set(loops)) != len(loops):
            raise NotForArray("a loop moves along two axes of one operand")
    for factor in (form.left, form.right):
        if any(size != 1 for axis, size in zip(factor.axes, factor.shape) if not axis):
            raise NotForArray("it reads the first place alone along an axis of an operand")
    windows = tuple(window(form, axis) for axis, terms in enumerate(form.left.axes) if is_window(terms))
    return form, roles_of(form, windows)


def is_window(axis: tuple[tuple[int, int], ...]) -> bool:
    """Whether an index is more than one loop."""
    return len(axis) > 1 or any(coefficient != 1 for _, coefficient in axis)


def window(form: Form, axis: int) -> Window:
    """The window along an axis of the left factor."""
    terms = form.left.axes[axis]
    pixels = [term for term in terms if term[0] in form.out]
    kernels = [term for term in terms if term[0] not in form.out]
    if len(pixels) != 1 or len(kernels) > 1 or pixels[0][0] in form.right.loops or any(loop not in form.right.loops for loop, _ in kernels):
        raise NotForArray("an index of its input is not a stride times a pixel plus a dilation times a place in the kernel")
    kernel, dilation = kernels[0] if kernels else (None, 1)
    return Window(axis, *pixels[0], kernel, dilation)


def roles_of(form: Form, windows: tuple[Window, ...]) -> Roles:
    """The roles of all loops; raises :class:`NotForArray` for a loop that has none."""
    left, right, out = (set(loops) for loops in (form.left.loops, form.right.loops, form.out))
    if (left ^ right) - out:
        raise NotForArray("it sums one operand alone along a loop")
    if out - left - right:
        raise NotForArray("its result repeats along a loop")
    moved = {loop for each in windows for loop in (each.pixel, each.kernel)}
    plain = [loop for loop in form.left.loops if loop not in moved]
    return Roles(
        tuple(loop for loop in plain if loop in right and loop in out),
        tuple(loop for loop in plain if loop not in right),
        tuple(loop for loop in form.out if loop not in left),
        tuple(loop for loop in plain if loop in right and loop not in out),
        windows,
    )
