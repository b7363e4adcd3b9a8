"""Byte enables of a memory, as one statement that is skipped where nothing is written.

Yosys writes a memory port with enables as a list of conditional assignments, and Verilator keeps an address, a value and a
flag for each of them, every cycle. A port that is idle or writes whole words, the usual cases, should cost one test.
"""

from __future__ import annotations

import re

_WRITE = re.compile(r"    if \((\S[^\n]*)\)\n      (\S+ +\[[^\n]+\])\[(\d+):(\d+)\] <= ([^\n]+);\n")
_BLOCK = re.compile(r"  always @\(posedge clk\) begin\n((?:    if \(\S[^\n]*\)\n      \S+ +\[[^\n]+\]\[\d+:\d+\] <= [^\n]+;\n){2,})  end\n")


def merge_writes(verilog: str) -> str:
    """The same Verilog, with one write for each memory port that has enables."""
    return _BLOCK.sub(_merged, verilog)


def _merged(block: re.Match[str]) -> str:
    """One ``always`` block; unchanged where its parts are not the whole of one word, in order."""
    parts = _WRITE.findall(block[1])
    words = {word for _, word, *_ in parts}
    bounds = [0, *(int(high) + 1 for _, _, high, *_ in parts)]
    if len(words) != 1 or bounds[:-1] != [int(low) for *_, low, _ in parts]:
        return block[0]
    word = words.pop()
    enables = ", ".join(enable for enable, *_ in reversed(parts))
    data = ", ".join(value for *_, value in reversed(parts))
    some = "\n".join(f"        if ({enable}) word[{high}:{low}] = {value};" for enable, _, high, low, value in parts)
    return f"""  always @(posedge clk) begin: write{block.start()}
    reg [{bounds[-1] - 1}:0] word;
    if (|{{{enables}}}) begin
      if (&{{{enables}}}) word = {{{data}}};
      else begin
        word = {word};
{some}
      end
      {word} <= word;
    end
  end
"""
