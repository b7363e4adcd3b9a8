"""What panels need of the on-chip buffers."""

from __future__ import annotations

from hwacc.compiler.emit.panels import line_words
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import COMPUTE, Dataflow

LIMITS = {field.name: field.high for field in COMPUTE.fields}
"""The largest value of each field of a COMPUTE."""
BIAS_SHARE = 8
"""The bias stays on chip as a whole if it takes no more than this part of the accumulator."""


class Sizes:
    """What a blocking needs of the on-chip buffers, in words."""

    def __init__(self, spec: ContractionSpec, config: ArrayConfig) -> None:
        self.spec = spec
        self.config = config
        self.operand_words = min(config.operand_words, LIMITS["west"] + 1)
        self.acc_words = min(config.acc_words, LIMITS["acc"] + 1)

    def west(self, rows: int, steps: int) -> int:
        """Words of a west panel."""
        lines, length = (rows, steps) if self.spec.input_layout == "mk" else (steps, rows)
        return lines * line_words(length, self.config)

    def north(self, columns: int, steps: int) -> int:
        """Words of a north panel."""
        lines, length = (columns, steps) if self.spec.weights_layout == "nk" else (steps, columns)
        return lines * line_words(length, self.config)

    def column_tiles(self, columns: int) -> int:
        """Column tiles of a panel: words of its bias and its parameters, and of a row of its result."""
        return -(-columns // self.config.cols)

    def bias_words(self, columns: int) -> int:
        """Accumulator words set aside for the bias of panels this wide: all of it, two panels' worth, or one."""
        tiles = self.column_tiles(columns)
        if not self.spec.has_bias:
            return 0
        everything = -(-self.spec.n // columns) * tiles
        for words in (everything, min(2 * tiles, everything)):
            if words <= self.acc_words // BIAS_SHARE:
                return words
        return tiles

    def result_places(self, words: int, bias_words: int, dataflow: Dataflow) -> list[int]:
        """First words of the places for results of ``words`` each, in the order of use.

        COMPUTE and STORE do not meet in one half of the accumulator if the places alternate between the halves: needed where the
        weights stay, since then COMPUTE accumulates nearly every cycle; else only done if no place is lost by it.
        """
        half, end = self.config.acc_words // 2, self.acc_words - bias_words
        lower, upper = range(0, half - words + 1, words), range(half, end - words + 1, words)
        apart = [place for pair in zip(lower, upper) for place in pair]
        together = range(0, end - words + 1, words)
        wanted = dataflow is Dataflow.WEIGHT_STATIONARY or len(apart) >= len(together)
        return apart if apart and wanted else list(together)

    def fits(self, rows: int, columns: int, steps: int) -> bool:
        """Whether one panel of this size fits at all."""
        tiles = self.column_tiles(columns)
        return (
            self.west(rows, steps) <= self.operand_words
            and self.north(columns, steps) <= self.operand_words
            and rows * tiles + self.bias_words(columns) <= self.acc_words
            and (not self.spec.has_parameters or tiles <= self.config.parameter_words)
        )
