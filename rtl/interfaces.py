"""Interfaces between the modules of the accelerator.

Streams follow ``amaranth.lib.stream``: a transfer happens in a cycle with
``valid`` and ``ready`` both 1; once ``valid``, the payload stays until taken.
"""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.decode import INDEX_BITS, work_layout

LOCAL_ADDRESS_BITS = 20
ACC_READ_LATENCY = 2
"""Cycles from an accepted accumulator read to its data."""
ACC_UPDATE_CYCLES = 4
"""The least from one update of an accumulator word to the next: it is read, added to and written. No tile takes less."""
BYTE_LANES_LATENCY = 2
"""Cycles from the address of byte lanes to their data."""
OPERAND_READ_LATENCY = BYTE_LANES_LATENCY + 1
"""Cycles from an operand buffer's read address to its data."""


def burst_layout(config: ArrayConfig) -> data.StructLayout:
    """An AXI INCR burst of whole beats: ``addr`` is a multiple of the beat, ``len`` its beats less one."""
    return data.StructLayout({"addr": config.address_bits, "len": 8})


def read_beat_layout(config: ArrayConfig) -> data.StructLayout:
    """One beat of a read burst; ``last`` marks the burst's last one."""
    return data.StructLayout({"data": config.bus_bytes * 8, "error": 1, "last": 1})


def read_port(config: ArrayConfig) -> wiring.Signature:
    """Memory reads as an engine sees them: bursts out, beats in, in order.

    An engine that has issued a burst must take all of its beats.
    """
    return wiring.Signature({"ar": Out(stream.Signature(burst_layout(config))), "r": In(stream.Signature(read_beat_layout(config)))})


def write_port(config: ArrayConfig) -> wiring.Signature:
    """Memory writes as an engine sees them: bursts and beats out, one response per burst in.

    Beats may come before or after their burst, in order; every burst issued must get all of its beats.
    """
    beat = data.StructLayout({"data": config.bus_bytes * 8, "strb": config.bus_bytes, "last": 1})
    return wiring.Signature(
        {
            "aw": Out(stream.Signature(burst_layout(config))),
            "w": Out(stream.Signature(beat)),
            "b": In(stream.Signature(data.StructLayout({"error": 1}))),
        }
    )


def local_write_layout(config: ArrayConfig) -> data.StructLayout:
    """Up to one beat of consecutive bytes for an on-chip buffer.

    ``address`` is the byte address of the first byte. The byte for local address
    ``q`` is in lane ``q % bus_bytes`` of ``data``; ``mask`` says which lanes count.
    A lane below ``address % bus_bytes`` therefore belongs to the next beat-sized word.
    """
    return data.StructLayout({"address": LOCAL_ADDRESS_BITS, "data": config.bus_bytes * 8, "mask": config.bus_bytes})


def local_write_port(config: ArrayConfig) -> wiring.Signature:
    """A stream of :func:`local_write_layout`."""
    return stream.Signature(local_write_layout(config))


def acc_read_port(config: ArrayConfig) -> wiring.Signature:
    """Accumulator reads: ``address`` (words) is accepted with ``valid`` and ``ready``; the word appears in
    ``data`` :data:`ACC_READ_LATENCY` cycles later, for one cycle, marked by ``data_valid``. No back-pressure on data:
    whoever asks keeps room for it."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "ready": In(1),
            "address": Out(16),
            "data_valid": In(1),
            "data": In(config.acc_word_bytes * 8),
        }
    )


def fault_layout() -> data.StructLayout:
    """Why an engine cannot go on: an :class:`hwacc.isa.Status` and the descriptor at fault."""
    return data.StructLayout({"status": 8, "index": INDEX_BITS})


def engine_members(op: isa.Op, *signals: str) -> dict[str, wiring.Member]:
    """What every engine has, as members for its signature.

    work
        Descriptors, in order. Taken when the engine can start on them.
    signal_*
        One-cycle pulses: push a token to that engine.
    busy
        High while any accepted descriptor is unfinished, or memory owes a response.
    fault_valid, fault
        A one-cycle pulse with its reason. The engine then waits for ``abort``.
    abort
        While high the engine takes no new work, drops what it has, and finishes only what the bus protocol
        demands (beats owed by or to memory). ``busy`` falls when that is done.
    """
    return {
        "work": In(stream.Signature(work_layout(op))),
        **{f"signal_{name}": Out(1) for name in signals},
        "busy": Out(1),
        "fault_valid": Out(1),
        "fault": Out(fault_layout()),
        "abort": In(1),
    }
