"""From TOSA to linalg: upstream's passes, and the one of ours that keeps QUANTIZE exact."""

from __future__ import annotations

from hwacc.compiler.transforms.exact_quantise import ExactQuantise
from hwacc.compiler.transforms.passes import Step

TARGET = (
    "tosa-attach-target{profiles=pro_int,pro_fp "
    "extensions=int16,int4,bf16,fp8e4m3,fp8e5m2,fft,variable,controlflow,doubleround,inexactround,dynamic level=none}"
)
"""Without it TOSA's verifier refuses double rounding."""

TO_LINALG: tuple[Step, ...] = (
    TARGET,
    ExactQuantise(),
    "tosa-to-linalg-pipeline",
    "tosa-to-tensor",
    "func.func(tosa-to-arith)",
    "canonicalize",
    "cse",
)
"""From TOSA to linalg on tensors, whose rescales still hold ``tosa.apply_scale``."""
