"""What the array is to compute: one contraction, from memory to memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig
from hwacc.errors import ModelError
from hwacc.stream import Slot

INPUT_LAYOUTS = ("mk", "km")
WEIGHTS_LAYOUTS = ("nk", "kn")
OUTPUTS = ("int8", "int32")


@dataclass(frozen=True, kw_only=True)
class ContractionSpec:
    """A convolution, and with it every GEMM: int8 NHWC input by int8 weights, plus bias, as int32 or requantised to int8.

    A GEMM M×K by K×N is ``batch=1, height=1, width=M, channels=K`` with a 1×1 kernel, see :meth:`gemm`.

    groups
        Independent products of this size. The weights of one follow those of the other; so do the inputs and the outputs of a batch of
        GEMMs, while those of a convolution are the channels of each pixel, one group after the other. All other sizes, and what the
        properties give, are those of one group.

    stride, dilation
        Of (height, width).
    padding
        (top, bottom, left, right), filled with ``pad_value``, the input's zero point.
    input_layout
        ``mk``: the picture as it is, for a GEMM [M][K]; ``km``: a transposed operand, [K][M], for GEMMs only.
    gathers
        The input lies [M][K] in memory, but is to lie [K][M] on chip: each byte is read on its own.
    exchanged
        The weights are the buffer before the input.
    weights_layout
        ``nk``: [N][K], for example TFLite's OHWI; ``kn``: [K][N]. K is (kernel_h, kernel_w, channels), row-major.
    divides_channels
        The groups are those of a convolution.
    has_residual
        Instead of a bias, int32 [M][N] are added, laid out as the output.
    per_channel
        The output's multiplier and shift come from the parameters buffer, not from ``multiplier`` and ``shift``.
    multiplier, shift, double_round, zero_point, clamp_min, clamp_max
        As in :func:`hwacc.reference.requantise`; int8 output only.

    Raises :class:`ModelError` for sizes that make no sense.
    """

    groups: int = 1
    batch: int = 1
    height: int = 1
    width: int
    channels: int
    kernel_h: int = 1
    kernel_w: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: int = 0
    out_channels: int
    input_layout: str = "mk"
    gathers: bool = False
    exchanged: bool = False
    weights_layout: str = "nk"
    divides_channels: bool = False
    has_bias: bool = False
    has_residual: bool = False
    output: str = "int32"
    per_channel: bool = False
    multiplier: int = 1 << 30
    shift: int = 30
    double_round: bool = False
    zero_point: int = 0
    clamp_min: int = -128
    clamp_max: int = 127

    def __post_init__(self) -> None:
        sizes = ("groups", "batch", "height", "width", "channels", "kernel_h", "kernel_w", "out_channels")
        for name, value in [(name, getattr(self, name)) for name in sizes] + [
            ("stride", min(self.stride)),
            ("dilation", min(self.dilation)),
        ]:
            if value < 1:
                raise ModelError(f"{name} of a contraction must be at least 1, not {value}")
        if min(self.padding) < 0:
            raise ModelError(f"padding of a contraction must not be negative, not {self.padding}")
        for name, known in (("input_layout", INPUT_LAYOUTS), ("weights_layout", WEIGHTS_LAYOUTS), ("output", OUTPUTS)):
            value = getattr(self, name)
            if value not in known:
                raise ModelError(f"{name} of a contraction must be one of {', '.join(known)}, not {value!r}")
        if self.has_bias and self.has_residual:
            raise ModelError("a contraction begins with a bias or with a residual, not with both")
        if self.input_layout == "km" and not self.is_matrix:
            raise ModelError("a convolution's input cannot be transposed; only that of a 1×1 kernel without stride and padding can")
        if self.gathers and not (self.is_matrix and self.input_layout == "mk"):
            raise ModelError("only an input that lies [M][K], of a 1×1 kernel without stride and padding, can be gathered")
        if min(self.out_height, self.out_width) < 1:
            raise ModelError(f"a kernel of {self.kernel_h}×{self.kernel_w} does not fit into {self.height}×{self.width} with its padding")

    @classmethod
    def gemm(
        cls,
        m: int,
        n: int,
        k: int,
        *,
        input_layout: str = "mk",
        weights_layout: str = "kn",
        output: str = "int32",
        has_bias: bool = False,
        **epilogue: int,
    ) -> ContractionSpec:
        """``input_layout`` by ``weights_layout``; ``epilogue`` are the fields of the requantisation."""
        sizes = {"width": m, "channels": k, "out_channels": n}
        layouts = {"input_layout": input_layout, "weights_layout": weights_layout}
        return cls(**sizes, **epilogue, **layouts, output=output, has_bias=has_bias)  # type: ignore[arg-type]

    @cached_property
    def without_values(self) -> ContractionSpec:
        """The same with a default for each value that makes no difference to how it is planned."""
        plain = replace(self, pad_value=0, zero_point=0, clamp_min=-128, clamp_max=127)
        return replace(plain, multiplier=1 << 30, shift=30, double_round=False)

    @cached_property
    def out_height(self) -> int:
        """Rows of the output picture."""
        top, bottom, _, _ = self.padding
        return (self.height + top + bottom - self.dilation[0] * (self.kernel_h - 1) - 1) // self.stride[0] + 1

    @cached_property
    def out_width(self) -> int:
        """Columns of the output picture."""
        _, _, left, right = self.padding
        return (self.width + left + right - self.dilation[1] * (self.kernel_w - 1) - 1) // self.stride[1] + 1

    @cached_property
    def m(self) -> int:
        """Rows of the product: output pixels."""
        return self.batch * self.out_height * self.out_width

    @property
    def n(self) -> int:
        """Columns of the product: output channels."""
        return self.out_channels

    @cached_property
    def k(self) -> int:
        """Length of the reduction."""
        return self.kernel_h * self.kernel_w * self.channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.groups * self.m * self.n * self.k

    @property
    def pixel_bytes(self) -> int:
        """From one pixel of the input to the next."""
        return self.channels * self.groups if self.divides_channels else self.channels

    @property
    def result_elements(self) -> int:
        """From one row of the output to the next."""
        return self.n * self.groups if self.divides_channels else self.n

    @property
    def element_bytes(self) -> int:
        """Bytes of an output element."""
        return 1 if self.output == "int8" else INT32_BYTES

    @property
    def has_parameters(self) -> bool:
        """Whether requantisation parameters are read from memory."""
        return self.output == "int8" and self.per_channel

    @cached_property
    def is_matrix(self) -> bool:
        """Whether the input is the west operand as it lies in memory: [M][K] or [K][M]."""
        return self.kernel_h == self.kernel_w == 1 and self.stride == (1, 1) and not any(self.padding) and not self.divides_channels

    @property
    def west_k_contiguous(self) -> bool:
        """Whether the input lies on chip with k contiguous, else across."""
        return self.input_layout == "mk" and not self.gathers

    @property
    def north_k_contiguous(self) -> bool:
        """Whether the weights do."""
        return self.weights_layout == "nk"

    def padded_channels(self, config: ArrayConfig) -> int:
        """Output channels, rounded up to whole column tiles."""
        return -(-self.n // config.cols) * config.cols

    def slots(self, config: ArrayConfig) -> tuple[Slot, ...]:
        """The buffers, in order; all but input, weights and output only if needed, bias and parameters padded to whole column tiles."""
        sizes = {name: self.groups * size for name, size in self.group_bytes(config).items()}
        if self.exchanged:
            sizes = {name: sizes[name] for name in ("weights", "input", *list(sizes)[2:])}
        return tuple(Slot(name, size) for name, size in sizes.items() if size)

    def group_bytes(self, config: ArrayConfig) -> dict[str, int]:
        """Bytes that one group has of each buffer; 0 for a buffer that is not needed."""
        return {
            "input": self.batch * self.height * self.width * self.channels,
            "weights": self.n * self.k,
            "bias": self.padded_channels(config) * INT32_BYTES if self.has_bias else 0,
            "residual": self.m * self.n * INT32_BYTES if self.has_residual else 0,
            "parameters": self.padded_channels(config) * PARAMETER_BYTES if self.has_parameters else 0,
            "output": self.m * self.n * self.element_bytes,
        }

    def group_steps(self, config: ArrayConfig) -> dict[str, int]:
        """Bytes from where one group begins in each buffer to where the next does."""
        steps = self.group_bytes(config)
        if self.divides_channels:
            steps |= {"input": self.channels, "output": self.n * self.element_bytes, "residual": self.n * INT32_BYTES}
        return steps
