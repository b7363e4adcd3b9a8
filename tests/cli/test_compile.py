"""``hwacc compile`` and ``hwacc disasm``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwacc.program import load_program
from hwacc.stream import Stream
from tests.cli.command import complaint, hwacc
from tests.compiler.test_onnx import branching
from tests.driver.streams import copy_stream


def test_the_same_model_gives_the_same_bytes(model: Path, program: Path, tmp_path: Path) -> None:
    assert hwacc("compile", model, "-o", tmp_path / "again.hwx").code == 0
    assert (tmp_path / "again.hwx").read_bytes() == program.read_bytes()


def test_the_output_is_named_after_the_model(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = hwacc("compile", model, "--rows", 8, "--cols", 8)
    assert "keyword_spotting.hwx: 13 tasks for a 8×8 array" in outcome.stderr and outcome.stdout == ""
    assert load_program(tmp_path / "keyword_spotting.hwx").config.rows == 8


@pytest.mark.parametrize(
    ("stage", "sign"),
    [
        ("linalg", "linalg.conv_2d"),
        ("normalised", '"hwacc.conv2d"'),
        ("tasks", "call @conv2d("),
        ("buffers", "memref.view"),
        ("machine", '"hwacc.compute"'),
        ("hwacc", "module @machine"),
        ("stream", "COMPUTE"),
        ("llvm", "llvm.func @entry("),
        ("program", "arena: "),
        ("program", "task 1 conv2d: conv2d 125x40x64, 320000 MACs"),
    ],
)
def test_emit_shows_a_stage(model: Path, stage: str, sign: str) -> None:
    outcome = hwacc("compile", model, "--emit", stage)
    assert outcome.code == 0 and sign in outcome.stdout


def test_emit_writes_to_a_file(model: Path, tmp_path: Path) -> None:
    outcome = hwacc("compile", model, "--emit", "program", "-o", tmp_path / "x.txt")
    assert outcome.stdout == "" and (tmp_path / "x.txt").read_text().startswith("program keyword_spotting: ")


def test_an_unknown_stage_is_a_usage_error(model: Path) -> None:
    outcome = hwacc("compile", model, "--emit", "tosa")
    assert outcome.code == 2 and "'tosa' is not one of 'linalg', 'normalised', 'tasks', " in outcome.stderr


def test_explain_lists_every_task_that_is_not_on_the_array_and_writes_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = json.loads(hwacc("compile", model, "--explain", "--json").stdout)
    assert data["tasks"] == 13 and len(data["not_on_array"]) == 7
    row = data["not_on_array"][1]
    assert (row["name"], row["shape"], row["macs"]) == ("depthwise_conv2d", "125x9x64", 72000)
    assert row["operations"].startswith("linalg.depthwise_conv_2d_nhwc_hwc")
    assert row["location"].startswith("model/activation_1/Relu;")
    assert row["reason"] == "depthwise: each channel has its own input, so the columns of the array could share none"
    assert all(row["reason"] and row["location"] and row["operations"] for row in data["not_on_array"])
    text = hwacc("compile", model, "--explain").stdout
    assert "average_pooling2d" in text and text.endswith("on the array: 6 of 13 tasks, 89.2 % of the multiply-accumulates\n")
    assert list(tmp_path.iterdir()) == []


def test_explain_with_an_output_writes_the_program_as_well(model: Path, program: Path, tmp_path: Path) -> None:
    assert hwacc("compile", model, "--explain", "-o", tmp_path / "x.hwx").code == 0
    assert (tmp_path / "x.hwx").read_bytes() == program.read_bytes()


def test_without_fallback_the_first_task_that_is_not_for_the_array_is_an_error(model: Path, tmp_path: Path) -> None:
    message = complaint("compile", model, "--no-fallback", "-o", tmp_path / "x.hwx")
    assert message == (
        f"{model}: linalg.generic of task input_1_int8 cannot run on the array: "
        "neither a convolution nor a matrix product (at input_1_int8)"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explain", "--emit", "tasks"], "--explain and --emit are two answers; ask for one at a time"),
        (["--json"], "--json is for --explain"),
        (["--no-fallback", "--emit", "tasks"], "--no-fallback is for whole programs, not for --emit tasks"),
    ],
)
def test_options_that_do_not_go_together_are_refused(model: Path, arguments: list[str], message: str) -> None:
    outcome = hwacc("compile", model, *arguments)
    assert outcome.code == 2 and f"hwacc: error: {message}" in outcome.stderr


def test_a_missing_model_is_named() -> None:
    assert complaint("compile", "none.tflite") == "none.tflite: no such file"


def test_a_model_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    path.write_bytes(b"x")
    assert complaint("compile", path).startswith(f"{path}: cannot compile .h5; supported: .tflite")


def test_a_corrupt_model_is_named(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(model.read_bytes()[:5000])
    assert complaint("compile", path).startswith(f"{path}: ")


def test_a_place_that_cannot_be_written_is_named(model: Path, tmp_path: Path) -> None:
    for extra in ([], ["--emit", "program"]):
        message = complaint("compile", model, "-o", tmp_path / "none" / "x", *extra)
        assert message == f"{tmp_path}/none/x: cannot be written: No such file or directory"


def test_disasm_prints_the_streams_of_a_program(program: Path) -> None:
    text = hwacc("disasm", program).stdout
    assert "; task 1 conv2d: conv2d 125x40x64" in text and "LOAD     address=input-41" in text and "; cpu entry: " in text


def test_disasm_prints_a_stream(tmp_path: Path) -> None:
    stream = copy_stream(2)
    path = tmp_path / "copy.hwst"
    path.write_bytes(stream.to_bytes())
    assert hwacc("disasm", path).stdout == stream.text() + "\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.hwst", None, "No such file or directory"),
        ("x.hwx", None, "No such file or directory"),
        ("x.hwst", b"hello, this is no stream", "not a descriptor stream (it begins with b'hell', not b'HWST')"),
        ("x.hwst", b"HWST", "cut short after 4 bytes; compile the model again"),
        ("x.hwx", b"hello", "not a program, or damaged (File is not a zip file); compile the model again"),
    ],
)
def test_disasm_names_what_is_wrong(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert complaint("disasm", tmp_path / name) == f"{tmp_path / name}: {message}"


def test_disasm_names_an_unknown_opcode(tmp_path: Path) -> None:
    stream = copy_stream(2)
    data = bytearray(stream.to_bytes())
    data[data.index(stream.descriptors[0].encode())] = 0x77
    (tmp_path / "x.hwst").write_bytes(data)
    message = complaint("disasm", tmp_path / "x.hwst")
    assert message == f"{tmp_path / 'x.hwst'}: descriptor 0: unknown opcode 0x77; known: LOAD 0x01, COMPUTE 0x02, STORE 0x03, END 0x0f"


def test_a_program_holds_streams_that_are_files_of_their_own(program: Path, tmp_path: Path) -> None:
    task = next(task for task in load_program(program).tasks if task.kind == "conv2d")
    path = tmp_path / "conv.hwst"
    path.write_bytes(task.implementation("hwacc").code)
    assert hwacc("disasm", path).stdout.count("COMPUTE") == sum(
        d.op.name == "COMPUTE" for d in Stream.from_bytes(path.read_bytes()).descriptors
    )


def test_shapes_and_values_reach_the_importer(tmp_path: Path) -> None:
    path = tmp_path / "branch.onnx"
    path.write_bytes(branching())
    outcome = hwacc("compile", path, "--fix", "mode=3", "--emit", "program")
    assert outcome.code == 0 and "buffer 0 x: input float32 4, 16 bytes" in outcome.stdout and "mode" not in outcome.stdout
    assert complaint("compile", path, "--shape", "x=5") == f"{path}: input x has the size 4 where 5 is wanted"
    assert complaint("run", path, "--random", 1, "--fix", "mode=fast") == "'mode=fast' fixes no value; write NAME=NUMBER, such as sr=16000"
