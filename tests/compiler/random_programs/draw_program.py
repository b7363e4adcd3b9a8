"""Draws random programs: one contraction or a few, each with an epilogue."""

from __future__ import annotations

from math import ceil, log2

import numpy as np
from hypothesis import strategies as st

from hwacc import reference
from tests.compiler.random_programs.contraction import Contraction
from tests.compiler.random_programs.draw import Draw, generic, named, number
from tests.compiler.random_programs.program import RandomProgram, Value

MOST_RANK = 5
"""Of a result that goes on to another contraction."""
TYPICAL_PRODUCT = 74 * 74
"""Standard deviation of the product of two evenly distributed int8 values."""


@st.composite
def programs(draw: Draw) -> RandomProgram:
    """A program of one to three contractions, each of the result of the one before."""
    program = RandomProgram(np.random.default_rng(number(draw, 0, 2**32 - 1)))
    value = None
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        if value is not None and (value.array.dtype != np.int8 or value.array.ndim > MOST_RANK or not value.array.ndim):
            break
        made = generic(draw, value.array.shape) if value is not None else named(draw) if number(draw, 0, 1) else generic(draw)
        left = value or program.argument(made.left_shape)
        value = with_epilogue(draw, program, made, contracted(draw, program, made, left))
        if number(draw, 0, 5) == 0:
            program.results.append(value)
    assert value is not None
    if value not in program.results:
        program.results.append(value)
    return program


def contracted(draw: Draw, program: RandomProgram, made: Contraction, left: Value) -> Value:
    """The contraction's int32 result."""
    data = program.data(made.right_shape)
    windows = any(each.kernel for each in made.left)
    constant = (windows and made.points is not None) or bool(number(draw, 0, 2))
    right = program.constant(data) if constant else program.argument(made.right_shape)
    left, right = (widened(program, value) if wide else value for value, wide in zip((left, right), made.wide))
    start = starting(draw, program, made)
    result = Value(program.name(), made.value(left.array, right.array, start.array))
    program.lines += made.text([left.name, right.name, start.name], result.name)
    program.contractions += 1
    program.for_array += made.on_array
    return result


def widened(program: RandomProgram, value: Value) -> Value:
    """The same numbers as int32."""
    axes = list(range(value.array.ndim))
    return program.elementwise([(value, axes)], ["%r = arith.extsi %e0 : i8 to i32"], value.array.astype(np.int32))


def starting(draw: Draw, program: RandomProgram, made: Contraction) -> Value:
    """What the contraction adds to: zeros, one number for each index along an axis, a constant, an argument."""
    kind = draw(st.sampled_from(("zeros", "channels", "channels", "constant", "argument")))
    if kind == "argument":
        return program.argument(made.out_shape, np.int32)
    if kind == "channels" and made.out:
        axis = made.out.index(draw(st.sampled_from(made.columns or made.out)))
        vector = program.constant(program.data((made.out_shape[axis],), np.int32))
        shape = [1] * len(made.out)
        shape[axis] = -1
        spread = np.broadcast_to(vector.array.reshape(shape), made.out_shape)
        return program.elementwise([(vector, [axis])], [], spread, yields="%e0")
    return program.constant(program.data(made.out_shape, np.int32) * (kind == "constant"))


def with_epilogue(draw: Draw, program: RandomProgram, made: Contraction, value: Value) -> Value:
    """What follows the contraction: nothing, or a bias, a residual, a rescale, a clamp, in this order, each or not."""
    axes = list(range(len(made.out)))
    if made.out and number(draw, 0, 3) == 0:
        axis = made.out.index(draw(st.sampled_from(made.columns or made.out)))
        vector = program.constant(program.data((made.out_shape[axis],), np.int32))
        value = summed(program, value, vector, [axis], made)
    if number(draw, 0, 4) == 0:
        value = summed(program, value, program.argument(made.out_shape, np.int32), axes, made)
    if number(draw, 0, 3) == 0:
        return value
    value = rescaled(draw, program, made, value)
    if number(draw, 0, 3) == 0:
        value = residual(program, value)
    return clamped(draw, program, value) if number(draw, 0, 2) == 0 else value


