"""Imports a ``.tflite`` model: TensorFlow Lite → TOSA → linalg, bit-exactly.

The conversion to TOSA runs in a process of its own (:mod:`.flatbuffer`); from
there on everything is MLIR passes in this process. The result is one function
over static tensors, of ``linalg`` operations whose rescales still hold
``tosa.apply_scale``: that one operation says exactly what eight of i64
arithmetic would, and the fusion of epilogues can recognise it safely.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.context import parse_module, source_name
from hwacc.compiler.importers import flatbuffer
from hwacc.compiler.importers.converter import run_reader
from hwacc.compiler.importers.tosa import TO_LINALG
from hwacc.compiler.transforms.exact_quantise import SCALE, ZERO_POINT
from hwacc.compiler.transforms.passes import run_passes, walk
from hwacc.compiler.transforms.tensor_function import INPUTS, OUTPUTS, QUANTISATION
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

Scales = dict[str, tuple[float, int]]
"""Scale and zero point by a tensor's name."""

ENTRY_FUNCTION = "tf.entry_function"
"""The converter's attribute with the names of inputs and outputs."""

LEFT_OVER = re.compile(r'= "?tfl\.(\w+)"?[ (]')
"""An operation of the converter's TensorFlow Lite dialect in its output."""

TIME_LIMIT = 120.0
"""Seconds that the conversion to TOSA may take."""


def import_tflite(path: Path) -> ir.Module:
    """The model as linalg on tensors, in the current context; raises :class:`ModelError` in one line."""
    module, scales = import_tosa(path)
    try:
        run_passes(module, TO_LINALG)
    except ModelError as error:
        raise ModelError(f"{path}: cannot be lowered to linalg: {error}") from None
    require_linalg(module, str(path))
    name_ends(module, scales)
    return module


def import_tosa(path: Path) -> tuple[ir.Module, Scales]:
    """The model as TOSA, its float-to-integer QUANTIZEs marked with their scale; and the quantisation of its ends."""
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / f"{path.stem}.mlir"
        answer = run_reader(flatbuffer, [str(path), str(output)], path, kind="TensorFlow Lite model", extra="tflite", limit_s=TIME_LIMIT)
        text = output.read_text()
    require_tosa(text, str(path))
    module = parse_module(text, f"{path}: TOSA")
    for op in walk(module.operation, "tosa.custom"):
        raise ModelError(f"{path}: custom operator {op.attributes['operator_name'].value!r} is not supported")
    mark_quantise(module, answer["quantise"])
    return module, answer["ends"]


def name_ends(module: ir.Module, scales: Scales) -> None:
    """Gives the function one name, and only the attributes that other importers may give, too."""
    from mlir import ir

    for function in walk(module.operation, "func.func"):
        if ENTRY_FUNCTION in function.attributes:
            ends = function.attributes[ENTRY_FUNCTION]
            names = {name: ends[key].value.split(",") for key, name in (("inputs", INPUTS), ("outputs", OUTPUTS))}
            for name, each in names.items():
                function.attributes[name] = ir.ArrayAttr.get([ir.StringAttr.get(one) for one in each])
            quantised = [quantisation(scales.get(one)) for one in names[INPUTS] + names[OUTPUTS]]
            function.attributes[QUANTISATION] = ir.ArrayAttr.get(quantised)
            del function.attributes[ENTRY_FUNCTION]
    for name in list(module.operation.attributes):
        del module.operation.attributes[name]


def require_tosa(text: str, where: str) -> None:
    """Raises :class:`ModelError` for operators that the converter left as they were."""
    left = sorted({name.upper() for name in LEFT_OVER.findall(text)})
    if left:
        plural, verb = ("s", "have") if len(left) > 1 else ("", "has")
        raise ModelError(f"{where}: operator{plural} {', '.join(left)} {verb} no TOSA form and cannot be compiled")


def require_linalg(module: ir.Module, where: str) -> None:
    """Raises :class:`ModelError` for TOSA operations that have no linalg form, and for sizes that are not static."""
    for op in walk(module.operation):
        if op.name.startswith("tosa.") and op.name != "tosa.apply_scale":
            raise ModelError(f"{where}: {op.name} at {source_name(op.location)!r} is not supported: it has no linalg form")
        for result in op.results:
            if "?" in str(result.type):
                raise ModelError(
                    f"{where}: {source_name(op.location)!r} has the dynamic type {result.type}; only static shapes are supported"
                )


def quantisation(scale: tuple[float, int] | None) -> ir.Attribute:
    """An element of :data:`QUANTISATION`."""
    from mlir import ir

    if scale is None:
        return ir.ArrayAttr.get([])
    return ir.ArrayAttr.get([ir.FloatAttr.get(ir.F64Type.get(), scale[0]), ir.IntegerAttr.get(ir.IntegerType.get_signless(64), scale[1])])


def mark_quantise(module: ir.Module, scales: Scales) -> None:
    """Notes on the last cast of each QUANTIZE, found by its tensor's name, the scale and zero point of the file."""
    from mlir import ir

    for op in walk(module.operation, "tosa.cast"):
        scale, result = scales.get(source_name(op.location)), op.results[0].type.element_type
        if scale and isinstance(result, ir.IntegerType) and result.is_signless and result.width < 32:
            op.attributes[SCALE] = ir.FloatAttr.get(ir.F32Type.get(op.context), scale[0])
            op.attributes[ZERO_POINT] = ir.IntegerAttr.get(ir.IntegerType.get_signless(32, op.context), scale[1])
