"""What a writer of streams is made for: a matrix product, some of whose sizes are known only when it runs."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hwacc.compiler.emit.spec import ContractionSpec


@dataclass(frozen=True)
class Product:
    """int8 [M][K] by [K][N] or [N][K], with the epilogue of a :class:`ContractionSpec`, whose fields of the same names these are.

    ``m``, ``k`` and ``n`` are None where they are not known.
    """

    m: int | None
    k: int | None
    n: int | None
    weights_layout: str = "kn"
    has_bias: bool = False
    output: str = "int32"
    per_channel: bool = False
    multiplier: int = 1 << 30
    shift: int = 30
    double_round: bool = False
    zero_point: int = 0
    clamp_min: int = -128
    clamp_max: int = 127

    def spec(self, m: int, k: int, n: int) -> ContractionSpec:
        """The same for certain sizes."""
        same = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in ("m", "k", "n")}
        return ContractionSpec(width=m, channels=k, out_channels=n, **same)
