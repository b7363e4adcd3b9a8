"""Reads an ONNX file and writes it as MLIR's torch dialect, in a process of its own::

    python -m hwacc.compiler.importers.onnx_graph '{"model": "m.onnx", "shapes": {"x": [1, 8]}, "values": {}}' out.mlir
    {"inputs": ["x"], "outputs": ["y"], "nodes": {"Relu": ["first", "second"]}}, or {"error": "..."}, or {"missing": "package"}

Four libraries do the work. onnxscript inlines control flow whose condition is
known, ONNX Runtime folds constants (which makes shapes that the graph computes
static), onnx converts to the operator set that torch-mlir knows best and infers
shapes, torch-mlir writes MLIR.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from hwacc.compiler.importers.onnx_quantised import integer_convolutions
from hwacc.compiler.importers.reader import ModelFault, serve

OPSET = 17
"""Older models are converted to this version of the operators."""

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
"""Operators that torch-mlir has no static form for."""

RUNTIME_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from \S+ failed: ?)?")
"""How ONNX Runtime begins a message: with its name, numbers, and a file of ours."""

MEMORY_LIMIT = 16 << 30
"""Bytes of address space that the conversion may use."""


def main() -> int:
    """Does the request in ``argv[1]`` and writes to ``argv[2]``."""
    return serve(lambda: convert(json.loads(sys.argv[1]), Path(sys.argv[2])), MEMORY_LIMIT)


def convert(request: dict[str, Any], output: Path) -> dict[str, Any]:
    """Writes the model as MLIR; the names of its inputs and outputs, and of the nodes of each operator. Raises :class:`ModelFault`."""
    model = load(Path(request["model"]))
    fix_values(model, request["values"])
    fix_shapes(model, request["shapes"])
    inputs = [each.name for each in model.graph.input]
    model = fold(without_branches(model))
    require_straight(model, inputs)
    model = infer(integer_convolutions(infer(current(model))))
    write_mlir(model, output)
    names = [[each.name for each in ends] for ends in (model.graph.input, model.graph.output)]
    nodes: dict[str, list[str]] = {}
    for node in model.graph.node:
        nodes.setdefault(node.op_type, []).append(node.name)
    return {"inputs": names[0], "outputs": names[1], "nodes": nodes}


def load(path: Path) -> Any:
    """The model, with weights that it keeps in other files; raises :class:`ModelFault`."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
    except (DecodeError, UnicodeDecodeError):
        raise ModelFault("not an ONNX model, or damaged (it is no protocol buffer of that kind)") from None
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelFault(f"cannot be read: {one_line(error)}") from None
    if not model.graph.node:
        raise ModelFault("not an ONNX model, or damaged (it has no operators)")
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"  # names become locations
    held = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in held]  # old files list weights as inputs, too
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def fix_values(model: Any, values: dict[str, float]) -> None:
    """Makes constants of the inputs named in ``values``; raises :class:`ModelFault` for a number that an input cannot be."""
    from onnx import helper, numpy_helper

    for name, value in values.items():
        given = input_named(model, name)
        kind = given.type.tensor_type
        sizes = [dim.dim_value for dim in kind.shape.dim]
        if 0 in sizes:
            raise ModelFault(f"input {name} has an open shape, and can be no constant")
        array = repeated(value, sizes, helper.tensor_dtype_to_np_dtype(kind.elem_type), name)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
        model.graph.input.remove(given)


def repeated(value: float, sizes: list[int], dtype: Any, name: str) -> Any:
    """An array of the number; raises :class:`ModelFault` unless its elements can be that, rounded if they are floats."""
    import numpy as np

    try:
        with np.errstate(over="ignore"):
            array = np.full(sizes, value, dtype)
        holds = np.isfinite(array).all() if array.dtype.kind == "f" else bool((array == value).all())
    except (OverflowError, ValueError):
        holds = False
    if not holds:
        raise ModelFault(f"input {name} is {np.dtype(dtype).name}, and cannot be {value}")
    return array


