"""STORE's words, waiting between accumulator and packer."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out


class WordQueue(wiring.Component):
    """A queue of words that come out piece by piece, each beside the piece behind it.

    Piece number ``piece`` of the oldest word is at ``even`` or ``odd``, whichever that number is, and the one behind it at the other;
    behind the last one is the first piece of the next word. A word that ``joins`` the one before has but this piece, and leaves
    with the other word's last. So first pieces have a queue of their own, which can be ahead by a word.

    ``ready``: the piece is there, and with ``both`` also the one behind it. ``takes``: the piece leaves, with ``ends`` all that its word
    has left, and with ``both`` a word that joins it. ``gone``: how many words leave in this cycle.

    Latency: a word is there in the cycle after ``w_en``. Not handled: words for which there is no room; ``odd`` of words that are
    a single piece.
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
                "even": Out(self.piece_bits),
                "odd": Out(self.piece_bits),
                "ready": Out(1),
                "gone": Out(range(3)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.first = first = SyncFIFO(width=self.piece_bits, depth=self.depth)
        m.d.comb += [first.w_en.eq(self.w_en), first.w_data.eq(self.w_data)]
        if self.pieces == 1:
            m.d.comb += [self.ready.eq(first.r_rdy), first.r_en.eq(self.takes), self.even.eq(first.r_data), self.gone.eq(self.takes)]
        else:
            self._split(m, first)
        return m

    def _split(self, m, first):
        """All pieces but the first, which stay together until their word ends."""
        m.submodules.others = others = SyncFIFO(width=len(self.w_data) - self.piece_bits, depth=self.depth)
        pieces = [first.r_data, *(others.r_data.word_select(i, self.piece_bits) for i in range(self.pieces - 1))]
        pair = self.piece[1:]
        joined = Signal()
        m.d.comb += [
            joined.eq(self.both & (self.piece == self.pieces - 1)),
            others.w_en.eq(self.w_en & ~self.joins),
            others.w_data.eq(self.w_data >> self.piece_bits),
            self.ready.eq(first.r_rdy | ((self.piece != 0) & ~joined)),
            first.r_en.eq(self.takes & ((self.piece == 0) | joined)),
            others.r_en.eq(self.takes & self.ends),
            self.even.eq(Array(pieces[::2])[(pair + self.piece[0])[: len(pair)]]),
            self.odd.eq(Array(pieces[1::2])[pair]),
            self.gone.eq((self.takes & self.ends) + (self.takes & joined)),
        ]
