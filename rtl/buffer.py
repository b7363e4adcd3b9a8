"""On-chip buffers that LOAD fills: operands of the array, parameters of the requantiser."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig
from hwacc.rtl.delay import delayed
from hwacc.rtl.interfaces import BYTE_LANES_LATENCY, local_write_port

SHIFT_BITS = 6


def parameter_layout() -> data.StructLayout:
    """What the requantiser needs of one channel; in memory an int32, then a byte, then three unused ones."""
    return data.StructLayout({"multiplier": signed(8 * INT32_BYTES), "shift": SHIFT_BITS})


class ByteLanes(wiring.Component):
    """Words of bytes, written up to a beat a cycle at any byte address, read a word a cycle.

    Every byte lane is a memory with a write address of its own, so a beat that spans two words takes one cycle and nothing
    is remembered between beats. Lanes that are not in ``used`` keep nothing and read as 0.

    Latency: ``data`` shows the word at ``address`` :data:`BYTE_LANES_LATENCY` cycles later (block memory and its output register);
    the lanes in ``ahead`` show the next word. A write is seen by a read in any later cycle. ``write`` is always ready.

    Not handled: a read of a word in the cycle of its write gives old or new bytes; addresses outside the buffer wrap.
    """

    def __init__(self, *, words: int, word_bytes: int, config: ArrayConfig, used: frozenset[int] | None = None):
        assert word_bytes % config.bus_bytes == 0, "a word takes whole beats"
        self.words = words
        self.word_bytes = word_bytes
        self.bus_bytes = config.bus_bytes
        self.used = frozenset(range(word_bytes)) if used is None else used
        reads = {"address": In(exact_log2(words)), "ahead": In(word_bytes), "data": Out(word_bytes * 8)}
        super().__init__({"write": In(local_write_port(config)), **reads})

    def elaborate(self, platform):
        if hasattr(platform, "get_byte_lanes"):
            return platform.get_byte_lanes(self)
        m = Module()
        m.d.comb += self.write.ready.eq(1)
        beats = [self._beat_index(m, lane) for lane in range(self.bus_bytes)]
        for lane in sorted(self.used):
            self._lane(m, lane, beats[lane % self.bus_bytes])
        return m

    def _beat_index(self, m, lane):
        """Index of the beat-sized piece of the buffer to which the byte in bus lane ``lane`` belongs."""
        offset_bits = exact_log2(self.bus_bytes)
        first = self.write.payload.address[offset_bits:]
        index = Signal(len(first), name=f"beat{lane}")
        m.d.comb += index.eq(Mux(lane < self.write.payload.address[:offset_bits], first + 1, first))
        return index

    def _lane(self, m, lane, beat):
        source, slot = lane % self.bus_bytes, lane // self.bus_bytes
        slot_bits = exact_log2(self.word_bytes // self.bus_bytes)
        m.submodules[f"lane{lane}"] = memory = Memory(shape=8, depth=self.words, init=[])
        write, read = memory.write_port(), memory.read_port()
        output = Signal(8, name=f"output{lane}", reset_less=True)
        m.d.comb += [
            write.addr.eq(beat[slot_bits:]),
            write.data.eq(self.write.payload.data.word_select(source, 8)),
            write.en.eq(self.write.valid & self.write.payload.mask[source] & (beat[:slot_bits] == slot)),
            read.addr.eq(Mux(self.ahead[lane], self.address + 1, self.address)),
            self.data.word_select(lane, 8).eq(output),
        ]
        m.d.sync += output.eq(read.data)


class OperandBuffer(wiring.Component):
    """Half of the scratchpad: ``operand_bytes``, of which a ``window`` from any byte on is read in a cycle.

    Latency: ``data`` shows the bytes from ``address`` on :data:`OPERAND_READ_LATENCY` cycles later: one more than
    :class:`ByteLanes`, after which they are rotated into their places. Handshake and limits are those of :class:`ByteLanes`.
    """

    def __init__(self, config: ArrayConfig, *, window: int):
        self.config = config
        self.window = window
        reads = {"address": In(exact_log2(config.operand_bytes)), "data": Out(window * 8)}
        super().__init__({"write": In(local_write_port(config)), **reads})

    def elaborate(self, platform):
        if hasattr(platform, "get_operand_buffer"):
            return platform.get_operand_buffer(self)
        m = Module()
        width = max(self.window, self.config.bus_bytes)
        words = self.config.operand_bytes // width
        m.submodules.lanes = lanes = ByteLanes(words=words, word_bytes=width, config=self.config)
        wiring.connect(m, wiring.flipped(self.write), lanes.write)
        offset = self.address[: exact_log2(width)]
        m.d.comb += [lanes.address.eq(self.address[exact_log2(width) :]), lanes.ahead.eq(Cat(lane < offset for lane in range(width)))]
        rotation = delayed(m, offset, BYTE_LANES_LATENCY, name="rotation")
        rotated = lanes.data
        for bit, by in enumerate(rotation):
            stage = Signal(width * 8, name=f"rotated{bit}")
            m.d.comb += stage.eq(Mux(by, rotated.rotate_right(8 << bit), rotated))
            rotated = stage
        data = Signal(self.window * 8, reset_less=True)
        m.d.sync += data.eq(rotated)
        m.d.comb += self.data.eq(data)
        return m


class ParameterBuffer(wiring.Component):
    """Multiplier and shift of every channel; a word has those of ``cols`` channels.

    Latency and handshake are those of :class:`ByteLanes`. ``data`` is an array of :func:`parameter_layout`.

    Not handled: the check that a shift is one that the requantiser supports.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        self.word_layout = data.ArrayLayout(parameter_layout(), config.cols)
        address = In(exact_log2(config.parameter_words))
        super().__init__({"write": In(local_write_port(config)), "address": address, "data": Out(self.word_layout)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.lanes = lanes = self._lanes()
        wiring.connect(m, wiring.flipped(self.write), lanes.write)
        m.d.comb += lanes.address.eq(self.address)
        for channel in range(self.config.cols):
            image = lanes.data.word_select(channel, 8 * PARAMETER_BYTES)
            m.d.comb += [
                self.data[channel].multiplier.eq(image[: 8 * INT32_BYTES]),
                self.data[channel].shift.eq(image[8 * INT32_BYTES :]),
            ]
        return m

    def _lanes(self):
        """Storage without the bytes that no channel uses."""
        width = self.config.cols * PARAMETER_BYTES
        used = frozenset(lane for lane in range(width) if lane % PARAMETER_BYTES <= INT32_BYTES)
        return ByteLanes(words=self.config.parameter_words, word_bytes=width, config=self.config, used=used)
