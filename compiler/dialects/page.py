"""``docs/dialect.md`` as text: the definition's operations, with the words of :mod:`.documentation` and of :mod:`hwacc.isa`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from hwacc import isa
from hwacc.compiler.dialects.documentation import CONTRACTION_DOCS, MACHINE_EXAMPLES, OpDoc, machine_example
from hwacc.compiler.dialects.hwacc import MACHINE_OPS, definition, has_buffer, ir_fields, op_name
from hwacc.performance import table

INTRODUCTION = """\
The dialect has two levels. *What is computed*, on tensors or on memrefs: a contraction with all that the array does in one go. *What the
machine does*, on buffers: one operation for each descriptor. Between them lies the planner.

It is defined in IRDL, `compiler/dialects/hwacc.irdl.mlir`, so that upstream's tools read the IR:

```
mlir-opt --irdl-file=compiler/dialects/hwacc.irdl.mlir tasks.mlir
```

IRDL says which operands and attributes there are, and of what kind. What it cannot say, element types, sizes that must agree, ranges of
fields, is checked by the pass `verify-hwacc`, whose errors carry the operation's location. All operations are printed in MLIR's generic
form; `operandSegmentSizes` says which of a contraction's operands are there."""

MACHINE_INTRODUCTION = """\
One operation for each descriptor of [isa.md](isa.md), and one attribute for each field: an integer (the compiler prints them as `i64`)
in the range of the field. An operation with an `address` takes the buffer that the address counts from; whoever submits the stream adds
the buffer's place in memory, and the END. Operations are in program order; only their tokens (`wait_…` and `signal_…`) order one engine
after another."""

EXAMPLE_WIDTH = 140
"""Columns of the examples' lines."""


@dataclass(frozen=True)
class Signature:
    """The names that the definition gives an operation's operands, attributes and results, in order."""

    operands: tuple[str, ...]
    attributes: tuple[str, ...]
    results: tuple[str, ...]


def signatures() -> dict[str, Signature]:
    """Every operation of the definition, by its name without the dialect's."""
    parts = re.split(r"irdl\.operation @(\w+)", definition())[1:]
    return {name: signature(body) for name, body in zip(parts[::2], parts[1::2])}


def signature(body: str) -> Signature:
    """The names in one operation's definition."""

    def names(kind: str, brackets: str, pattern: str) -> tuple[str, ...]:
        found = re.search(rf"irdl\.{kind}\s*\{brackets[0]}(.*?)\{brackets[1]}", body, re.DOTALL)
        return tuple(re.findall(pattern, found[1])) if found else ()

    return Signature(names("operands", "()", r"(\w+):"), names("attributes", "{}", r'"(\w+)"'), names("results", "()", r"(\w+):"))


def dialect_page() -> str:
    """The page, without the note that says where it comes from."""
    known = signatures()
    parts = ["# The dialect", INTRODUCTION, "## What is computed"]
    for name, signed in known.items():
        if name in CONTRACTION_DOCS:
            parts += contraction_section(name, signed, CONTRACTION_DOCS[name])
    parts += ["## What the machine does", MACHINE_INTRODUCTION]
    for op in MACHINE_OPS:
        parts += machine_section(op)
    return "\n\n".join(parts)


def contraction_section(name: str, signed: Signature, doc: OpDoc) -> list[str]:
    """The section of one contraction, on tensors or on memrefs."""
    return [
        f"### `hwacc.{name}`",
        doc.text,
        described("operand", signed.operands, doc.operands),
        described("attribute", signed.attributes, doc.attributes),
        *([described("result", signed.results, doc.results)] if signed.results else []),
        fenced(doc.example),
    ]


def machine_section(op: isa.Op) -> list[str]:
    """The section of one operation of the machine level."""
    fields = ir_fields(op)
    attributes = [(f"`{field.name}`", field.doc, f"{field.low} … {field.high}") for field in fields]
    operand = [described("operand", ("buffer",), {"buffer": "A memref of bytes: what `address` counts from."})] if has_buffer(op) else []
    text, _ = MACHINE_EXAMPLES[op.name.lower()]
    return [
        f"### `{op_name(op)}`",
        op.doc,
        *operand,
        table(("attribute", "meaning", "range"), attributes),
        text,
        fenced(machine_example(op)),
    ]


def described(kind: str, names: tuple[str, ...], words: Mapping[str, str]) -> str:
    """A table of names and what they are; raises KeyError for a name that nothing describes."""
    return table((kind, "meaning"), [(f"`{name}`", words[name]) for name in names])


def fenced(code: str) -> str:
    """A block of MLIR, its long lines broken."""
    lines = [wrapped for line in code.rstrip().splitlines() for wrapped in broken(line)]
    return "```mlir\n" + "\n".join(lines) + "\n```"


def broken(line: str) -> list[str]:
    """A line broken at spaces; what follows is indented further."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, EXAMPLE_WIDTH, subsequent_indent=indent + "    ", break_long_words=False, break_on_hyphens=False) or [line]
