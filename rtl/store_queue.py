"""STORE's words, waiting between accumulator and packer."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out


class WordQueue(wiring.Component):
    """A queue of words that gives them out piece by piece, two neighbouring pieces in each cycle.

    ``front`` is piece number ``piece`` of the oldest word and ``behind`` the one that follows it, at the end of a word the first piece
    of the next one; nobody reads ``behind`` where words have but one piece. ``ready``: ``front`` is there, and with ``both``
    also ``behind``. ``takes`` uses up ``front``, with ``ends`` the word's other pieces as well, and at its end with ``both``
    the next word, which must be one that ``joins``: of such a word only the first piece is kept. So first pieces have a queue of
    their own, which can be a word ahead. ``gone``: how many words leave in this cycle.

    Latency: a word is there in the cycle after it was written. Not handled: a word for which there is no room.
    """

    def __init__(self, *, word_bits: int, piece_bits: int, depth: int):
        self.pieces, self.piece_bits, self.depth = max(1, word_bits // piece_bits), min(word_bits, piece_bits), depth
        super().__init__(
            {
                "w_en": In(1),
                "w_data": In(word_bits),
                "joins": In(1),
                "piece": In(range(max(2, self.pieces))),
                "both": In(1),
                "takes": In(1),
                "ends": In(1),
                "front": Out(piece_bits),
                "behind": Out(piece_bits),
                "ready": Out(1),
                "gone": Out(range(3)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.first = first = SyncFIFO(width=self.piece_bits, depth=self.depth)
        m.d.comb += [first.w_en.eq(self.w_en), first.w_data.eq(self.w_data)]
        if self.pieces == 1:
            m.d.comb += [self.ready.eq(first.r_rdy), first.r_en.eq(self.takes), self.front.eq(first.r_data), self.gone.eq(self.takes)]
            return m

        m.submodules.others = others = SyncFIFO(width=len(self.w_data) - self.piece_bits, depth=self.depth)
        pieces = [first.r_data, *(others.r_data.word_select(i, self.piece_bits) for i in range(self.pieces - 1))]
        joined = Signal()
        m.d.comb += [
            joined.eq(self.both & (self.piece == self.pieces - 1)),
            others.w_en.eq(self.w_en & ~self.joins),
            others.w_data.eq(self.w_data >> self.piece_bits),
            self.ready.eq(first.r_rdy | ((self.piece != 0) & ~joined)),
            first.r_en.eq(self.takes & ((self.piece == 0) | joined)),
            others.r_en.eq(self.takes & self.ends),
            self.front.eq(Array(pieces)[self.piece]),
            self.behind.eq(Array([*pieces[1:], pieces[0]])[self.piece]),
            self.gone.eq((self.takes & self.ends) + (self.takes & joined)),
        ]
        return m
