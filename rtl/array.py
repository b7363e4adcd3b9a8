"""The systolic array."""

from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow
from hwacc.rtl.dataflow import by_dataflow, has
from hwacc.rtl.delay import delayed
from hwacc.rtl.pe import ProcessingElement


class SystolicArray(wiring.Component):
    """``rows`` × ``cols`` processing elements.

    stationary
        The dataflow: 0 output-stationary, 1 weight-stationary. Changes only while the array is empty; a constant where the
        build has only one.
    west, north
        Operand lanes, already skewed: lane i is i cycles behind lane 0. Output-stationary, both carry a step of the
        reduction a cycle. Weight-stationary, west lane i carries element i of a slice of k, a row of the panel a cycle; north carries
        the weights of the next tile, the last k of the slice first, for ``rows`` cycles.
    swap
        High in the cycle in which lane 0 carries the first step of the next tile (or zeros, after the last tile).
        Skewed here. Weight-stationary, the weights must be complete then.
    shift
        One bit a row, skewed here. Weight-stationary: bit i is high for the last ``rows - i`` of the ``rows`` cycles in which
        weights enter. Output-stationary it drains. Of a tile whose lowest r rows count, bit i is high for ``i - (rows - r)`` cycles, if
        that is more than none, all starting ``rows + 1`` cycles after ``swap``: a row takes what comes from above it and then stands
        still, ready for its next result.
    row
        The drained rows, all columns of a row together (deskewed here), bottom row first: valid for the
        r cycles from :func:`drain_latency` cycles after ``swap``.

    Tiles may follow one another without a gap. The next ``swap`` comes no sooner than r cycles after that of a tile of r rows: row i
    has then passed on what came from above in the cycle before its next sum replaces it.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "stationary": In(1),
                "west": In(ArrayLayout(signed(8), config.rows)),
                "north": In(ArrayLayout(signed(8), config.cols)),
                "swap": In(1),
                "shift": In(config.rows),
                "row": Out(ArrayLayout(signed(32), config.cols)),
            }
        )

    def elaborate(self, platform):
        if hasattr(platform, "get_systolic_array"):
            return platform.get_systolic_array(self)
        m = Module()
        rows, cols = self.config.rows, self.config.cols
        cells = [[ProcessingElement() for _ in range(cols)] for _ in range(rows)]
        for i, line in enumerate(cells):
            for j, cell in enumerate(line):
                m.submodules[f"pe_{i}_{j}"] = cell

        swap, shift = self.swap, self.shift
        for i in range(rows):
            m.d.comb += [cells[i][0].a_in.eq(self.west[i]), cells[i][0].swap_in.eq(swap)]
            swap = delayed(m, swap, 1, name=f"swap_row{i}")
        for j in range(cols):
            m.d.comb += cells[0][j].b_in.eq(self.north[j])
            for i in range(rows):
                m.d.comb += [cells[i][j].shift.eq(shift[i]), cells[i][j].stationary.eq(self.stationary)]
            shift = delayed(m, shift, 1, name=f"shift_col{j}")
            bottom = by_dataflow(self.config, self.stationary, cells[rows - 1][j].acc_out, cells[rows - 1][j].d_out)
            m.d.comb += self.row[j].eq(delayed(m, bottom, cols - 1 - j, name=f"deskew_col{j}"))

        for i in range(rows):
            for j in range(1, cols):
                m.d.comb += [cells[i][j].a_in.eq(cells[i][j - 1].a_out), cells[i][j].swap_in.eq(cells[i][j - 1].swap_out)]
        for i in range(1, rows):
            for j in range(cols):
                m.d.comb += cells[i][j].b_in.eq(cells[i - 1][j].b_out)
                if has(self.config, Dataflow.OUTPUT_STATIONARY):
                    m.d.comb += cells[i][j].d_in.eq(cells[i - 1][j].d_out)
                if has(self.config, Dataflow.WEIGHT_STATIONARY):
                    m.d.comb += cells[i][j].acc_in.eq(cells[i - 1][j].acc_out)
        return m


def shift_latency(config: ArrayConfig) -> int:
    """Cycles from ``swap`` to the first cycle of ``shift``."""
    return config.rows + 1


def drain_latency(config: ArrayConfig) -> int:
    """Cycles from ``swap`` to the first drained row."""
    return config.rows + config.cols
