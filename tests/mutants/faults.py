"""The catalogue of planted faults: one slip each that a designer of this hardware could make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``before``, which stands exactly once in ``rtl/<module>.py``, becomes ``after``; ``says`` what the hardware then does wrong."""

    module: str
    says: str
    before: str
    after: str


FAULTS: tuple[Fault, ...] = (
    Fault("pe", "subtracts the products", "before + a * weight", "before - a * weight"),
    Fault("pe", "keeps the sum of the tile before", "Mux(swap, 0, acc)", "acc"),
    Fault("pe", "multiplies by weights that are still on their way", "with m.Elif(self.swap_in):", "with m.Elif(self.shift):"),
    Fault("array", "straightens the drained rows by one cycle too many", "bottom, cols - 1 - j,", "bottom, cols - j,"),
    Fault("feeder", "takes the bytes behind the end of k", "masked.eq(self.word & keep[self.count])", "masked.eq(self.word)"),
    Fault("feeder", "enters all lanes at once, without skew", "(own << (8 * i))", "own"),
    Fault(
        "lines",
        "reads one step of k too many",
        "self.take.eq(self.step & ~k_contiguous & (left != 0))",
        "self.take.eq(self.step & ~k_contiguous)",
    ),
    Fault("lines", "reads lines beyond the panel", "(line < size)", "(line <= size)"),
    Fault(
        "weights",
        "begins a slice of k that is not there",
        "with m.Elif(first_k + rows < length):",
        "with m.Elif(first_k + rows <= length):",
    ),
    Fault("drain", "drops a row of every tile", "wanted = left != 0", "wanted = left > 1"),
    Fault(
        "drain",
        "writes one word behind the accumulator",
        "outside = (address >= config.acc_words)",
        "outside = (address > config.acc_words)",
    ),
    Fault(
        "compute", "feeds a row tile that is not there", "last_inner = inner_left <= config.rows", "last_inner = inner_left < config.rows"
    ),
    Fault(
        "compute",
        "starts a short tile before the last one is drained",
        "Mux(length < least, least, length)",
        "length",
    ),
    Fault(
        "compute",
        "lets a short tile overtake the rows of the one before",
        "tile_ends.eq(fed & (rows_left == 0))",
        "tile_ends.eq(fed)",
    ),
    Fault("compute", "takes rows that lie further apart for the same panel", " & (coming_stride == row_stride)", ""),
    Fault("compute", "lets the rows of a result overlap", "missing | rows_overlap", "missing"),
    Fault(
        "compute",
        "blames the descriptor at work for the weights of the next one",
        "Mux(outside_north & primed, coming.index, work.index)",
        "work.index",
    ),
    Fault("store_reader", "reads rows as if nothing lay between them", "Mux(self._row_ends, next_row, word + 1)", "word + 1"),
    Fault("compute", "serves lanes in less time than they need", "~stationary & ~coming.west_k_contiguous &", "~stationary &"),
    Fault("drain", "moves rows that do not count over the next tile's", "low.w_data.eq(in_array)", "low.w_data.eq(config.rows)"),
    Fault("accumulator", "adds the bias to the first row alone", "Mux(now.first, for_drain, bias)", "for_drain"),
    Fault("buffer", "wraps a beat round its word", "address[:offset_bits], first + 1, first)", "address[:offset_bits], first, first)"),
    Fault("load_walk", "takes the inner loops back to the wrong start", "start.eq(starts[loop])", "start.eq(starts[0])"),
    Fault(
        "load_walk",
        "signals after the iterations of the wrong loop",
        "job.signal_each & _through(done, isa.LOAD_DIMS - 1)",
        "job.signal_each & _through(done, isa.LOAD_DIMS - 2)",
    ),
    Fault("load_walk", "aligns the start of the first iteration as that of the others", "job.signal_each & later", "job.signal_each"),
    Fault("load_place", "takes an iteration for a descriptor", "complete & piece.tag.ends", "complete"),
    Fault(
        "load_clip",
        "reads a byte left of the picture",
        "to_left = Mux(ends_before, run.length, -run.x)",
        "to_left = Mux(ends_before, run.length, ~run.x)",
    ),
    Fault("load_clip", "lets the last byte leave the buffer", "run.local + run.length + self.more > size", "run.local + run.length > size"),
    Fault("load_clip", "looks for an aligned end behind the length alone", "-(run.address + run.length)", "-run.length"),
    Fault("load_clip", "reads the bytes before an aligned start, too", "self.left.eq(self.skip)", "self.left.eq(0)"),
    Fault(
        "load_place",
        "ignores the lane at which a segment begins",
        "space.eq(self.config.bus_bytes - segment.offset)",
        "space.eq(self.config.bus_bytes)",
    ),
    Fault(
        "load_place",
        "signals with a piece that is not yet taken",
        "complete = taken & piece.last & ~self.drop",
        "complete = valid & piece.last & ~self.drop",
    ),
    Fault(
        "store_segments",
        "folds rows that do not follow each other",
        "(self.strides[0] == self.bytes) & fits",
        "(self.strides[0] >= self.bytes) & fits",
    ),
    Fault(
        "store_bursts",
        "marks a beat too early as the last",
        "ends.eq(sent == self._lengths.r_data)",
        "ends.eq(sent + 1 == self._lengths.r_data)",
    ),
    Fault("store_bursts", "confirms before the last response", "b.valid & self._unconfirmed.r_data[0]", "b.valid"),
    Fault(
        "pack",
        "forgets what is left of the last beat of a row",
        "tail.eq(self._ends & self._full & ~splits & self._over.any())",
        "tail.eq(0)",
    ),
    Fault("pack", "sends a beat too few of a slice that completes two", "self._double & ~second", "self._double & 0"),
    Fault("store_queue", "keeps a word that has left with the one before", "((self.piece == 0) | joined)", "(self.piece == 0)"),
    Fault("store_reader", "has a word of a whole beat join another", "rest < most[isa.Output.INT32]", "rest <= most[isa.Output.INT32]"),
    Fault("requantise", "rounds half down", "(shifted[1:] + shifted[0])", "shifted[1:]"),
    Fault("requantise", "rounds twice at a shift of 31, too", "enabled & (shift > 31)", "enabled & (shift >= 31)"),
    Fault("requantise", "clamps before it adds the zero point", "Mux(floored > clamp.clamp_max, clamp.clamp_max, floored)", "floored"),
    Fault("store_format", "accepts a word more than its queue holds", "taken != queue.depth", "taken <= queue.depth"),
    Fault("store_reader", "reads beyond the parameters", "word >= self.config.parameter_words", "word > self.config.parameter_words"),
    Fault(
        "dispatch",
        "loses a token pushed while one is taken",
        "tokens + self.push[engine] - take[engine]",
        "Mux(take[engine], tokens - 1, tokens + self.push[engine])",
    ),
    Fault(
        "dispatch",
        "starts with one token of two",
        "satisfied = (waits & ~present) == 0",
        "satisfied = (waits == 0) | (waits & present).any()",
    ),
    Fault(
        "dispatch",
        "takes tokens for a descriptor, not for each of its parts",
        "(self.work.valid & self.work.ready).replicate(",
        "(queue.r_en & queue.r_rdy).replicate(",
    ),
    Fault("parts", "signals with every part", "with m.If(~self.last):", "with m.If(~self.last & self.last):"),
    Fault("parts", "makes a last part of nothing", "(left <= whole.k_step)", "(left < whole.k_step)"),
    Fault("parts", "begins in the middle after a clear", "with m.If(self.clear):", "with m.If(self.clear & ~later):"),
    Fault("fetch", "does not wrap round the ring", "((asked & mask) <<", "(asked <<"),
    Fault("fetch", "counts a long descriptor as one entry", "self.head + 1 + long", "self.head + 1"),
    Fault(
        "fetch",
        "leaves a short descriptor the second half of the one before",
        "with m.If(moves & starts):",
        "with m.If(moves & starts & (second == 0)):",
    ),
    Fault("fetch", "takes a long descriptor for a short one", "(count == beats) & ~long)", "(count == beats))"),
    Fault("command", "ends while results are on their way", "any_busy | ~all_stopped | accepted, 0,", "~all_stopped | accepted, 0,"),
    Fault("command", "counts the cycles of the record twice", 'counts = started & ~fsm.ongoing("RECORD")', "counts = started"),
    Fault(
        "account",
        "forgets the cycles in which a full queue holds up the dispatch",
        "with m.Elif(compute_waits | dispatch_waits):",
        "with m.Elif(compute_waits):",
    ),
    Fault(
        "account",
        "blames a token while COMPUTE is at work",
        "with m.Elif(self.executing):",
        "with m.Elif(self.executing & ~compute_waits):",
    ),
    Fault("arbiter", "gives the fetcher's beats to LOAD", "axi.rvalid & (axi.rid == number)", "axi.rvalid & (axi.rid <= number)"),
    Fault("read_window", "counts a burst as one beat", "memory.ar.payload.len + 1, 0)", "1, 0)"),
    Fault("read_window", "does not follow a latency that grows", "(measures | too_small)", "(measures & ~too_small)"),
    Fault(
        "registers",
        "ignores the byte strobes",
        "bit.replicate(8) for bit in write_strobe",
        "write_strobe.any().replicate(8) for bit in write_strobe",
    ),
)
