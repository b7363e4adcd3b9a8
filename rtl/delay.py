"""Delay lines."""

from amaranth.hdl import Signal


def delayed(m, value, cycles, *, name, reset_less=True):
    """``value`` as it was ``cycles`` cycles ago, through registers added to module ``m``."""
    for stage in range(cycles):
        register = Signal.like(value, name=f"{name}_{stage + 1}", reset_less=reset_less, init=0)
        m.d.sync += register.eq(value)
        value = register
    return value