def fix_shapes(model: Any, shapes: dict[str, list[int]]) -> None:
    """Gives the inputs named in ``shapes`` those sizes; raises :class:`ModelFault` where a size stays open."""
    for name, shape in shapes.items():
        dims = input_named(model, name).type.tensor_type.shape.dim
        if len(dims) != len(shape):
            raise ModelFault(f"input {name} has {len(dims)} dimensions, not {len(shape)}")
        for dim, size in zip(dims, shape):
            if dim.HasField("dim_value") and dim.dim_value > 0 and dim.dim_value != size:
                raise ModelFault(f"input {name} has the size {dim.dim_value} where {size} is wanted")
            dim.dim_value = size
    for given in model.graph.input:
        dims = given.type.tensor_type.shape.dim
        if not given.type.HasField("tensor_type"):
            raise ModelFault(f"input {given.name} is not a tensor")
        if any(dim.dim_value < 1 for dim in dims):
            words = "x".join(str(dim.dim_value) if dim.dim_value > 0 else dim.dim_param or "?" for dim in dims)
            raise ModelFault(f"input {given.name} has the open shape {words}; fix it with --shape {given.name}=SIZExSIZE")
    for result in model.graph.output:
        result.type.tensor_type.ClearField("shape")


def input_named(model: Any, name: str) -> Any:
    """The input of that name; raises :class:`ModelFault` listing those that there are."""
    for each in model.graph.input:
        if each.name == name:
            return each
    raise ModelFault(f"has no input {name!r}; its inputs are {', '.join(each.name for each in model.graph.input)}")


def without_branches(model: Any) -> Any:
    """The model with those branches inlined whose condition is known; as it is where it has none."""
    if not any(node.op_type == "If" for node in model.graph.node):
        return model
    from onnxscript import optimizer

    try:
        return optimizer.optimize(model, num_iterations=2, onnx_shape_inference=True)
    except Exception as error:  # the optimizer raises whatever the graph provokes
        raise ModelFault(f"its control flow cannot be resolved: {one_line(error)}") from None


def fold(model: Any) -> Any:
    """The model after ONNX Runtime's basic optimisations; raises :class:`ModelFault` where it refuses the model."""
    import onnx
    import onnxruntime

    del model.graph.value_info[:]
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "folded.onnx"
        onnx.save(model, str(source))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(target)
        options.log_severity_level = 4
        try:
            onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exception types are not exported
            raise ModelFault(f"ONNX Runtime refuses it: {RUNTIME_PREFIX.sub('', one_line(error))}") from None
        folded = onnx.load(str(target))
    used = {node.domain for node in folded.graph.node}
    for each in [each for each in folded.opset_import if each.domain and each.domain not in used]:
        folded.opset_import.remove(each)
    return folded


def require_straight(model: Any, inputs: list[str]) -> None:
    """Raises :class:`ModelFault` for control flow that depends on the inputs."""
    for node in model.graph.node:
        if node.op_type in CONTROL_FLOW:
            raise ModelFault(
                f"operator {node.op_type} at {node.name!r} depends on an input; "
                f"if that is always the same number, fix it with --fix NAME=NUMBER (inputs: {', '.join(inputs)})"
            )


def current(model: Any) -> Any:
    """The model in the version of the operators that torch-mlir knows best, if its own is older and can be converted."""
    import onnx.version_converter

    if all(each.domain or each.version >= OPSET for each in model.opset_import):
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except Exception:  # torch-mlir knows most older forms as well, and says which not
        return model


def infer(model: Any) -> Any:
    """The model with the shapes of all tensors."""
    import onnx

    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def write_mlir(model: Any, output: Path) -> None:
    """Writes the torch dialect's form, with the names of nodes as locations; raises :class:`ModelFault`."""
    from torch_mlir.dialects import torch as torch_dialect
    from torch_mlir.extras import onnx_importer
    from torch_mlir.ir import Context

    context = Context()
    torch_dialect.register_dialect(context)
    try:
        info = onnx_importer.ModelInfo(model, config=onnx_importer.Config())
        module = info.create_module(context=context).operation
        onnx_importer.NodeImporter.define_function(info.main_graph, module).import_all()
    except Exception as error:  # the importer raises whatever the graph provokes
        raise ModelFault(f"cannot be imported: {one_line(error)}") from None
    with output.open("w") as file:
        file.write(module.get_asm(enable_debug_info=True))


def one_line(error: Exception) -> str:
    """An exception's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
