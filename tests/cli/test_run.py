"""``hwacc run``: answers and complaints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwacc.coordinator.check import Check, ReferenceInterpreter
from tests.cli.command import complaint, hwacc
from tests.cli.conftest import EXAMPLES

CLASSIFIER = EXAMPLES / "models" / "image_classification.tflite"
PERSONS = EXAMPLES / "models" / "visual_wake_words.tflite"
PICTURES = EXAMPLES / "pictures"


@pytest.mark.parametrize(
    ("model", "picture", "label"),
    [
        (CLASSIFIER, "chelsea", "cat"),
        (CLASSIFIER, "horse", "horse"),
        (PERSONS, "astronaut", "person"),
        (PERSONS, "camera", "person"),
        (PERSONS, "chelsea", "no person"),
        (PERSONS, "coffee", "no person"),
    ],
)
def test_pictures_get_their_label_and_equal_the_exact_interpreter(model: Path, picture: str, label: str) -> None:
    outcome = hwacc("run", model, "--input", PICTURES / f"{picture}.png", "--device", "model", "--check", "--json")
    answer = json.loads(outcome.stdout)
    assert outcome.code == 0 and answer["labels"][0][0]["label"] == label
    assert answer["check"]["mismatches"] == 0 and answer["check"]["elements"] > 0


def test_the_table_says_where_everything_ran(model: Path) -> None:
    outcome = hwacc("run", model, "--random", 1, "--seed", 3, "--device", "model", "--check")
    assert outcome.code == 0
    for words in (
        "1 random inputs, seed 3",
        "depthwise_conv2d_3",
        "keyword_spotting on model, 16×16 array: 2,656,768 MACs",
        "hwacc: 2,368,768 MACs, 89.2 %",
        "on cpu: depthwise_conv2d, depthwise_conv2d_1",
        "check against tflite-micro: 1 input, 12 output elements, equal, bit for bit",
    ):
        assert words in outcome.stdout


def test_json_is_one_object_with_the_promised_keys(program: Path) -> None:
    outcome = hwacc("run", program, "--random", 2, "--seed", 4, "--json")
    answer = json.loads(outcome.stdout)
    assert {"model", "config", "tasks", "totals", "outputs", "check"} <= set(answer)
    assert answer["model"] == "keyword_spotting" and answer["config"]["rows"] == 16 and answer["check"] is None
    assert all({"name", "kind", "macs", "backend", "cycles"} <= set(task) for task in answer["tasks"])
    assert {task["kind"] for task in answer["tasks"]} == {"conv2d", "depthwise", "dense", "other"}
    on_array = [task["cycles"] for task in answer["tasks"] if task["backend"] == "hwacc"]
    assert min(on_array) > 0 and answer["totals"]["cycles"] == sum(on_array)
    assert sum(answer["totals"]["macs_by_backend"].values()) == answer["totals"]["macs"] == 2_656_768
    assert np.array(answer["outputs"]).shape == (2, 1, 1, 12)


def test_the_model_counts_no_cycles(program: Path) -> None:
    answer = json.loads(hwacc("run", program, "--random", 1, "--device", "model", "--json").stdout)
    assert answer["totals"]["cycles"] is None and all(task["cycles"] is None for task in answer["tasks"])


def test_the_same_seed_gives_the_same_answer_on_model_and_rtl(program: Path) -> None:
    answers = [json.loads(hwacc("run", program, "--random", 1, "--seed", 9, "--device", d, "--json").stdout) for d in ("model", "sim")]
    assert answers[0]["outputs"] == answers[1]["outputs"]


def test_an_array_is_taken_as_input(program: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.linspace(-90, 20, 500, dtype=np.float32).reshape(1, 50, 10, 1))
    outcome = hwacc("run", program, "--input", tmp_path / "x.npy", "--device", "model")
    assert outcome.code == 0 and "output float32 (1, 12): " in outcome.stdout


def test_a_difference_is_told_and_exits_with_1(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReferenceInterpreter, "check", lambda self, sets, results: Check("tflite-micro", len(sets), 12, 5))
    outcome = hwacc("run", model, "--random", 1, "--device", "model", "--check")
    assert outcome.code == 1 and "12 output elements, 5 DIFFER" in outcome.stdout
    assert outcome.stderr.splitlines()[-1] == "hwacc: error: 5 of 12 output elements differ from tflite-micro"


def test_a_waveform_is_written_on_request(tmp_path: Path) -> None:
    outcome = hwacc("bench", "gemm", "--shapes", "5x6x7", "--rows", 4, "--cols", 4, "--trace", tmp_path / "x.fst")
    assert outcome.code == 0 and (tmp_path / "x.fst").stat().st_size > 1000


def test_an_unknown_device_is_refused_before_anything_is_compiled() -> None:
    assert complaint("run", "none.tflite", "--random", 1, "--device", "fpga9") == "unknown device 'fpga9'; known: sim, model"


def test_an_option_that_the_device_has_not_is_refused(program: Path) -> None:
    message = complaint("run", program, "--random", 1, "--device", "model", "--trace", "x.fst")
    assert message == "device 'model' has no option 'trace'; it has memory_bytes"


@pytest.mark.parametrize("arguments", [[], ["--input", "x.npy", "--random", "1"]])
def test_input_and_random_exclude_each_other(program: Path, arguments: list[str]) -> None:
    outcome = hwacc("run", program, *arguments)
    assert outcome.code == 2 and "give either --input FILE or --random N" in outcome.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.npy", "none.npy: No such file or directory"),
        ("wide.npy", "wide.npy: input_1 must be float32 of shape (1, 50, 10, 1), not float32 of shape (1, 50, 11, 1)"),
        ("double.npy", "double.npy: input_1 must be float32 of shape (1, 50, 10, 1), not float64 of shape (1, 50, 10, 1)"),
        ("text.txt", "text.txt: inputs are .npy, .png, .jpg, .jpeg files, not '.txt'"),
    ],
)
def test_an_input_that_does_not_fit_is_named(program: Path, tmp_path: Path, name: str, message: str) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((1, 50, 11, 1), np.float32))
    np.save(tmp_path / "double.npy", np.zeros((1, 50, 10, 1)))
    (tmp_path / "text.txt").write_text("1 2 3")
    assert complaint("run", program, "--input", tmp_path / name) == f"{tmp_path}/{message}"


def test_a_wrong_number_of_inputs_says_what_is_wanted(program: Path) -> None:
    message = complaint("run", program, "--input", "a.npy", "--input", "b.npy")
    assert message == "the model has 1 inputs (input_1 float32 (1, 50, 10, 1)), not 2: give --input once for each"


def test_a_missing_model_is_named() -> None:
    assert complaint("run", "none.tflite", "--random", 1) == "none.tflite: no such file"
    assert complaint("run", "none.hwx", "--random", 1) == "none.hwx: No such file or directory"


@pytest.mark.parametrize("damage", ["cut", "zeros", "byte"])
def test_a_damaged_program_is_named(program: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(program.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "zeros":
        data[200:4000] = bytes(3800)
    else:
        data[150] ^= 0x10
    path = tmp_path / "x.hwx"
    path.write_bytes(data)
    message = complaint("run", path, "--random", 1)
    assert message.startswith(f"{path}: not a program, or damaged (") and message.endswith("); compile the model again")


def test_a_program_for_another_array_says_what_differs(program: Path) -> None:
    message = complaint("run", program, "--random", 1, "--rows", 8)
    assert message == f"{program} was compiled for another configuration: rows 8 here, 16 there; compile the model again"


@pytest.mark.parametrize("option", [("--tuned", "x.tuned.json"), ("--shape", "x=1x2"), ("--fix", "x=1")], ids=lambda option: option[0])
def test_what_says_how_to_compile_is_refused_with_a_program(program: Path, option: tuple[str, str]) -> None:
    message = complaint("run", program, "--random", 1, "--device", "model", *option)
    assert message == f"{program} is compiled already; {option[0]} takes a model"


HUGE = """
#all = affine_map<(i, j) -> (i, j)>
func.func @main(%x: tensor<SIZExf32>) -> tensor<SIZExf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<SIZExSIZExf32>
  %sums = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<SIZExSIZExf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %sum = arith.addi %i, %j : index
    %int = arith.index_cast %sum : index to i32
    %float = arith.sitofp %int : i32 to f32
    linalg.yield %float : f32
  } -> tensor<SIZExSIZExf32>
  %most = linalg.reduce ins(%sums : tensor<SIZExSIZExf32>) outs(%x : tensor<SIZExf32>) dimensions = [1]
    (%in: f32, %acc: f32) {
      %larger = arith.maximumf %in, %acc : f32
      linalg.yield %larger : f32
    }
  return %most : tensor<SIZExf32>
}
"""
"""The largest of the sums of indices in each row, from a table of all of them."""


def test_a_task_of_the_cpu_that_needs_more_memory_than_there_is_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "huge.mlir"
    path.write_text(HUGE.replace("SIZE", "60"))
    assert hwacc("run", path, "--random", 1, "--device", "model").code == 0
    path.write_text(HUGE.replace("SIZE", str(1 << 23)))  # 256 TiB: more than a process has addresses for
    message = complaint("run", path, "--random", 1, "--device", "model")
    assert message == "this is more than the memory of this machine holds; try something smaller"


def test_where_nothing_ran_on_the_array_there_are_no_cycles_to_count(tmp_path: Path) -> None:
    path = tmp_path / "sums.mlir"
    path.write_text(HUGE.replace("SIZE", "60"))
    outcome = hwacc("run", path, "--random", 1, "--device", "model")
    assert outcome.code == 0 and "  device cycles: none, nothing ran on the array\n" in outcome.stdout


def test_a_program_cannot_be_checked_without_its_model(program: Path) -> None:
    message = complaint("run", program, "--random", 1, "--check")
    assert message == f"--check runs the model itself with tflite-micro, which takes .tflite files, not {program}"


def test_labels_that_do_not_fit_are_refused_when_asked_for(program: Path, tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("yes\nno\n")
    message = complaint("run", program, "--random", 1, "--device", "model", "--labels", tmp_path / "few.txt")
    assert message == "there are 2 labels for an output of 12 elements"


def test_a_task_past_its_limit_is_named(program: Path) -> None:
    message = complaint("run", program, "--random", 1, "--max-cycles", 50)
    assert message.startswith("task conv2d on hwacc: submission 1 of ") and "did not finish within 50 cycles" in message


@pytest.mark.parametrize("kind", ["model", "program"])
def test_without_fallback_the_first_task_that_is_not_for_the_array_is_an_error(kind: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(kind)
    message = complaint("run", path, "--no-fallback", "--random", 1, "--device", "model")
    assert message == (
        f"{path}: linalg.generic of task input_1_int8 cannot run on the array: neither a convolution nor a matrix product (at input_1_int8)"
    )
