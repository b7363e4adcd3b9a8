"""Random valid streams: every target, layout, addend, output, stride and number of parts, chained through memory."""

from __future__ import annotations

import random
from itertools import islice

from hwacc import isa
from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig
from hwacc.footprint import MEMORY, accesses, column_tiles, extent, result_words
from hwacc.parts import LOCAL_BITS, parts
from tests.fuzz.steps import DATA, GENTLE, RECORDS, WORK, Defined, Step, may_touch, slots
from tests.rtl.load_model import sizes

ATTEMPTS = 60
"""Draws of one step before another kind is tried."""


def random_steps(config: ArrayConfig, rng: random.Random, count: int) -> list[Step]:
    """``count`` steps after those that fill the on-chip buffers."""
    steps = [Step(descriptor, slot, 50) for descriptor, slot in _fill(config)]
    defined = Defined(config)
    while len(steps) < count + len(isa.Target):
        choices = (_loads, _loads, _computes, _computes, _short, _stores, _stores, _streamed, _sliced, _neighbours, _pieces)
        for step in rng.choice(choices)(config, rng):
            if not defined.allows(step.descriptor):
                break
            defined.apply(step.descriptor)
            steps.append(step)
    return steps


def _fill(config: ArrayConfig) -> list[tuple[isa.Descriptor, int]]:
    """LOADs of whole buffers: what no stream wrote differs from device to device."""
    found = sizes(config)
    runs = {target: min(size, 4096) for target, size in found.items()}
    return [
        (
            isa.describe(
                isa.LOAD,
                target=target,
                run=runs[target],
                count1=size // runs[target],
                stride1=runs[target],
                local_stride1=runs[target],
                address=0 if target is isa.Target.PARAMETERS else 7 * target,
            ),
            RECORDS if target is isa.Target.PARAMETERS else DATA,
        )
        for target, size in found.items()
    ]


def _loads(config: ArrayConfig, rng: random.Random) -> list[Step]:
    target = rng.choice(list(isa.Target))
    slot = rng.choice((RECORDS, GENTLE)) if target is isa.Target.PARAMETERS else rng.choice((DATA, WORK, WORK))
    grid = PARAMETER_BYTES if slot == RECORDS else 1  # whole records, so that every shift stays valid
    for _ in range(ATTEMPTS):
        values = _load_values(config, rng, grid) | {"target": target, "pad": _pad(rng, target)}
        descriptor = _described(isa.LOAD, values, rng)
        local = _place(rng, grid, sizes(config)[target], *_local_extent(config, descriptor))
        address = _address(config, rng, descriptor, slot, grid)
        if local is not None and address is not None:
            return [Step(descriptor.replace(local=local, address=address), slot, rng.randint(1, 300))]
    return []


def _described(op: isa.Op, values: dict[str, int], rng: random.Random) -> isa.Descriptor:
    """A descriptor with these fields, now and then only with those that a short one holds."""
    left_out = {field.name for field in op.second_fields} if rng.random() < 0.4 else set()
    return isa.describe(op, **{name: value for name, value in values.items() if name not in left_out})


