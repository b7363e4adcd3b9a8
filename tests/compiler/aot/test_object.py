"""Object files: linked with the simulator's library, they compute what the coordinator does."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc import isa
from hwacc.compiler.aot.layout import lay_out
from hwacc.compiler.aot.machine_code import TARGETS, tool
from hwacc.compiler.aot.object_files import write_object_files
from hwacc.compiler.pipeline import compile_model
from hwacc.config import TINY, ArrayConfig
from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.coordinator.backends.host import HostBackend
from hwacc.coordinator.backends.hwacc import HwaccBackend
from hwacc.coordinator.inputs import random_inputs
from hwacc.coordinator.runner import Runner
from hwacc.driver.device import Device
from hwacc.errors import ModelError, StreamError
from hwacc.program import Program
from hwacc.sim.build import Array, build
from hwacc.stream import Stream
from tests.compiler.aot.linked import Linked
from tests.compiler.aot.programs import scaled_copy, twice_scaled_copy
from tests.compiler.execution import random_sets, run_on_model
from tests.compiler.tflite_models import ModelBuilder
from tests.driver.native.interface import BAD_ARGUMENT, FAULT, NO_MEMORY, OK, OTHER_CONFIGURATION, CDevice, load
from tests.driver.streams import PIECE

EXAMPLES = Path(__file__).parents[3] / "examples" / "models"
MACHINES = {"x86_64": 62, "aarch64": 183}
"""What an ELF file says of its processor."""


@pytest.fixture(scope="session")
def tiny() -> ctypes.CDLL:
    return load(build(TINY))


@pytest.fixture(scope="session")
def default() -> ctypes.CDLL:
    return load(build(ArrayConfig(), array=Array.STEP))


def picture(seed: int) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(-1000, 1000, (3, PIECE), np.int32)


@pytest.mark.parametrize("program", [scaled_copy(), twice_scaled_copy()], ids=["array last", "CPU last"])
def test_a_program_runs_again_and_again_and_gives_its_memory_back(program: Program, tiny: ctypes.CDLL, tmp_path: Path) -> None:
    linked, device = Linked(program, tiny, tmp_path), CDevice(tiny)
    assert linked.init(device) == OK
    taken = device.alloc(64)
    factors = program.constants[1] ** (len(program.tasks) - 1)
    for seed in range(3):
        code, (result,) = linked.run([picture(seed)])
        assert code == OK and linked.model.cycles > 0
        np.testing.assert_array_equal(result, picture(seed) * factors)
    assert linked.free() == OK and linked.free() == OK
    assert device.alloc(64) < taken, "the memory of the model is free again"
    device.close()


@pytest.mark.parametrize("name", ["anomaly_detection", "image_classification", "keyword_spotting", "visual_wake_words"])
def test_a_network_gives_the_bits_of_hwacc_run(name: str, default: ctypes.CDLL, tmp_path: Path) -> None:
    program = compile_model(EXAMPLES / f"{name}.tflite", ArrayConfig())
    sets = random_inputs([program.buffers[index] for index in program.indices("input")], 2, seed=11)
    linked, device = Linked(program, default, tmp_path), CDevice(default)
    assert linked.init(device) == OK, device.library.hwacc_error()
    for inputs, expected in zip(sets, run_on_model(program, sets)):
        code, outputs = linked.run(inputs)
        assert code == OK, device.library.hwacc_error()
        for output, array in zip(outputs, expected):
            np.testing.assert_array_equal(output, array)
    device.close()


def test_cycles_are_those_of_hwacc_run(tiny: ctypes.CDLL, tmp_path: Path) -> None:
    program = twice_scaled_copy()
    with (
        Device.open("sim", TINY, memory_bytes=2**21) as device,
        Runner(program, device, [HwaccBackend(device), HostBackend(CpuBackend())]) as runner,
    ):
        expected = sum(task.cycles or 0 for task in runner.run([picture(4)]).tasks)
    linked, opened = Linked(program, tiny, tmp_path), CDevice(tiny)
    assert linked.init(opened) == OK and linked.run([picture(4)])[0] == OK
    assert linked.model.cycles == expected > 0
    opened.close()


def two_inputs(model: ModelBuilder) -> bytes:
    """The CPU reads both inputs; the array reads one of them, too."""
    one, other = model.tensor((2, 19), "int8", 0.05, -3), model.tensor((2, 7), "int8", 0.1, 4)
    product, total = model.dense(one, 7), model.tensor((2, 7), "int8", 0.07, 1)
    model.operator("ADD", [product, other], [total], ("AddOptions", {}))
    return model.build([one, other], [total])


def two_outputs(model: ModelBuilder) -> bytes:
    """The array writes an output that the CPU then reads; the CPU writes the other."""
    source = model.tensor((3, 19), "int8", 0.05, -3)
    product, likely = model.dense(source, 7), model.tensor((3, 7), "int8", 1 / 256, -128)
    model.operator("SOFTMAX", [product], [likely], ("SoftmaxOptions", {"beta": 1.0}))
    return model.build([source], [product, likely])


def no_array(model: ModelBuilder) -> bytes:
    """Every task is the CPU's."""
    source, result = model.tensor((3, 10), "int8", 0.1, 5), model.tensor((3, 10), "int8", 1 / 256, -128)
    model.operator("SOFTMAX", [source], [result], ("SoftmaxOptions", {"beta": 1.0}))
    return model.build([source], [result])


