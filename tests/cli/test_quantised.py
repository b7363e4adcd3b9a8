"""``--quantize`` of ``hwacc compile`` and ``hwacc run``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import complaint, hwacc
from tests.compiler.test_quantise import imported

ARRAY = ("--rows", 4, "--cols", 4)


@pytest.fixture(scope="module")
def convnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float model."""
    path = tmp_path_factory.mktemp("quantised") / "convnet.mlirbc"
    path.write_bytes(imported("convnet"))
    return path


@pytest.fixture(scope="module")
def data(convnet: Path) -> Path:
    """Six samples of its input."""
    path = convnet.with_name("data.npz")
    np.savez(path, x=np.random.default_rng(7).standard_normal((6, 1, 3, 8, 8)).astype(np.float32))
    return path


def test_run_with_check_reports_each_layer_and_the_outputs(convnet: Path) -> None:
    outcome = hwacc("run", convnet, "--quantize", "int8", "--random", 2, "--device", "model", "--check", "--json", *ARRAY)
    answer = json.loads(outcome.stdout)
    assert outcome.code == 0 and answer["check"] is None and answer["quantisation"]["samples"] == 2
    assert [layer["name"] for layer in answer["quantisation"]["layers"]] == ["conv1", "conv2", "dense1", "dense2"]
    assert all(layer["sqnr_db"] > 30 for layer in answer["quantisation"]["layers"])
    (output,) = answer["quantisation"]["outputs"]
    assert output["name"] == "y" and output["cosine"] > 0.999 and output["max_abs"] > 0
    assert [task["name"] for task in answer["tasks"] if task["backend"] == "hwacc"] == ["conv1", "conv2", "dense1", "dense2"]


def test_the_report_is_a_table_as_well(convnet: Path) -> None:
    outcome = hwacc("run", convnet, "--quantize", "int8", "--random", 1, "--device", "model", "--check", *ARRAY)
    assert outcome.code == 0
    for words in ("layer, on the float model's activations", "SQNR dB", "1x6x4x2", "output of the model", "int8 against float, on 1 input"):
        assert words in outcome.stdout


def test_compile_calibrates_writes_the_program_and_reports_errors(convnet: Path, data: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.hwx"
    outcome = hwacc("compile", convnet, "--quantize", "int8", "--calibrate", data, "--errors", "--json", "-o", target, *ARRAY)
    answer = json.loads(outcome.stdout)
    assert outcome.code == 0 and answer["samples"] == 6 and answer["outputs"][0]["sqnr_db"] > 30
    np.save(tmp_path / "x.npy", np.load(data)["x"][0])
    run = json.loads(hwacc("run", target, "--input", tmp_path / "x.npy", "--device", "model", "--json").stdout)
    assert [task["name"] for task in run["tasks"] if task["backend"] == "cpu"] == [
        "conv1.quantise",
        "conv2.quantise",
        "relu2",
        "dense2.scale",
    ]


def test_a_layer_can_be_kept_in_float(convnet: Path) -> None:
    outcome = hwacc("compile", convnet, "--quantize", "int8", "--keep-float", "conv2", "--explain", "--json", *ARRAY)
    (task,) = (task for task in json.loads(outcome.stdout)["not_on_array"] if task["macs"])
    assert outcome.code == 0 and task["name"] == "conv2"


def test_stages_show_the_quantised_model(convnet: Path) -> None:
    outcome = hwacc("compile", convnet, "--quantize", "int8", "--emit", "linalg")
    assert outcome.code == 0 and "tensor<4x3x3x3xi8>" in outcome.stdout and "math.roundeven" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compile", "m.onnx", "--calibrate", "d.npz"], "--calibrate is for --quantize"),
        (["run", "m.onnx", "--random", "1", "--keep-float", "fc"], "--keep-float is for --quantize"),
        (["compile", "m.onnx", "--quantize", "int4"], "Invalid value for '--quantize': 'int4' is not 'int8'."),
        (
            ["compile", "m.onnx", "--quantize", "int8", "--errors"],
            "--errors is measured on the samples of --calibrate; give --quantize int8 --calibrate DATA.npz",
        ),
        (
            ["compile", "m.onnx", "--quantize", "int8", "--calibrate", "d.npz", "--errors", "--explain"],
            "--errors and --explain are two answers; ask for one at a time",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], message: str) -> None:
    outcome = hwacc(*arguments)
    assert outcome.code == 2 and outcome.stderr.startswith(f"hwacc: error: {message}") and outcome.stdout == ""


def test_what_cannot_be_quantised_is_one_line(convnet: Path, model: Path, program: Path, data: Path, tmp_path: Path) -> None:
    assert complaint("compile", convnet, "--quantize", "int8", "--calibrate", tmp_path / "no.npz").endswith(
        "no.npz: No such file or directory"
    )
    assert complaint("compile", tmp_path / "no.onnx", "--quantize", "int8", "--calibrate", data).endswith("no.onnx: no such file")
    nothing = (
        "there is nothing to quantise: no matrix product of floats, and no convolution in one group, "
        "whose sizes are known and that stands in no loop or branch"
    )
    assert complaint("compile", model, "--quantize", "int8") == f"{model}: {nothing}"
    compiled = complaint("run", program, "--quantize", "int8", "--random", 1, "--device", "model")
    assert compiled == f"{program} is compiled already; --quantize takes a model"


@pytest.mark.parametrize("said", [("--tuned", "x.tuned.json"), ("--shape", "x=1x4"), ("--fix", "x=1")])
def test_what_is_for_the_compiler_is_refused_for_a_program(said: tuple[str, str], program: Path) -> None:
    message = complaint("run", program, *said, "--random", 1, "--device", "model")
    assert message == f"{program} is compiled already; {said[0]} takes a model"
