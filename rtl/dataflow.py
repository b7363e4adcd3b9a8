"""Hardware of the dataflows that a build has."""

from amaranth.hdl import Const, Mux, Signal

from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow


def has(config: ArrayConfig, dataflow: Dataflow) -> bool:
    """Whether the build has ``dataflow``."""
    return dataflow in config.available_dataflows


def has_both(config: ArrayConfig) -> bool:
    """Whether descriptors have a choice."""
    return len(config.available_dataflows) > 1


def stationary_flag(config: ArrayConfig):
    """1 while the weights stay in the cells, 0 while the sums do: a signal where there is a choice, else a constant."""
    return Signal(name="stationary") if has_both(config) else Const(config.available_dataflows[0], 1)


def by_dataflow(config: ArrayConfig, stationary, weight, output):
    """``weight`` or ``output`` as ``stationary`` says; the only one that counts where a dataflow is missing, so that nothing reads
    the other one and synthesis takes away what makes it."""
    if has_both(config):
        return Mux(stationary, weight, output)
    return weight if has(config, Dataflow.WEIGHT_STATIONARY) else output