@pytest.mark.parametrize("build_model", [two_inputs, two_outputs, no_array], ids=lambda build: build.__name__)
def test_inputs_and_outputs_are_taken_in_order(build_model: Callable[[ModelBuilder], bytes], tiny: ctypes.CDLL, tmp_path: Path) -> None:
    path = tmp_path / f"{build_model.__name__}.tflite"
    path.write_bytes(build_model(ModelBuilder(5)))
    program = compile_model(path, TINY)
    sets = random_sets(program, 3, seed=7)
    linked, device = Linked(program, tiny, tmp_path), CDevice(tiny)
    assert linked.init(device) == OK
    for inputs, expected in zip(sets, run_on_model(program, sets)):
        code, outputs = linked.run(inputs)
        assert code == OK and len(outputs) == len(expected)
        for output, array in zip(outputs, expected):
            np.testing.assert_array_equal(output, array)
    device.close()


def test_two_models_share_a_device(tiny: ctypes.CDLL, tmp_path: Path) -> None:
    device = CDevice(tiny)
    once, twice = Linked(scaled_copy(), tiny, tmp_path / "one"), Linked(twice_scaled_copy(), tiny, tmp_path / "two")
    assert once.init(device) == twice.init(device) == OK
    factors = scaled_copy().constants[1]
    for seed in range(2):
        np.testing.assert_array_equal(once.run([picture(seed)])[1][0], picture(seed) * factors)
        np.testing.assert_array_equal(twice.run([picture(seed)])[1][0], picture(seed) * factors**2)
    device.close()


def test_another_array_is_refused_when_the_model_is_initialised(tiny: ctypes.CDLL, tmp_path: Path) -> None:
    other = replace(TINY, channels=128)
    program = scaled_copy()
    copy = program.tasks[1].implementations[0]
    stream = replace(Stream.from_bytes(copy.code), config_hash=other.hash).to_bytes()
    tasks = (program.tasks[0], replace(program.tasks[1], implementations=(replace(copy, code=stream),)))
    linked, device = Linked(replace(program, config=other, tasks=tasks), tiny, tmp_path), CDevice(tiny)
    assert linked.init(device) == OTHER_CONFIGURATION
    assert device.library.hwacc_error().decode() == (
        f"scale_and_copy was compiled for configuration {other.hash:#010x}, the device is {TINY.hash:#010x} (4x4 array); "
        "compile it for this device, or open the other"
    )
    assert linked.free() == OK
    assert linked.run([picture(0)])[0] == BAD_ARGUMENT, "a model without a device does not run"
    device.close()


