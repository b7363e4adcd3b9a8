"""Descriptors that the benches share."""

from __future__ import annotations

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.isa import Addend, Output, Target, describe

ACC_ELEMENT = 4
"""Bytes of an accumulator element."""


def through_accumulator(source: int, target: int, elements: int, *, acc: int = 0, config: ArrayConfig) -> list[isa.Descriptor]:
    """Copies int32 ``elements`` from address to address: a LOAD into the accumulator at word ``acc``, and a STORE."""
    local = acc * config.acc_word_bytes
    return [
        describe(isa.LOAD, address=source, run=elements * ACC_ELEMENT, target=Target.ACCUMULATOR, local=local, signal_store=1),
        describe(isa.STORE, address=target, n=elements, acc=acc, output=Output.INT32, wait_load=1),
    ]


GAP = 3
"""Bytes between the lines of a panel."""


def load_panel(address: int, lines: int, length: int, target: Target, **values: int) -> isa.Descriptor:
    """A LOAD of ``lines`` rows of ``length`` bytes, :data:`GAP` bytes apart."""
    pitch = length + GAP
    return describe(isa.LOAD, address=address, run=length, count1=lines, stride1=length, local_stride1=pitch, target=target, **values)


def gemm(
    west: int, north: int, target: int, m: int, n: int, k: int, *, west_k: int = 1, north_k: int = 0, **store: int
) -> list[isa.Descriptor]:
    """C = A·B: both operands loaded, one COMPUTE, one STORE of int32 unless ``store`` says otherwise.

    ``west_k`` and ``north_k`` say which operands are held with k contiguous: A as m lines of k, else k of m; B as n lines
    of k, else k of n.
    """
    a, b = ((m, k) if west_k else (k, m)), ((n, k) if north_k else (k, n))
    output = store.get("output", Output.INT32)
    row_bytes = n * (ACC_ELEMENT if output == Output.INT32 else 1)
    return [
        load_panel(west, *a, Target.WEST),
        load_panel(north, *b, Target.NORTH, signal_compute=1),
        compute(m, n, k, west_k=west_k, north_k=north_k, wait_load=1, signal_store=1),
        describe(isa.STORE, **{"address": target, "n": n, "count1": m, "stride1": row_bytes, "output": output, "wait_compute": 1, **store}),
    ]


def compute(m: int, n: int, k: int, *, west_k: int = 1, north_k: int = 0, **values: int) -> isa.Descriptor:
    """A COMPUTE on panels as :func:`load_panel` leaves them at byte 0."""
    return describe(
        isa.COMPUTE,
        m=m,
        n=n,
        k=k,
        west_stride=(k if west_k else m) + GAP,
        north_stride=(k if north_k else n) + GAP,
        west_k_contiguous=west_k,
        north_k_contiguous=north_k,
        **{"addend": Addend.NONE, **values},
    )
