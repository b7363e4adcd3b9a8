"""One write for all byte enables of a memory port."""

from hwacc.sim.writes import merge_writes

WORD = """  always @(posedge clk) begin
    if (\\en [0])
      \\memory [\\address [3:0]][7:0] <= \\data [7:0];
    if (\\en [1])
      \\memory [\\address [3:0]][15:8] <= { \\a , \\b  };
  end
"""


def test_a_word_is_written_at_once_or_by_bytes() -> None:
    text = merge_writes("before\n" + WORD + "after\n")
    assert text.startswith("before\n  always @(posedge clk) begin: write7\n    reg [15:0] word;\n")
    assert "if (|{\\en [1], \\en [0]}) begin" in text
    assert "if (&{\\en [1], \\en [0]}) word = {{ \\a , \\b  }, \\data [7:0]};" in text
    assert "word = \\memory [\\address [3:0]];" in text
    assert "if (\\en [1]) word[15:8] = { \\a , \\b  };" in text
    assert text.count("<=") == 1
    assert text.endswith("  end\nafter\n")


def test_what_is_not_one_word_from_its_first_bit_on_stays() -> None:
    for text in (
        WORD.replace("\\address [3:0]][15:8]", "\\other [3:0]][15:8]"),
        WORD.replace("[15:8] <=", "[17:10] <="),
        WORD.replace("[7:0] <=", "[7:1] <="),
        "  always @(posedge clk)\n    if (\\en ) \\q  <= \\d ;\n",
    ):
        assert merge_writes(text) == text
