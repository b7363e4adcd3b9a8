"""The C header of a compiled program: what goes in and comes out, and the functions of :mod:`.entry`."""

from __future__ import annotations

from collections.abc import Iterator

from hwacc.compiler.aot.layout import Layout
from hwacc.compiler.aot.module import c_name
from hwacc.program import Buffer, Program

C_TYPES = {
    "bool": "uint8_t",
    "float32": "float",
    "float64": "double",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""C's name of a buffer's dtype."""

TEXT = """\
/* {title}: made by `hwacc compile --emit object`; do not edit.
 *
 * For the {rows}x{cols} array of configuration {hash:#010x}. {parts}
 *
{ends}
 *
 * All arrays are row-major and belong to the caller; each must be aligned as its element type is. docs/c_abi.md has an example.
 */
#ifndef {upper}_H
#define {upper}_H

#include "hwacc.h"

#ifdef __cplusplus
extern "C" {{
#endif

{macros}

/* A model on a device. The caller has the memory; read `cycles` (of the device, in the last run), leave the rest alone. */
typedef struct {name}_model {{
    hwacc_device *device;
    hwacc_address memory;
    uint64_t cycles;
}} {name}_model;

/* Takes {upper}_DEVICE_BYTES of device memory and copies the constants there. The device must be of configuration {upper}_CONFIGURATION
 * and stay open. Several models may be on one device. */
int {name}_init({name}_model *model, hwacc_device *device);

/* Runs the model: `inputs` and `outputs` have a pointer to each array, in the order above. Ends when the outputs are written. */
int {name}_run({name}_model *model, const void *const *inputs, void *const *outputs);

/* Gives the device memory back. Harmless when repeated, and after an init that failed. */
int {name}_free({name}_model *model);

#ifdef __cplusplus
}}
#endif

#endif
"""


def header(program: Program, layout: Layout) -> str:
    """The header's text."""
    name = c_name(program)
    return TEXT.format(
        title=comment(program.name),
        name=name,
        upper=name.upper(),
        rows=program.config.rows,
        cols=program.config.cols,
        hash=program.config.hash,
        parts=parts(program),
        ends="\n".join(f" * {line}" for line in ends(program)),
        macros="\n".join(macros(program, layout, name.upper())),
    )


def parts(program: Program) -> str:
    """How many tasks run where."""
    array = sum(task.implementations[0].backend == "hwacc" for task in program.tasks)
    return f"{array} of its {len(program.tasks)} tasks run on the array, the others are machine code."


def ends(program: Program) -> Iterator[str]:
    """A line for each input and output."""
    for role in ("input", "output"):
        for position, index in enumerate(program.indices(role)):
            buffer = program.buffers[index]
            shape = "".join(f"[{size}]" for size in buffer.shape)
            yield f"{role}s[{position}]: {c_type(buffer)} {shape}, {buffer.size} bytes, {meaning(buffer)}: {comment(buffer.name)}"


def meaning(buffer: Buffer) -> str:
    """What an element stands for."""
    if buffer.quantisation is None:
        return "as it is"
    scale, zero_point = buffer.quantisation
    offset = f"- {zero_point}" if zero_point >= 0 else f"+ {-zero_point}"
    return f"an element q is the number {scale!r} * (q {offset})"


def macros(program: Program, layout: Layout, upper: str) -> Iterator[str]:
    """Sizes and numbers for the preprocessor."""
    yield f"#define {upper}_CONFIGURATION {program.config.hash:#010x}u"
    yield f"#define {upper}_DEVICE_BYTES {layout.size}u"
    for role in ("input", "output"):
        indices = program.indices(role)
        yield f"#define {upper}_{role.upper()}S {len(indices)}"
        for position, index in enumerate(indices):
            buffer = program.buffers[index]
            prefix = f"#define {upper}_{role.upper()}_{position}"
            yield f"{prefix}_TYPE {c_type(buffer)}"
            yield f"{prefix}_BYTES {buffer.size}u"
            yield f"{prefix}_ELEMENTS {buffer.elements}u"
            for axis, size in enumerate(buffer.shape):
                yield f"{prefix}_DIM_{axis} {size}"
            if buffer.quantisation is not None:
                yield f"{prefix}_SCALE {buffer.quantisation[0]!r}"
                yield f"{prefix}_ZERO_POINT ({buffer.quantisation[1]})"


def c_type(buffer: Buffer) -> str:
    """The C type of its elements."""
    return C_TYPES[buffer.dtype]


def comment(text: str) -> str:
    """Text that cannot end a comment, on one line."""
    return "".join(character if character.isprintable() else "?" for character in text).replace("*/", "* /").replace("/*", "/ *")
