"""The picture of ``hwacc bench heatmap``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwacc.commands.heatmap import Heatmap, Point, longest, worst
from hwacc.errors import HwaccError, MissingToolError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

FORMATS = (".png", ".svg", ".pdf")
COLUMNS = 2
"""Panels beside each other."""
CELL_INCHES = 0.42
PANEL_INCHES = 4.6
"""Least width of a panel: that of its title."""
DARK_BELOW = 0.55
"""Shares below which a cell is so dark that its number has to be white."""


def require(path: Path) -> None:
    """Raises :class:`MissingToolError` where matplotlib is not installed, :class:`HwaccError` for a name that is no picture's."""
    if find_spec("matplotlib") is None:
        raise MissingToolError("drawing needs matplotlib: pip install 'hwacc[plot]', or give --json alone")
    if path.suffix not in FORMATS:
        raise HwaccError(f"{path}: not a picture that can be drawn; end its name with {' or '.join(FORMATS)}")


def draw(heatmap: Heatmap, m: Sequence[int], k: Sequence[int], n: Sequence[int], path: Path) -> None:
    """Draws a panel for each K, rows M and columns N; shapes that were not measured stay grey. Raises :class:`HwaccError`."""
    from matplotlib.figure import Figure

    across = min(COLUMNS, len(k))
    down = math.ceil(len(k) / across)
    width = across * max(len(n) * CELL_INCHES + 1.2, PANEL_INCHES) + 1.2
    figure = Figure(figsize=(width, down * (len(m) * CELL_INCHES + 1.3) + 1.0), dpi=110, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, depth in zip(panels, k):
        points = heatmap.slice(depth, m, n)
        image = _panel(axes, points, m, n)
        axes.set_title(_title(depth, points), fontsize=10)
    for axes in panels[len(k) :]:
        axes.set_visible(False)
    bar = figure.colorbar(image, ax=list(panels), label="bound / cycles (%)", fraction=0.04, pad=0.02, aspect=30)
    bar.set_ticks([0, 0.2, 0.4, 0.6, 0.8, 1], labels=["0", "20", "40", "60", "80", "100"])
    figure.suptitle(_heading(heatmap), fontsize=11)
    try:
        figure.savefig(path)
    except OSError as error:
        raise HwaccError(f"{path}: cannot be written: {error.strerror}") from None


def _panel(axes: Axes, points: Sequence[Point], m: Sequence[int], n: Sequence[int]) -> AxesImage:
    """One K: a cell for each M and N with its percentage, the worst one framed."""
    shares: NDArray[np.float64] = np.full((len(m), len(n)), np.nan)
    for point in points:
        shares[m.index(point.m), n.index(point.n)] = point.of_limit
    axes.set_facecolor("lightgrey")
    image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=1, origin="lower", aspect="auto")
    axes.set_xticks(range(len(n)), [str(size) for size in n], rotation=90 if max(n) > 99 else 0, fontsize=8)
    axes.set_yticks(range(len(m)), [str(size) for size in m], fontsize=8)
    axes.set_xlabel("N (columns of the result)")
    axes.set_ylabel("M (rows of the result)")
    for (row, column), share in np.ndenumerate(shares):
        if not np.isnan(share):
            colour = "white" if share < DARK_BELOW else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
    if points:
        _frame(axes, worst(points), m, n, "red")
        _frame(axes, longest(points), m, n, "darkorange")
    return image


def _frame(axes: Axes, point: Point, m: Sequence[int], n: Sequence[int], colour: str) -> None:
    from matplotlib.patches import Rectangle

    corner = (n.index(point.n) - 0.5, m.index(point.m) - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=colour, linewidth=2.5, clip_on=False, zorder=3))


def _title(k: int, points: Sequence[Point]) -> str:
    if not points:
        return f"K = {k}: not measured"
    low, far = worst(points), longest(points)
    return (
        f"K = {k}, median {100 * float(np.median([point.of_limit for point in points])):.0f} %\n"
        f"red: least, {100 * low.of_limit:.0f} % at {low.m}×{low.n}; orange: {far.excess:,} cycles above, at {far.m}×{far.n}"
    )


def _heading(heatmap: Heatmap) -> str:
    setup, config = heatmap.setup, heatmap.setup.config
    kind = "estimated by the planner" if setup.estimate else f"measured on the RTL, memory latency {setup.memory_latency} cycles"
    return f"Cycles against the bound, {kind}\n{config.rows}×{config.cols} array, {config.bus_bytes} bytes a cycle, {setup.out} out"