def summed(program: RandomProgram, value: Value, other: Value, axes: list[int], made: Contraction) -> Value:
    """Plus ``other``, which lies along these axes."""
    shape = [size if axis in axes else 1 for axis, size in enumerate(made.out_shape)]
    total = reference.wrap32(value.array.astype(np.int64) + other.array.reshape(shape))
    return program.elementwise([(value, list(range(len(made.out)))), (other, axes)], ["%r = arith.addi %e0, %e1 : i32"], total)


def rescaled(draw: Draw, program: RandomProgram, made: Contraction, value: Value) -> Value:
    """Requantised to int8: by numbers for all, or for each index along an axis, most often that of the output channels."""
    rank, terms = len(made.out), max(1, int(np.prod(list(made.sizes.values())) // max(1, value.array.size)))
    shift = 30 + max(0, ceil(log2(TYPICAL_PRODUCT * terms**0.5 / 32))) + number(draw, -1, 2)
    double = bool(number(draw, 0, 1))
    point, low, high = number(draw, -128, 127), number(draw, -128, 20), number(draw, 21, 127)
    if rank and number(draw, 0, 1):
        axis = made.out.index(draw(st.sampled_from(made.columns or made.out)))
        count, shape = made.out_shape[axis], [-1 if each == axis else 1 for each in range(rank)]
        multiplier = program.random.integers(2**30, 2**31, count)
        shifts = program.random.integers(shift - 2, shift + 3, count)
        vectors = [program.constant(multiplier.astype(np.int32)), program.constant(shifts.astype(np.int8))]
        inputs, scales, numbers = [(vector, [axis]) for vector in vectors], ("%e1", "%e2"), []
        scale, places = multiplier.reshape(shape), shifts.reshape(shape)
    else:
        scale, places = np.array(number(draw, 2**30, 2**31 - 1)), np.array(shift)
        inputs, scales = [], ("%m", "%s")
        numbers = [f"%m = arith.constant {scale} : i32", f"%s = arith.constant {places} : i8"]
    result = reference.requantise(value.array, scale, places, point, low, high, double)
    body = [
        *numbers,
        f"%zp = arith.constant {point} : i32",
        f"%low = arith.constant {low} : i32",
        f"%high = arith.constant {high} : i32",
        f"%scaled = tosa.apply_scale %e0, {scales[0]}, {scales[1]} "
        f"{{rounding_mode = {'DOUBLE' if double else 'SINGLE'}_ROUND}} : (i32, i32, i8) -> i32",
        "%moved = arith.addi %scaled, %zp : i32",
        "%least = arith.maxsi %moved, %low : i32",
        "%most = arith.minsi %least, %high : i32",
        "%r = arith.trunci %most : i32 to i8",
    ]
    return program.elementwise([(value, list(range(rank))), *inputs], body, np.asarray(result, np.int8).reshape(made.out_shape))


def residual(program: RandomProgram, value: Value) -> Value:
    """Plus an int8 argument, saturated."""
    other, axes = program.argument(value.array.shape), list(range(value.array.ndim))
    result = np.clip(value.array.astype(np.int32) + other.array, -128, 127).astype(np.int8)
    body = [
        "%one = arith.extsi %e0 : i8 to i32",
        "%other = arith.extsi %e1 : i8 to i32",
        "%total = arith.addi %one, %other : i32",
        "%low = arith.constant -128 : i32",
        "%high = arith.constant 127 : i32",
        "%least = arith.maxsi %total, %low : i32",
        "%most = arith.minsi %least, %high : i32",
        "%r = arith.trunci %most : i32 to i8",
    ]
    return program.elementwise([(value, axes), (other, axes)], body, result)


def clamped(draw: Draw, program: RandomProgram, value: Value) -> Value:
    """An activation: not below one number, not above another."""
    low, high = number(draw, -128, 30), number(draw, 31, 127)
    body = [
        f"%low = arith.constant {low} : i8",
        f"%high = arith.constant {high} : i8",
        "%least = arith.maxsi %e0, %low : i8",
        "%r = arith.minsi %least, %high : i8",
    ]
    return program.elementwise([(value, list(range(value.array.ndim)))], body, np.clip(value.array, low, high))