def test_a_model_that_does_not_fit_takes_nothing(tiny: ctypes.CDLL, tmp_path: Path) -> None:
    linked, device = Linked(scaled_copy(), tiny, tmp_path), CDevice(tiny, "memory_bytes=36864")
    rest = 36864 - 1024 * TINY.entry_bytes
    most = device.alloc(rest - 64)
    assert linked.init(device) == NO_MEMORY and linked.free() == OK
    device.free(most)
    device.alloc(rest)
    device.close()


def test_a_fault_ends_the_run_with_its_code_and_the_next_run_is_right(tiny: ctypes.CDLL, tmp_path: Path) -> None:
    """The memory of the second model answers with errors; the first one's does not."""
    ring = 1024 * TINY.entry_bytes
    room = lay_out(twice_scaled_copy()).size
    device = CDevice(tiny, f"memory_bytes=1048576,error_start={ring + room},error_bytes=64")
    good, bad = (Linked(twice_scaled_copy(), tiny, tmp_path / name) for name in ("good", "bad"))
    assert good.init(device) == bad.init(device) == OK
    assert bad.run([picture(0)])[0] == FAULT
    assert re.match(
        "submission 1 ended at descriptor [01]: the memory answered a (read|write) with an error", device.library.hwacc_error().decode()
    )
    np.testing.assert_array_equal(good.run([picture(1)])[1][0], picture(1) * scaled_copy().constants[1] ** 2)
    device.close()


@pytest.mark.parametrize("target", TARGETS)
def test_an_object_file_is_of_its_target_and_shows_three_functions(target: str, tmp_path: Path) -> None:
    write_object_files(twice_scaled_copy(), target, tmp_path / "model.o")
    content = (tmp_path / "model.o").read_bytes()
    assert content[:4] == b"\x7fELF" and int.from_bytes(content[18:20], "little") == MACHINES[target]
    symbols = tool("llvm-nm", "--extern-only", "--defined-only", "--format=just-symbols", str(tmp_path / "model.o")).split()
    assert symbols == ["scale_and_copy_free", "scale_and_copy_init", "scale_and_copy_run"]


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^unknown target 'riscv'; known: x86_64, aarch64$"):
        write_object_files(scaled_copy(), "riscv", tmp_path / "model.o")


def test_code_that_is_none_is_named(tmp_path: Path) -> None:
    program = scaled_copy()
    code = program.tasks[0].implementations[0]
    broken = replace(program.tasks[0], implementations=(replace(code, code=b"llvm.func @entry("),))
    with pytest.raises(ModelError, match=r"^CPU code of task scale: expected "):
        write_object_files(replace(program, tasks=(broken, program.tasks[1])), "x86_64", tmp_path / "model.o")


def test_code_without_its_entry_is_named(tmp_path: Path) -> None:
    program = scaled_copy()
    code = program.tasks[0].implementations[0]
    broken = replace(program.tasks[0], implementations=(replace(code, entry="begin"),))
    with pytest.raises(ModelError, match=r"^CPU code of task scale has no entry 'begin'; compile the model again$"):
        write_object_files(replace(program, tasks=(broken, program.tasks[1])), "x86_64", tmp_path / "model.o")


def test_a_stream_that_the_verifier_refuses_is_not_compiled(tmp_path: Path) -> None:
    program = scaled_copy()
    code = program.tasks[1].implementations[0]
    stream = Stream.from_bytes(code.code)
    far = replace(stream, descriptors=(stream.descriptors[0].replace(address=isa.LONG_BYTES * 1000), *stream.descriptors[1:]))
    broken = replace(program.tasks[1], implementations=(replace(code, code=far.to_bytes()),))
    with pytest.raises(StreamError, match=r"^task copy: descriptor 0 "):
        write_object_files(replace(program, tasks=(program.tasks[0], broken)), "x86_64", tmp_path / "model.o")
