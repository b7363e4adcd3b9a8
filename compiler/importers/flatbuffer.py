"""Reads a ``.tflite`` flatbuffer and converts it to TOSA, in a process of its own.

Both the flatbuffer's Python classes and the TOSA converter believe what the
file says: a damaged one makes them loop, ask for endless memory or abort. So
the importer runs this file as a program, within limits of time and memory,
and reads one JSON line from it::

    python -m hwacc.compiler.importers.flatbuffer model.tflite out.mlir
    {"quantise": {"tensor name": [scale, zero point]}, "ends": {likewise}}, or {"error": "..."}, or {"missing": "package"}

Two things are done to the model before its conversion: shapes become static
(the batch dimension is what the file holds, 1 as a rule), and each QUANTIZE of
a float tensor is noted with its exact scale, of which TOSA keeps but a rounded
reciprocal. ``ends`` has the quantisation of the inputs and outputs.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

from hwacc.compiler.importers.reader import ModelFault, serve

IDENTIFIER = b"TFL3"
MEMORY_LIMIT = 8 << 30
"""Bytes of address space that the conversion may use."""


def main() -> int:
    """Converts ``argv[1]`` to TOSA text in ``argv[2]``."""
    return serve(lambda: convert(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])), MEMORY_LIMIT)


def convert(data: bytes, output: Path) -> dict[str, Any]:
    """Writes the TOSA module of the model in ``data`` to ``output``; raises :class:`ModelFault`."""
    if data[4:8] != IDENTIFIER:
        raise ModelFault(f"not a TensorFlow Lite model (bytes 4 to 7 are {data[4:8]!r}, not {IDENTIFIER!r})")
    try:
        model = unpack(data)
        check(model)
        clean_texts(model)
        scales, ends = quantise_scales(model), end_scales(model)
        static = make_static(model)
    except (ModelFault, ImportError):
        raise
    except struct.error:
        raise ModelFault("damaged TensorFlow Lite model (cut short, or a part of it points outside the file)") from None
    except Exception as error:  # the generated classes raise whatever the damage provokes
        raise ModelFault(f"damaged TensorFlow Lite model ({type(error).__name__} while reading it)") from None
    output.with_suffix(".tflite").write_bytes(static)
    to_tosa(output.with_suffix(".tflite"), output)
    return {"quantise": scales, "ends": ends}


def unpack(data: bytes) -> Any:
    """The model as a tree of Python objects."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(data, 0)


def check(model: Any) -> None:
    """Refuses what the rest of the compiler cannot mean: no graph, or several."""
    if not model.subgraphs or not model.subgraphs[0].tensors:
        raise ModelFault("damaged TensorFlow Lite model (it has no graph)")
    if len(model.subgraphs) > 1:
        raise ModelFault(f"the model has {len(model.subgraphs)} subgraphs (control flow); only models with one are supported")
    graph = model.subgraphs[0]
    for index in [*graph.inputs, *graph.outputs]:
        if not 0 <= index < len(graph.tensors):
            raise ModelFault(f"damaged TensorFlow Lite model (tensor {index} is not there)")
    check_exact(model)


def check_exact(model: Any) -> None:
    """Refuses the operators that the TOSA converter is known to turn into others, nearly the same.

    RESIZE_BILINEAR differs in rounding; RESIZE_NEAREST_NEIGHBOR, too, unless exactly one of its two options is set.
    """
    from ai_edge_litert import schema_py_generated as schema

    for op in model.subgraphs[0].operators or []:
        code = builtin(model, op)
        if code == schema.BuiltinOperator.RESIZE_BILINEAR:
            raise ModelFault("operator RESIZE_BILINEAR is not supported: its conversion to TOSA is not exact")
        if code == schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR and op.builtinOptions.alignCorners == op.builtinOptions.halfPixelCenters:
            raise ModelFault(
                "operator RESIZE_NEAREST_NEIGHBOR is not supported unless either align_corners or half_pixel_centers is set: "
                "its conversion to TOSA is not exact"
            )


def builtin(model: Any, op: Any) -> int:
    """The number of a builtin operator; old files hold it in another field."""
    code = model.operatorCodes[op.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def clean_texts(model: Any) -> None:
    """Drops descriptions, and makes tensor names printable ASCII: they become MLIR locations, which must be UTF-8."""
    model.description = model.metadata = model.signatureDefs = None
    for tensor in model.subgraphs[0].tensors:
        name = (tensor.name or b"").decode("ascii", errors="replace")
        tensor.name = "".join(character if character.isascii() and character.isprintable() else "_" for character in name).encode()


def quantise_scales(model: Any) -> dict[str, tuple[float, int]]:
    """Scale and zero point of the result of each QUANTIZE that reads floats, by tensor name."""
    from ai_edge_litert import schema_py_generated as schema

    graph, scales = model.subgraphs[0], {}
    for op in graph.operators or []:
        if builtin(model, op) != schema.BuiltinOperator.QUANTIZE:
            continue
        source, result = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
        if source.type == schema.TensorType.FLOAT32 and len(result.quantization.scale) == 1:
            scales[result.name.decode()] = (float(result.quantization.scale[0]), int(result.quantization.zeroPoint[0]))
    return scales


def end_scales(model: Any) -> dict[str, tuple[float, int]]:
    """Scale and zero point of the inputs and outputs that have one of each, by tensor name."""
    graph, scales = model.subgraphs[0], {}
    for tensor in (graph.tensors[index] for index in [*graph.inputs, *graph.outputs]):
        quantised = tensor.quantization
        if quantised is not None and all(part is not None and len(part) == 1 for part in (quantised.scale, quantised.zeroPoint)):
            scales[tensor.name.decode()] = (float(quantised.scale[0]), int(quantised.zeroPoint[0]))
    return scales


def make_static(model: Any) -> bytes:
    """The model again as a flatbuffer, without its ``shape_signature``, which says what may vary."""
    import flatbuffers

    for tensor in model.subgraphs[0].tensors:
        tensor.shapeSignature = None
        if tensor.shape is not None and any(size < 0 for size in tensor.shape):
            raise ModelFault(f"tensor {tensor.name.decode(errors='replace')} has a negative size")
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def to_tosa(model: Path, output: Path) -> None:
    """Runs the converter; raises :class:`ModelFault` with its first complaint."""
    from tosa_converter_for_tflite import TosaConverterDebugInfo, TosaConverterOutputFormat, tflite_flatbuffer_to_tosa_mlir

    try:
        tflite_flatbuffer_to_tosa_mlir(str(model), str(output), TosaConverterOutputFormat.Text, TosaConverterDebugInfo.Enable)
    except Exception as error:  # the converter's own exception types are not exported
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelFault(f"cannot be converted to TOSA: {lines[0] if lines else type(error).__name__}") from None


if __name__ == "__main__":
    sys.exit(main())
