"""The header of a compiled program."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hwacc.compiler.aot.header import header
from hwacc.compiler.aot.layout import lay_out
from hwacc.compiler.aot.module import c_name
from hwacc.config import TINY
from hwacc.program import Program
from hwacc.sim import toolchain
from hwacc.sim.compile import DRIVER
from tests.coordinator.programs import scale_and_copy


def described(program: Program) -> str:
    return header(program, lay_out(program))


def test_inputs_and_outputs_are_described() -> None:
    program = scale_and_copy()
    quantised = replace(program, buffers=(replace(program.buffers[0], quantisation=(0.5, -3)), *program.buffers[1:]))
    text = described(quantised)
    assert " * inputs[0]: int32_t [3][16], 192 bytes, an element q is the number 0.5 * (q + 3): picture\n" in text
    assert " * outputs[0]: int32_t [3][16], 192 bytes, as it is: result\n" in text
    assert f"#define SCALE_AND_COPY_CONFIGURATION {TINY.hash:#010x}u\n" in text
    assert "#define SCALE_AND_COPY_INPUT_0_DIM_1 16\n" in text and "#define SCALE_AND_COPY_INPUT_0_ZERO_POINT (-3)\n" in text
    assert "OUTPUT_0_SCALE" not in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Net-2 (final)", "net_2_final"), ("7up", "model_7up"), ("模型", "model"), ("hwacc", "model_hwacc"), ("", "model"), ("int", "int")],
)
def test_any_name_becomes_one_that_c_takes(name: str, expected: str) -> None:
    assert c_name(replace(scale_and_copy(), name=name)) == expected


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("name", ["net", "*/ #error it ends here /*", "for", "a\nb\\"])
def test_a_compiler_takes_the_header_without_a_warning(language: str, name: str, tmp_path: Path) -> None:
    program = replace(scale_and_copy(), name=name)
    hostile = replace(program, buffers=(replace(program.buffers[0], name=name), *program.buffers[1:]))
    (tmp_path / "model.h").write_text(described(hostile))
    function = f"int main(void) {{ {c_name(hostile)}_model model; return {c_name(hostile)}_free(&model); }}\n"
    (tmp_path / "main.c").write_text('#include "model.h"\n#include "model.h"\n' + function)
    flags = ["-x", language, "-std=c99" if language == "c" else "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run = subprocess.run(
        [*toolchain.compiler().command, *flags, f"-I{DRIVER}", "-c", "main.c", "-o", "main.o"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
