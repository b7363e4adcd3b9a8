"""``hwacc opt``: passes on MLIR from files and from stdin."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hwacc.compiler.opt import PASSES
from tests.cli.command import complaint, hwacc

PRODUCT = """\
func.func @product(%a: tensor<5x3xi8>) -> tensor<5x2xi32> {
  %w = arith.constant dense<[[1, 2], [3, -4], [5, 6]]> : tensor<3x2xi8>
  %z = arith.constant -3 : i32
  %c = arith.constant 0 : i32
  %i = arith.constant dense<0> : tensor<5x2xi32>
  %y = linalg.quantized_matmul ins(%a, %w, %z, %c : tensor<5x3xi8>, tensor<3x2xi8>, i32, i32) outs(%i : tensor<5x2xi32>) -> tensor<5x2xi32>
  return %y : tensor<5x2xi32>
}
"""
MIXED = "builtin.module(normalise-contractions,func.func(canonicalize{max-iterations=3},cse),fold-zero-points,canonicalize)"


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "product.mlir"
    path.write_text(PRODUCT)
    return path


def test_our_passes_and_upstream_s_run_in_one_pipeline(product: Path) -> None:
    outcome = hwacc("opt", product, f"--pass-pipeline={MIXED}")
    assert outcome.code == 0 and outcome.stderr == ""
    assert '"hwacc.gemm"' in outcome.stdout and "linalg" not in outcome.stdout
    assert "dense<[27, 12]> : tensor<2xi32>" in outcome.stdout  # 3·(1+3+5), 3·(2-4+6)


def test_the_output_goes_to_a_file_and_back_in(product: Path, tmp_path: Path) -> None:
    first = hwacc("opt", product, f"--pass-pipeline={MIXED}", "-o", tmp_path / "out.mlir")
    assert first.code == 0 and first.stdout == ""
    again = hwacc("opt", tmp_path / "out.mlir")
    assert again.stdout == (tmp_path / "out.mlir").read_text()


def test_stdin_is_read_and_named_as_a_dash() -> None:
    def opt(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hwacc.cli", "opt", *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    assert '"hwacc.gemm"' in opt(PRODUCT, "-", "--pass-pipeline=normalise-contractions").stdout
    bad = opt(PRODUCT.replace("return %y", "return %q"))
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == "hwacc: error: use of undeclared SSA value name (at -:7)\n"


def test_the_ir_is_printed_after_every_pass_and_after_the_one_that_fails(product: Path) -> None:
    outcome = hwacc("opt", product, "--pass-pipeline=normalise-contractions,func.func(cse),form-tasks", "--print-ir-after-all")
    assert re.findall(r"IR Dump After (\S+)", outcome.stderr) == ["normalise-contractions", "CSE", "form-tasks"]
    product.write_text(PRODUCT + PRODUCT.replace("@product", "@other"))
    failed = hwacc("opt", product, "--pass-pipeline=form-tasks", "--print-ir-after-all")
    assert failed.code == 1 and "IR Dump After form-tasks Failed" in failed.stderr
    assert failed.stderr.endswith("\nhwacc: error: a model must be one function, not 2\n")


def test_timing_is_a_table_with_a_line_for_each_element(product: Path) -> None:
    outcome = hwacc("opt", product, f"--pass-pipeline={MIXED}", "--timing", "-o", product)
    rows = [line.split()[0] for line in outcome.stderr.splitlines() if line.endswith("%  ")]
    assert rows == ["normalise-contractions", "func.func(canonicalize{max-iterations=3},cse)", "fold-zero-points", "canonicalize", "total"]


def test_list_passes_names_ours_with_what_they_do_and_upstream_s() -> None:
    lines = hwacc("opt", "--list-passes").stdout.splitlines()
    found = {tuple(line.split(maxsplit=2)[:2]): line.split(maxsplit=2)[2:] for line in lines}
    for name in PASSES:
        assert found["hwacc", name][0].endswith(".")
    assert found["upstream", "cse"] == ["Eliminate common sub-expressions"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE: no such file"),
        ("func.func @f() {", "expected operation name in quotes (at FILE:1)"),
        (PRODUCT[:200], "expected operation name in quotes (at FILE:5)"),
        ("func.func @f() -> i32 {\n  return\n}", "'func.return' op has 0 operands, but enclosing function (@f) returns 1 (at FILE:2)"),
        ("PK\x03\x04", "unexpected character (at FILE:1)"),
    ],
)
def test_ill_formed_ir_is_refused_with_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.mlir"
    if text:
        path.write_text(text)
    assert complaint("opt", path) == message.replace("FILE", str(path))


def test_an_unknown_dialect_is_refused_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "other.mlir"
    path.write_text('func.func @f() {\n  "other.op"() : () -> ()\n  return\n}\n')
    assert "unregistered dialect" in complaint("opt", path) and f"(at {path}:2)" in complaint("opt", path)
    assert '"other.op"()' in hwacc("opt", path, "--allow-unregistered-dialect").stdout


def test_an_unknown_pass_is_refused_with_the_nearest(product: Path) -> None:
    assert complaint("opt", product, "--pass-pipeline=normalize-contractions") == (
        "unknown pass 'normalize-contractions'; did you mean normalise-contractions?"
    )


def test_an_assertion_of_mlir_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "narrow.mlir"
    path.write_text(
        "func.func @f(%v: i1, %i: index) {\n  %a = memref.alloc() : memref<8xi1>\n  memref.store %v, %a[%i] : memref<8xi1>\n  return\n}\n"
    )
    message = complaint("opt", path, "--pass-pipeline=cse,finalize-memref-to-llvm")
    assert message == f"{path}: the compiler broke down on this model (Assertion `integralElementType.getWidth() >= 8' failed.)"


PLUGIN = (
    "from hwacc.compiler.transforms.passes import Pass\nclass Mine(Pass):\n    name = 'mine'\n    def run(self, module):\n        {body}\n"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FILE: no such file"),
        ("x = 1\n", "FILE: defines no pass; a pass is a class derived from hwacc.compiler.transforms.passes.Pass"),
        ("1 / 0\n", "FILE: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "FILE: SystemExit: 3"),
        (PLUGIN.format(body="pass").replace("name = 'mine'", "other = 1"), "FILE: pass Mine has no name"),
        (
            PLUGIN.format(body="pass").replace("'mine'", "'my own'"),
            "FILE: the name of pass Mine must be a word such as fold-transposes, not 'my own'",
        ),
        (
            PLUGIN.format(body="pass").replace("run(self, module)", "__init__(self, x)"),
            "FILE: pass Mine cannot be made (TypeError: Mine.__init__() missing 1 required positional argument: 'x')",
        ),
    ],
)
def test_a_plugin_that_is_none_is_refused(content: str | None, message: str, product: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    if content is not None:
        plugin.write_text(content)
    found = complaint("opt", product, "--load-pass-plugin", plugin, "--pass-pipeline=cse")
    assert found == message.replace("FILE", str(plugin))


def test_a_plugin_that_raises_is_one_line(product: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN.format(body="raise IndexError('no such thing')"))
    message = complaint("opt", product, "--load-pass-plugin", plugin, "--pass-pipeline=mine")
    assert message == f"pass mine raised IndexError: no such thing (at {plugin}:5)"


def test_a_plugin_that_refuses_a_module_without_a_word_is_one_line(product: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN.format(body="from hwacc.compiler.transforms.passes import RejectedError; raise RejectedError"))
    message = complaint("opt", product, "--load-pass-plugin", plugin, "--pass-pipeline=mine")
    assert message == "pass mine refused the module and reported nothing"


def test_what_passes_print_goes_to_stderr(product: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN.format(body="print('seen')"))
    outcome = hwacc("opt", product, "--load-pass-plugin", plugin, "--pass-pipeline=mine,print-op-stats")
    assert outcome.code == 0 and outcome.stdout.startswith("module {")
    assert outcome.stderr.startswith("seen\n") and "linalg.quantized_matmul" in outcome.stderr


def test_the_parts_of_a_split_file_go_on_when_one_fails(product: Path) -> None:
    other = PRODUCT.replace("@product", "@other")
    product.write_text("\n// -----\n".join((PRODUCT, other.replace("return %y", "return %q"), other)))
    outcome = hwacc("opt", product, "--split-input-file", "--pass-pipeline=normalise-contractions")
    assert outcome.code == 1
    assert outcome.stderr == f"hwacc: error: {product}: use of undeclared SSA value name (at {product}:17)\n"
    first, second = outcome.stdout.split("// -----\n")
    assert "@product" in first and "@other" in second and first.count('"hwacc.gemm"') == second.count('"hwacc.gemm"') == 1
