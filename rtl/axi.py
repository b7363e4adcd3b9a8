"""AXI4 and AXI4-Lite signatures, from the manager's side.

Names and meanings are those of the AMBA AXI protocol specification (IHI 0022). Signals that HWACC
leaves at one value (lock, cache, prot, qos) are not there; a system ties them to zero.
"""

from amaranth.lib.wiring import In, Out, Signature
from amaranth.utils import ceil_log2

from hwacc import csr
from hwacc.config import ArrayConfig

OKAY = 0
SLVERR = 2
INCR = 1
ID_BITS = 1
PAGE_BYTES = 4096
"""No burst crosses a multiple of this."""
BURST_BEATS = 256
"""The longest INCR burst."""


def axi4(config: ArrayConfig) -> Signature:
    """Memory port: ``bus_bytes`` a beat, INCR bursts."""
    address = {"addr": config.address_bits, "len": 8, "size": 3, "burst": 2, "id": ID_BITS}
    return Signature(
        {
            **{f"aw{name}": Out(bits) for name, bits in address.items()},
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(config.bus_bytes * 8),
            "wstrb": Out(config.bus_bytes),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(ID_BITS),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            **{f"ar{name}": Out(bits) for name, bits in address.items()},
            "arvalid": Out(1),
            "arready": In(1),
            "rid": In(ID_BITS),
            "rdata": In(config.bus_bytes * 8),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def beat_size(config: ArrayConfig) -> int:
    """Value of ``awsize`` and ``arsize`` for full beats."""
    return ceil_log2(config.bus_bytes)


def axi4_lite() -> Signature:
    """Register port: 32-bit data."""
    return Signature(
        {
            "awaddr": Out(csr.ADDRESS_BITS),
            "awprot": Out(3),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(csr.ADDRESS_BITS),
            "arprot": Out(3),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(32),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )
