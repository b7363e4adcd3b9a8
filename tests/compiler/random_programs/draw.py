"""Draws random contractions: their operands' dimensions in any order, spelled in any way that linalg has for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from hypothesis import strategies as st

from tests.compiler.random_programs.contraction import Contraction, Place
from tests.compiler.random_programs.spellings import CONVOLUTIONS, DEPTHWISE, PRODUCTS, WITH_MAPS

Draw = Callable[[st.SearchStrategy[Any]], Any]
MOST_PRODUCTS = 40_000
"""Multiply-accumulates of a contraction."""
UNUSED = "abcdefghijklmopquvwxyz"


def number(draw: Draw, low: int, high: int) -> int:
    """From ``low`` to ``high``."""
    return int(draw(st.integers(low, high)))


def shuffled(draw: Draw, items: Sequence[Any]) -> list[Any]:
    """In any order."""
    return list(draw(st.permutations(list(items))))


MOST_WINDOWS = 2
"""Dimensions of a kernel that the array reads."""


def size(draw: Draw) -> int:
    """Of a dimension: 1 now and then, seldom more than a tile or two."""
    return number(draw, 1, draw(st.sampled_from((1, 3, 6, 9, 17))))


def place(draw: Draw, token: str) -> Place:
    """An axis of the left operand: ``k``, or ``yr`` for a window, with a stride and a dilation."""
    if len(token) == 1:
        return Place(token)
    return Place(token[0], token[1], number(draw, 1, 3), number(draw, 1, 3), draw(st.sampled_from((0, 0, 0, 1, 4))))


def named(draw: Draw) -> Contraction:
    """An operation with a name, its operands as that says, or where it may say otherwise in another order."""
    table = draw(st.sampled_from((PRODUCTS, PRODUCTS, CONVOLUTIONS, CONVOLUTIONS, DEPTHWISE)))
    name = draw(st.sampled_from(sorted(table)))
    left, right, out = table[name]
    maps = name in WITH_MAPS and bool(number(draw, 0, 1))
    if maps:
        left, right = (draw(st.sampled_from(choices)) for choices in WITH_MAPS[name])
    places = [place(draw, token) for token in left.split()]
    if name in ("linalg.conv_1d", "linalg.conv_2d"):
        places = [Place(each.loop, each.kernel) for each in places]
    quantised = name.endswith("_q") or ".quantized" in name
    made = finished(draw, name, places, right.replace(" ", ""), out.replace(" ", ""), quantised=quantised, maps=maps)
    return replace(made, sizes={loop: made.sizes[loop] for loop in "bmnk" if loop in made.sizes}) if maps else made


def generic(draw: Draw, shape: Sequence[int] | None = None) -> Contraction:
    """A ``linalg.generic`` or ``linalg.contract`` with up to two loops of each kind; with a ``shape``, the left operand's, any number."""
    if shape is None:
        counts = {"b": number(draw, 0, 2), "m": number(draw, 0, 2), "k": number(draw, 0, 2), "w": draw(st.sampled_from((0, 0, 1, 2)))}
        kinds = shuffled(draw, [kind for kind, count in counts.items() for _ in range(count)])
    else:
        kinds = [draw(st.sampled_from("bmkw" if length > 2 else "bmk")) for length in shape]
    if not set(kinds) & {"k", "w"}:
        kinds = [*kinds, "k"] if shape is None else ["k", *kinds[1:]]
    letters = iter(UNUSED)
    roles: dict[str, list[str]] = {kind: [] for kind in "bmkpr"}
    places, sizes = [], dict[str, int]()
    for axis, kind in enumerate(kinds):
        loop = next(letters)
        wanted = None if shape is None else shape[axis]
        if kind == "w":
            kernel = next(letters)
            reach = number(draw, 1, 3) if wanted is None else number(draw, 1, min(3, wanted))
            places.append(Place(loop, kernel, number(draw, 1, 3) if wanted is None else 1, number(draw, 1, 3) if wanted is None else 1))
            sizes[kernel] = reach
            if wanted is not None:
                sizes[loop] = wanted - reach + 1
            roles["p"].append(loop)
            roles["r"].append(kernel)
        else:
            places.append(Place(loop))
            roles[kind].append(loop)
            if wanted is not None:
                sizes[loop] = wanted
    columns = [next(letters) for _ in range(number(draw, 0, 2))]
    right = "".join(shuffled(draw, roles["b"] + roles["k"] + roles["r"] + columns))
    out = "".join(shuffled(draw, roles["b"] + roles["m"] + roles["p"] + columns))
    contract = not roles["r"] and bool(number(draw, 0, 1))
    quantised = not contract and number(draw, 0, 3) == 0
    name = "linalg.contract" if contract else ""
    return finished(draw, name, places, right, out, quantised=quantised, maps=contract, sizes=sizes, can_pad=shape is None)


def finished(
    draw: Draw,
    name: str,
    places: Sequence[Place],
    right: str,
    out: str,
    *,
    quantised: bool,
    maps: bool,
    sizes: dict[str, int] | None = None,
    can_pad: bool = True,
) -> Contraction:
    """With sizes for the loops that have none yet, zero points, padding."""
    loops = dict.fromkeys("".join(each.loop + each.kernel for each in places) + right + out)
    kernels = {each.kernel for each in places}
    found = {loop: (sizes or {}).get(loop) or (number(draw, 1, 3) if loop in kernels else size(draw)) for loop in loops}
    while prod(found.values()) > MOST_PRODUCTS:
        free = [loop for loop in loops if loop not in (sizes or {}) and found[loop] > 1]
        if not free:
            break
        found[max(free, key=found.__getitem__)] //= 2
    points = (number(draw, -128, 127), draw(st.sampled_from((0, 0, 0, number(draw, -128, 127))))) if quantised else None
    padding, pad_value = tuple[tuple[int, int], ...](), 0
    if can_pad and number(draw, 0, 1):
        padding = tuple(pad(draw, each, found) for each in places)
        pad_value = points[0] if points else number(draw, -128, 127)
    made = Contraction(found, tuple(places), right, out, name, maps, points, padding if any(map(any, padding)) else (), pad_value)
    can_widen = number(draw, 0, 5) == 0
    wide = (can_widen and not made.padding and bool(number(draw, 0, 1)), can_widen and bool(number(draw, 0, 1)))
    made = replace(made, wide=wide)
    windows = sum(bool(each.kernel) for each in places)
    refused = windows > MOST_WINDOWS or is_depthwise(made) or (windows and points is not None and points[1])
    return replace(made, on_array=not refused)


def pad(draw: Draw, each: Place, sizes: dict[str, int]) -> tuple[int, int]:
    """How much of an axis is padding, so that some of it is left."""
    whole = each.size(sizes)
    if not each.kernel or whole < 2:
        return 0, 0
    low = number(draw, 0, min(3, whole - 1))
    return low, number(draw, 0, min(3, whole - 1 - low))


def is_depthwise(made: Contraction) -> bool:
    """Whether there are windows, and each output channel has one input channel to itself."""
    if not any(each.kernel for each in made.left):
        return False
    plain = [each.loop for each in made.left if not each.kernel and each.loop in made.right]
    groups = prod(made.sizes[loop] for loop in plain if loop in made.out)
    return groups > 1 and prod(made.sizes[loop] for loop in plain if loop not in made.out) == 1
