"""Machine-level IR and streams: one thing in two forms."""

from __future__ import annotations

from pathlib import Path

from mlir import ir

from hwacc.compiler.compilation import Compilation, text_of
from hwacc.compiler.context import new_context
from hwacc.compiler.emit.machine import machine_function, stream_of
from hwacc.compiler.emit.planner import plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.transforms.passes import walk
from hwacc.config import TINY
from hwacc.stream import Stream
from tests.compiler.tflite_models import ModelBuilder

SPEC = ContractionSpec(
    height=7, width=9, channels=3, kernel_h=3, kernel_w=3, out_channels=6, padding=(1, 1, 1, 1), pad_value=-5, has_bias=True
)


def test_a_plan_survives_the_way_through_ir() -> None:
    planned = plan(SPEC, TINY)
    with new_context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            machine_function("task", SPEC.slots(TINY), planned.operations)
        reread = ir.Module.parse(str(module))
        (function,) = walk(reread.operation, "func.func")
        assert stream_of(function, TINY).to_bytes() == planned.stream().to_bytes()


def test_a_changed_attribute_changes_the_stream() -> None:
    planned = plan(SPEC, TINY)
    with new_context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            function = machine_function("task", SPEC.slots(TINY), planned.operations)
        load = walk(function, "hwacc.load")[0]
        load.attributes["pad"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 99)
        assert stream_of(function, TINY).descriptors[0]["pad"] == 99


def test_the_emitted_ir_is_the_program_s_stream(tmp_path: Path) -> None:
    model = ModelBuilder(4)
    source = model.tensor((1, 6, 6, 3), "int8", 0.05, -3)
    (tmp_path / "model.tflite").write_bytes(model.build([source], [model.conv2d(source, (1, 6, 6, 5), (3, 3))]))
    compilation = Compilation(tmp_path / "model.tflite", TINY)
    code = compilation.program.tasks[0].implementation("hwacc").code
    text = text_of(compilation.module.operation)
    with new_context():
        module = ir.Module.parse(text)
        nested = walk(module.operation, "builtin.module")[0]
        (function,) = walk(nested, "func.func")
        assert stream_of(function, TINY) == Stream.from_bytes(code)
