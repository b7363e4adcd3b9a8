"""The dialect's definition: generated where the instruction set says it, readable by stock tools, strict."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import mlir
import pytest

from hwacc import isa
from hwacc.compiler.compilation import stage_text
from hwacc.compiler.dialects.documentation import CONTRACTION_DOCS, MACHINE_EXAMPLES
from hwacc.compiler.dialects.hwacc import DEFINITION, MACHINE_OPS, generated_definition, ir_fields, machine_definition
from hwacc.compiler.dialects.page import dialect_page, signatures
from hwacc.compiler.opt import optimise
from hwacc.config import TINY
from hwacc.errors import ModelError
from tests.compiler.tflite_models import ModelBuilder

MLIR_OPT = Path(mlir.__path__[0]) / "bin" / "mlir-opt"


def test_definition_is_current() -> None:
    assert DEFINITION.read_text() == generated_definition(), "renew it: python -m hwacc.compiler.dialects.hwacc"


@pytest.mark.parametrize("op", MACHINE_OPS, ids=lambda op: op.name)
def test_machine_operation_has_an_attribute_for_each_field(op: isa.Op) -> None:
    text = machine_definition(op)
    for field in op.fields:
        assert (f'"{field.name}" = %{field.name}' in text) == (field.name not in isa.DERIVED)
    assert ("operands(buffer" in text) == any(field.name == "address" for field in op.fields)


def test_every_operation_of_the_definition_is_described_and_no_other() -> None:
    assert set(signatures()) == {*CONTRACTION_DOCS, *MACHINE_EXAMPLES}
    for name, doc in CONTRACTION_DOCS.items():
        signed = signatures()[name]
        assert (*doc.operands, *doc.attributes, *doc.results) == (*signed.operands, *signed.attributes, *signed.results)
    for op in MACHINE_OPS:
        assert signatures()[op.name.lower()].attributes == tuple(field.name for field in ir_fields(op))


def test_the_page_s_examples_parse_verify_and_show_their_operation() -> None:
    examples = re.findall(r"### `(hwacc\.\w+)`.*?```mlir\n(.*?)```", dialect_page(), re.DOTALL)
    assert [name for name, _ in examples] == [f"hwacc.{name}" for name in signatures()]
    for name, text in examples:
        assert f'"{name}"(' in optimise(text, ["verify-hwacc"])


def test_stock_mlir_opt_reads_what_the_compiler_prints(tmp_path: Path) -> None:
    model = ModelBuilder(3)
    source = model.tensor((1, 6, 6, 3), "int8", 0.05, -3)
    (tmp_path / "model.tflite").write_bytes(model.build([source], [model.conv2d(source, (1, 6, 6, 5), (3, 3))]))
    (tmp_path / "tasks.mlir").write_text(stage_text(tmp_path / "model.tflite", TINY, "hwacc"))
    command = [str(MLIR_OPT), f"--irdl-file={DEFINITION}", str(tmp_path / "tasks.mlir")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert '"hwacc.conv2d_into"' in run.stdout and '"hwacc.store"' in run.stdout


def test_tensors_and_memrefs_do_not_mix() -> None:
    text = CONTRACTION_DOCS["gemm_into"].example.replace("memref<5x24xi8>", "tensor<5x24xi8>")
    with pytest.raises(ModelError, match=r"input: expected base type 'builtin.memref' but got 'builtin.tensor'"):
        optimise(text, [])


def test_a_missing_attribute_is_refused_with_its_line() -> None:
    fields = ", ".join(f"{field.name} = 0 : i64" for field in ir_fields(isa.COMPUTE) if field.name != "west_stride")
    with pytest.raises(ModelError, match=r"attribute \"west_stride\" is expected but not provided \(at -:2\)"):
        optimise(f'func.func @f() {{\n"hwacc.compute"() {{{fields}}} : () -> ()\nreturn }}', [])
