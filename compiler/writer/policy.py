"""How large the panels of a product are whose sizes nobody knows yet: chosen once, from the array alone.

The product is cut into panels of the result, and k into steps. A *unit* is a
step of a panel; its operands take a slot of each operand buffer. A panel is as
small as may be (its first operands are soon there, its results soon away) while
the memory brings a unit's operands in good time behind the unit before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.isa import SHORT_BYTES

STEP = 64
"""Steps of k in a unit: enough beats in a run that one cut at both ends costs little."""
LEAST_SLOTS, MOST_SLOTS = 4, 8
"""Of each operand buffer. More than COMPUTE's queue is long would be of no use."""
SIDE_SLOTS = 4
"""Columns of panels whose bias is on chip at once, and their parameters where these fit."""
MOST_TILES = 16
"""Of a panel along each side."""
BIAS_SHARE = 8
"""Of the accumulator, the part that a bias may take that stays."""
MEMORY_SHARE = 0.7
"""Of a unit's cycles, the part in which the memory may be busy with the operands and descriptors of the next."""


@dataclass(frozen=True)
class Policy:
    """``rows`` × ``columns`` of a panel at most, ``step`` of k, and ``slots`` units in each operand buffer.

    ``side_slots``: for how many columns of panels bias and parameters have room.
    """

    config: ArrayConfig
    rows: int
    columns: int
    step: int
    slots: int
    side_slots: int

    @property
    def tiles(self) -> int:
        """Column tiles of a panel: words of its bias and its parameters, and of a row of its result."""
        return self.columns // self.config.cols

    @property
    def results(self) -> tuple[int, ...]:
        """First words of the places for results."""
        return 0, self.rows * self.tiles

    @property
    def bias(self) -> int:
        """First word of the places for biases."""
        return len(self.results) * self.rows * self.tiles

    @property
    def memory_share(self) -> float:
        """Cycles in which the memory is busy with a unit's operands, at the worst alignment, for each that the array takes."""
        bus = self.config.bus_bytes
        runs = (self.rows + self.columns) * (self.step + bus) / bus
        fed = self.rows // self.config.rows * self.tiles * max(self.step, self.config.rows, self.config.cols)
        return (runs + 3 * SHORT_BYTES / bus) / fed

    @property
    def west_slots(self) -> int:
        """Units for which the west operand buffer has room, where they are to stay."""
        return self.config.operand_bytes // (self.rows * self.step)

    @property
    def north_slots(self) -> int:
        """Units for which the north operand buffer has room, likewise."""
        return self.config.operand_bytes // (self.columns * self.step)

    def keeps_bias(self, columns: int) -> bool:
        """Whether the bias of so many columns stays on chip as a whole.

        Where the weights stay, COMPUTE writes to the accumulator in nearly every cycle: a LOAD of a bias would wait until the array does.
        """
        tiles = -(-columns // self.config.cols)
        return tiles <= min(self.config.acc_words - self.bias, self.config.acc_words // BIAS_SHARE)

    def fits(self) -> bool:
        """Whether the on-chip buffers have room."""
        words = self.bias + self.side_slots * self.tiles
        return words <= self.config.acc_words and self.side_slots * self.tiles <= self.config.parameter_words


def policy_for(config: ArrayConfig) -> Policy:
    """The policy for an array; raises :class:`ModelError` where its buffers are too small for any."""
    found = [policy for policy in _policies(config) if policy.fits()]
    if not found:
        raise ModelError("the buffers of this array are too small for products of unknown sizes; fix the sizes, or give it larger ones")
    quick = [policy for policy in found if policy.memory_share <= MEMORY_SHARE]
    if quick:
        return min(quick, key=lambda policy: (policy.rows * policy.columns, abs(policy.rows - policy.columns), policy.rows))
    return min(found, key=lambda policy: (policy.memory_share, policy.rows * policy.columns))


def _policies(config: ArrayConfig) -> Iterator[Policy]:
    for row_tiles in range(1, MOST_TILES + 1):
        for column_tiles in range(1, MOST_TILES + 1):
            rows, columns = row_tiles * config.rows, column_tiles * config.cols
            grain = step_grain(config)
            lanes = max(rows, columns)
            step = min(max(STEP, grain), config.operand_bytes // (LEAST_SLOTS * lanes) // grain * grain)
            if step:
                slots = min(MOST_SLOTS, config.operand_bytes // (lanes * step))
                yield Policy(config, rows, columns, step, slots, min(SIDE_SLOTS, max(1, config.parameter_words // column_tiles)))


def step_grain(config: ArrayConfig) -> int:
    """Steps of k that fill tiles of either dataflow, and beats where rows are aligned."""
    return max(config.rows, config.cols, config.bus_bytes)
