"""Operand panels: which accesses bring a block of an operand into its buffer, line by line.

The west operand of a convolution is k-contiguous: a line is an output pixel, its
bytes are (kernel_h, kernel_w, channels) as the convolution meets them in the
NHWC picture, so no im2col copy exists anywhere. A GEMM's operands are held as
they lie in memory: k-contiguous or across.
"""

from __future__ import annotations

from collections.abc import Iterator

from hwacc.compiler.emit.access import WHOLE, Access, Cuts, Loop, Picture, boxes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig

Range = tuple[int, int]
"""First and end."""


def west_accesses(spec: ContractionSpec, pixels: Range, part: Range, line: int, cuts: Cuts = WHOLE) -> list[Access]:
    """A ``part`` of k for the output pixels (rows of the product) ``pixels``.

    In the target the lines are ``line`` bytes apart, and the first byte is local byte 0. ``cuts``: at which ends the runs are
    cut where others go on, see :class:`hwacc.compiler.emit.access.Access`.
    """
    if spec.gathers:
        return [_gathered(Picture(spec.k, spec.m), pixels, part, line)]
    if spec.is_matrix:
        return [_matrix(Picture(spec.k, spec.m), Picture(spec.m, spec.k), spec.west_k_contiguous, pixels, part, line, cuts)]
    return list(_window_accesses(spec, pixels, part, line))


def north_accesses(spec: ContractionSpec, columns: Range, part: Range, line: int, cuts: Cuts = WHOLE) -> list[Access]:
    """A ``part`` of k for the output channels ``columns`` of the weights, likewise."""
    return [_matrix(Picture(spec.k, spec.n), Picture(spec.n, spec.k), spec.north_k_contiguous, columns, part, line, cuts)]


def _matrix(by_lane: Picture, by_step: Picture, k_contiguous: bool, lanes: Range, part: Range, line: int, cuts: Cuts) -> Access:
    """A block of an operand: of ``by_lane``, with a row for each row or column of the product, or of ``by_step``, one for each step."""
    picture, rows, span = (by_lane, lanes, part) if k_contiguous else (by_step, part, lanes)
    loop = Loop(rows[1] - rows[0], y=1, local=line)
    return Access(picture, span[0], rows[0], span[1] - span[0], (loop,), cuts=cuts)


def bias_accesses(spec: ContractionSpec, config: ArrayConfig, columns: Range) -> list[Access]:
    """The bias of ``columns``: whole accumulator words, as far as the buffer goes."""
    return [_table(spec, config, columns, INT32_BYTES)]


def residual_accesses(spec: ContractionSpec, config: ArrayConfig, rows: Range, columns: Range) -> list[Access]:
    """What is added to ``rows`` × ``columns`` of the result, as it is to lie in the accumulator: each row in words of its own."""
    picture = Picture(spec.result_elements * INT32_BYTES, spec.m)
    words = -(-(columns[1] - columns[0]) // config.cols)
    row = Loop(rows[1] - rows[0], y=1, local=words * config.acc_word_bytes)
    return [Access(picture, columns[0] * INT32_BYTES, rows[0], (columns[1] - columns[0]) * INT32_BYTES, (row,))]


def parameter_accesses(spec: ContractionSpec, config: ArrayConfig, columns: Range) -> list[Access]:
    """The requantisation parameters of ``columns``, likewise."""
    return [_table(spec, config, columns, PARAMETER_BYTES)]


def _table(spec: ContractionSpec, config: ArrayConfig, columns: Range, element: int) -> Access:
    end = columns[0] + -(-(columns[1] - columns[0]) // config.cols) * config.cols
    total = spec.padded_channels(config)
    count = min(end, total) - columns[0]
    return Access(Picture(total * element, 1), columns[0] * element, 0, count * element)


def _gathered(picture: Picture, rows: Range, part: Range, line: int) -> Access:
    """Of an operand with a line for each of ``rows``: a ``part`` of k, byte by byte, so that it comes to lie across."""
    loops = (Loop(part[1] - part[0], x=1, local=line), Loop(rows[1] - rows[0], y=1, local=1))
    return Access(picture, part[0], rows[0], 1, loops)


def _window_accesses(spec: ContractionSpec, pixels: Range, steps: Range, line: int) -> Iterator[Access]:
    """A convolution's windows: boxes of output pixels times boxes of kernel positions, of which ``steps`` are the flat range."""
    # Neighbouring kernel columns are neighbours in memory, unless dilated or of a group: then one more loop takes them one by one.
    apart = (spec.dilation[1] > 1 or spec.divides_channels) and spec.kernel_w > 1
    kernel = (spec.kernel_h, spec.kernel_w, spec.channels) if apart else (spec.kernel_h, 1, spec.kernel_w * spec.channels)
    for images, rows, columns in boxes(*pixels, (spec.batch, spec.out_height, spec.out_width)):
        for image in range(*images):
            first = (image * spec.out_height + rows[0]) * spec.out_width + columns[0] - pixels[0]
            for box in boxes(*steps, kernel):
                start = (box[0][0] * kernel[1] + box[1][0]) * kernel[2] + box[2][0] - steps[0]
                access = _window(spec, image, rows, columns, box, line)
                yield access._replace(local=first * line + start)


def _window(spec: ContractionSpec, image: int, rows: Range, columns: Range, box: tuple[Range, ...], line: int) -> Access:
    """Windows of the pixels ``rows`` × ``columns`` of one image, restricted to a ``box`` of (kernel rows, kernel columns, bytes)."""
    top, _, left, _ = spec.padding
    row_bytes = spec.width * spec.pixel_bytes
    (kernel_row, kernel_row_end), (kernel_column, kernel_column_end), (first_byte, end_byte) = box
    x = (columns[0] * spec.stride[1] - left + kernel_column * spec.dilation[1]) * spec.pixel_bytes + first_byte
    y = rows[0] * spec.stride[0] - top + kernel_row * spec.dilation[0]
    loops = (
        Loop(kernel_column_end - kernel_column, x=spec.dilation[1] * spec.pixel_bytes, local=spec.channels),
        Loop(kernel_row_end - kernel_row, y=spec.dilation[0], local=spec.kernel_w * spec.channels),
        Loop(columns[1] - columns[0], x=spec.stride[1] * spec.pixel_bytes, local=line),
        Loop(rows[1] - rows[0], y=spec.stride[0], local=spec.out_width * line),
    )
    picture = Picture(row_bytes, spec.height, image * spec.height * row_bytes)
    return Access(picture, x, y, end_byte - first_byte, loops, pad=spec.pad_value)