def _load_values(config: ArrayConfig, rng: random.Random, grid: int) -> dict[str, int]:
    counts = [rng.choice((1, 1, 1, 2, 3, 5)) for _ in range(isa.LOAD_DIMS)]
    run = rng.choice((1, 2, 3, config.bus_bytes, 3 * config.bus_bytes, rng.randint(1, 150)))
    values = {"run": -(-run // grid) * grid, "signal_each": rng.randint(0, 1)}
    for loop, count in enumerate(counts, 1):
        values[f"count{loop}"] = count
        values[f"stride{loop}"] = rng.choice((0, run, -run, rng.randint(-60, 60), rng.randint(-900, 900))) // grid * grid
        values[f"local_stride{loop}"] = rng.choice((0, run, -run, config.bus_bytes, rng.randint(-40, 60))) // grid * grid
    return values | (_bounds(rng, grid, run) if rng.random() < 0.5 else _cuts(config, rng, values["run"]))


def _pad(rng: random.Random, target: isa.Target) -> int:
    """In the parameter buffer it may become a shift."""
    return rng.randint(2, 62) if target is isa.Target.PARAMETERS else rng.randint(-128, 127)


def _bounds(rng: random.Random, grid: int, run: int) -> dict[str, int]:
    return {
        "bounded": 1,
        "x0": rng.randint(-2 * run - 20, 40) // grid * grid,
        "x_limit": rng.choice((0, 1, rng.randint(1, 200), 2**20 - 1)),
        "y0": rng.randint(-6, 4),
        "y_limit": rng.choice((0, 1, 3, 8, 2**16 - 1)),
        "y_step2": rng.choice((0, 1, 2, 255)),
        "y_step4": rng.choice((0, 1, 3, 255)),
    }


def _cuts(config: ArrayConfig, rng: random.Random, run: int) -> dict[str, int]:
    """At the ends of beats or not; of a short run nothing might remain behind its aligned start."""
    long = int(run >= config.bus_bytes)
    return {"align_start": rng.randint(0, long), "align_end": rng.randint(0, 1), "align_between": rng.randint(0, long)}


def _local_extent(config: ArrayConfig, load: isa.Descriptor) -> tuple[int, int]:
    """What it writes, counted from its ``local``, which is 0 here."""
    found = [access for access in may_touch(load, config) if access.space == load["target"]]
    return min(access.low for access in found), max(access.high for access in found)


def _place(rng: random.Random, grid: int, size: int, low: int, high: int) -> int | None:
    """A start, a multiple of ``grid``, such that bytes ``low`` to ``high`` from it lie in ``size`` bytes; often at an edge."""
    first, last = -(low // grid), (size - high) // grid
    return None if first > last else rng.choice((first, last, *(rng.randint(first, last) for _ in range(4)))) * grid


def _address(config: ArrayConfig, rng: random.Random, descriptor: isa.Descriptor, slot: int, grid: int = 1) -> int | None:
    """An address, modulo the field's width, that keeps all accesses of ``descriptor`` inside ``slot``."""
    size = slots(config)[slot].size
    memory = [access for access in may_touch(descriptor.replace(address=0), config) if access.space == MEMORY]
    low, high = min((access.low for access in memory), default=0), max((access.high for access in memory), default=0)
    place = _place(rng, grid, size, low, high)
    return None if place is None else place % (1 << isa.ADDRESS_BITS)


def _computes(config: ArrayConfig, rng: random.Random, **fixed: int) -> list[Step]:
    """One COMPUTE, with these fields of its result ``fixed``."""
    word = 2 * max(config.rows, config.cols)
    for _ in range(ATTEMPTS):
        m, n = (rng.choice((1, size - 1, size, size + 1, rng.randint(1, 4 * size))) for size in (config.rows, config.cols))
        k = rng.choice((1, 2, word - 1, word, word + 1, rng.randint(1, 5 * word)))
        values = {
            "m": m,
            "n": n,
            "k": k,
            "addend": rng.choice(list(isa.Addend)),
            "dataflow": rng.choice(config.available_dataflows),
            **fixed,
        }
        values["k_step"] = rng.choice((0, 0, rng.randint(1, k), rng.randint(-(-k // 3), k + 3)))
        values |= _panel(config, rng, "west", values["m"], values) | _panel(config, rng, "north", values["n"], values)
        found = _placed(config, rng, values)
        if found:
            return found
    return []


def _placed(config: ArrayConfig, rng: random.Random, values: dict[str, int]) -> list[Step]:
    """A COMPUTE with these fields and places in the accumulator; none where there is no room."""
    tiles = column_tiles(values["n"], config)
    stride = _row_stride(rng, tiles)
    acc = _place(rng, 1, config.acc_words, 0, (values["m"] - 1) * (stride or tiles) + tiles)
    bias = _place(rng, 1, config.acc_words, 0, tiles)
    if acc is None or bias is None or min(values.values()) < 0:
        return []
    places = {"acc": acc, "acc_stride": stride, "bias": bias}
    return [Step(isa.describe(isa.COMPUTE, **{**places, **values}), None, rng.randint(1, 300))]


def _row_stride(rng: random.Random, tiles: int) -> int:
    """``acc_stride`` of rows of so many words: mostly 0, or the words of a row, or more."""
    return rng.choice((0, 0, 0, tiles, tiles + 1, tiles + rng.randint(1, 6)))


def _pieces(config: ArrayConfig, rng: random.Random) -> list[Step]:
    """COMPUTEs and STOREs of some columns each of a panel in the accumulator: nothing orders those of different ones."""
    m, tiles = rng.randint(1, 2 * config.rows + 1), rng.randint(2, 5)
    acc = _place(rng, 1, config.acc_words, 0, m * tiles)
    steps: list[Step] = []
    for _ in range(0 if acc is None else rng.randint(2, 6)):
        first = rng.randrange(tiles)
        most = config.cols * (tiles - first)
        place = {"n": rng.choice((most, config.cols, rng.randint(1, most))), "acc": (acc or 0) + first, "acc_stride": tiles}
        steps += rng.choice((_computes(config, rng, m=m, **place), _stores(config, rng, count1=m, count2=1, count3=1, **place)))
    return steps


def _short(config: ArrayConfig, rng: random.Random) -> list[Step]:
    """COMPUTEs one after the other whose tiles have few rows and steps, with the operands across, so that they take few cycles."""
    steps: list[Step] = []
    for _ in range(rng.randint(1, 5)):
        m, n = rng.randint(1, config.rows + 1), rng.randint(1, 4 * config.cols)
        values = {"m": m, "n": n, "k": rng.choice((1, 1, 2, 4, 5, config.rows - 1)), "k_step": 0}
        values |= {"addend": rng.choice(list(isa.Addend)), "dataflow": config.available_dataflows[0]}
        values |= _panel(config, rng, "west", m, values, 0) | _panel(config, rng, "north", n, values, 0)
        steps += _placed(config, rng, values)
    return steps


def _panel(
    config: ArrayConfig, rng: random.Random, side: str, size: int, values: dict[str, int], contiguous: int | None = None
) -> dict[str, int]:
    """Where the panels of all parts lie; the first byte is -1 where strides and steps leave no room."""
    contiguous = rng.randint(0, 1) if contiguous is None else contiguous
    k_step = values["k_step"] or values["k"]
    count, k = -(-values["k"] // k_step), min(k_step, values["k"])
    lines, length = (size, k) if contiguous else (k, size)
    stride = rng.choice((length, length, 0, 1, rng.randint(0, 2 * length + 3)))
    step = rng.choice((0, k if contiguous else k * stride, lines * stride, rng.randint(-60, 60)))
    low, high = extent([count], [step])
    first = _place(rng, 1, config.operand_bytes, low, high + (lines - 1) * stride + length)
    found = {side: first, f"{side}_stride": stride, f"{side}_step": step % (1 << LOCAL_BITS), f"{side}_k_contiguous": contiguous}
    return {name: -1 if value is None else value for name, value in found.items()}


def _streamed(config: ArrayConfig, rng: random.Random) -> list[Step]:
    """A COMPUTE in parts behind a LOAD that brings what each of them takes of one operand."""
    for _ in range(ATTEMPTS):
        for step in _computes(config, rng):
            load = _operand_load(config, rng, step.descriptor, rng.choice(("west", "north")))
            address = None if load is None else _address(config, rng, load, DATA)
            if load is not None and address is not None:
                return [Step(load.replace(address=address), DATA, rng.randint(1, 300)), step]
    return []


def _sliced(config: ArrayConfig, rng: random.Random) -> list[Step]:
    """The first two parts as descriptors of their own: slices of an operand, each followed by the COMPUTE that takes it."""
    whole = rng.choice((_streamed, _neighbours))(config, rng)
    steps = [[Step(part, step.slot, step.cycles) for part in islice(parts(step.descriptor), 2)] for step in whole]
    return [step for pair in zip(*steps) for step in pair]


def _neighbours(config: ArrayConfig, rng: random.Random) -> list[Step]:
    """A COMPUTE in parts behind a LOAD of as many neighbouring slices of k, which are cut at the ends of beats."""
    for _ in range(ATTEMPTS):
        side, other = rng.sample(("west", "north"), 2)
        m, n = rng.randint(1, 2 * config.rows), rng.randint(1, 2 * config.cols)
        lines, others = (m, n) if side == "west" else (n, m)
        count, run = rng.randint(2, 4), rng.randint(config.bus_bytes, 3 * config.bus_bytes)
        length, values = count * run, {"m": m, "n": n, "k": count * run - rng.randrange(run), "k_step": run}
        places = {"run": run, "count1": lines, "stride1": length + rng.randint(0, 40), "local_stride1": length + rng.randint(0, 40)}
        each = {"count4": count, "stride4": run, "local_stride4": run, "signal_each": 1}
        cuts = {"align_start": rng.randint(0, 1), "align_end": rng.randint(0, 1), "align_between": 1}
        load = isa.describe(isa.LOAD, target=isa.Target[side.upper()], **places, **each, **cuts)
        local = _place(rng, 1, config.operand_bytes, *_local_extent(config, load))
        stride = _row_stride(rng, column_tiles(n, config))
        acc = _place(rng, 1, config.acc_words, 0, m * (stride or column_tiles(n, config)))
        panel, address = _panel(config, rng, other, others, values), _address(config, rng, load, DATA)
        if local is not None and acc is not None and address is not None and panel[other] >= 0:
            own = {side: local, f"{side}_stride": places["local_stride1"], f"{side}_step": run, f"{side}_k_contiguous": 1}
            compute = isa.describe(
                isa.COMPUTE, **values, **panel, **own, acc=acc, acc_stride=stride, dataflow=rng.choice(config.available_dataflows)
            )
            return [Step(load.replace(local=local, address=address), DATA, rng.randint(1, 300)), Step(compute, None, rng.randint(1, 300))]
    return []


def _operand_load(config: ArrayConfig, rng: random.Random, compute: isa.Descriptor, side: str) -> isa.Descriptor | None:
    """The LOAD of that side, with an iteration for each part; None where there is but one, or it leaves the buffer."""
    panels = [access for access in accesses(compute, config) if access.space == isa.Target[side.upper()]]
    size, step = compute["m" if side == "west" else "n"], compute[f"{side}_step"]
    lines, run = (size, compute["k_step"]) if compute[f"{side}_k_contiguous"] else (compute["k_step"], size)
    stride, local_stride4 = compute[f"{side}_stride"], step - (1 << LOCAL_BITS if step >> (LOCAL_BITS - 1) else 0)
    cuts = _cuts(config, rng, run)
    spare = (config.bus_bytes - 1) * (cuts["align_end"] | cuts["align_between"])
    end = compute[side] + max(0, (len(panels) - 1) * local_stride4) + (lines - 1) * stride + run + spare
    if len(panels) == 1 or end > config.operand_bytes or stride >> (LOCAL_BITS - 1):
        return None
    places = {"local": compute[side], "run": run, "count1": lines, "local_stride1": stride}
    memory = {"stride1": rng.choice((run, rng.randint(-9, 9))), "stride4": rng.choice((lines * run, run, rng.randint(-60, 60)))}
    each = {"count4": len(panels), "local_stride4": local_stride4, "signal_each": 1}
    return isa.describe(isa.LOAD, target=isa.Target[side.upper()], **places, **memory, **each, **cuts)


def _stores(config: ArrayConfig, rng: random.Random, **fixed: int) -> list[Step]:
    """One STORE, with these fields of what it reads ``fixed``."""
    for _ in range(ATTEMPTS):
        n = rng.choice((1, config.cols, rng.randint(1, 3 * config.cols)))
        values = {"n": n, "acc_stride": rng.choice((1, _row_stride(rng, column_tiles(n, config)))), **fixed} | _epilogue(rng)
        row = values["n"] * (INT32_BYTES if values["output"] == isa.Output.INT32 else 1)
        for loop in range(1, isa.STORE_DIMS + 1):
            values[f"count{loop}"] = fixed.get(f"count{loop}", rng.choice((1, 1, 2, 3, 6)))
            values[f"stride{loop}"] = rng.choice((row, row, -row, 0, rng.randint(-60, 60), rng.randint(-700, 700)))
        descriptor = _described(isa.STORE, values, rng)
        acc, parameters = _store_words(config, rng, descriptor)
        address = _address(config, rng, descriptor, WORK)
        if acc is not None and parameters is not None and address is not None:
            places = {"acc": acc, "parameters": parameters, "address": address} | fixed
            return [Step(descriptor.replace(**places), WORK, rng.randint(1, 300))]
    return []


def _epilogue(rng: random.Random) -> dict[str, int]:
    """Output and requantisation."""
    low, high = sorted((rng.randint(-128, 127), rng.randint(-128, 127)))
    whole = rng.random() < 0.5
    return {
        "output": rng.choice(list(isa.Output)),
        "per_channel": rng.randint(0, 1),
        "double_round": rng.randint(0, 1),
        "multiplier": rng.choice((rng.randint(2**30, 2**31 - 1), rng.randint(-(2**31), 2**31 - 1))),
        "shift": rng.choice((2, 62, rng.randint(28, 44), rng.randint(2, 62))),
        "zero_point": rng.randint(-128, 127),
        "clamp_min": -128 if whole else low,
        "clamp_max": 127 if whole else high,
    }


def _store_words(config: ArrayConfig, rng: random.Random, descriptor: isa.Descriptor) -> tuple[int | None, int | None]:
    words, tiles = int(result_words(descriptor, config).max()) + 1, column_tiles(descriptor["n"], config)
    return _place(rng, 1, config.acc_words, 0, words), _place(rng, 1, config.parameter_words, 0, tiles)
