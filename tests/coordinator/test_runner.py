"""Programs on a device: order, sharing, records, errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwacc import isa, verifier
from hwacc.config import TINY
from hwacc.coordinator.backends.host import HostBackend
from hwacc.coordinator.backends.hwacc import HwaccBackend
from hwacc.coordinator.backends.null import NullBackend
from hwacc.coordinator.runner import Runner, memory_needed
from hwacc.driver.device import DEFAULT_RING_LOG2, Device
from hwacc.driver.transports.model import ModelTransport
from hwacc.errors import ConfigError, DeviceError, InputError, ProgramError, StreamError, SubmissionError
from hwacc.program import Implementation, Program, Task
from hwacc.task_order import in_order
from tests.coordinator.programs import PIECES, SHAPE, PythonCode, Unmapped, copies, diamond, scale_and_copy
from tests.driver.streams import lone

PICTURE = np.arange(-20, np.prod(SHAPE) - 20, dtype=np.int32).reshape(SHAPE)
MEMORY_BYTES = 2**20


@pytest.fixture(params=["model", "unmapped", "sim"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    if request.param == "unmapped":
        opened = Device(Unmapped(TINY, MEMORY_BYTES), "unmapped")
    else:
        opened = Device.open(request.param, TINY, memory_bytes=MEMORY_BYTES)
    with opened:
        yield opened


def runner_of(program: Program, device: Device) -> Runner:
    return Runner(program, device, [HwaccBackend(device), HostBackend(PythonCode())])


def model_device() -> Device:
    return Device(ModelTransport(TINY, MEMORY_BYTES), "model")


def test_tasks_of_both_backends_hand_data_to_each_other(device: Device) -> None:
    program = scale_and_copy()
    with runner_of(program, device) as runner:
        for factor in (1, -3):
            run = runner.run([PICTURE * factor])
            np.testing.assert_array_equal(run.outputs[0], PICTURE * factor * program.constants[1])
    assert [(record.task.name, record.backend) for record in run.tasks] == [("scale", "cpu"), ("copy", "hwacc")]


def test_cycles_are_counted_only_where_a_clock_runs(device: Device) -> None:
    with runner_of(scale_and_copy(), device) as runner:
        host, array = runner.run([PICTURE]).tasks
    assert host.cycles is None
    assert (array.cycles is not None and array.cycles > 2 * PIECES) if device.name == "sim" else array.cycles is None


def test_constants_are_placed_and_code_is_compiled_once() -> None:
    device, code = model_device(), PythonCode()
    with Runner(scale_and_copy(), device, [HwaccBackend(device), HostBackend(code)]) as runner:
        free = device.free_bytes
        for _ in range(3):
            runner.run([PICTURE])
        assert (device.free_bytes, code.compiled) == (free, 1)


def test_close_gives_all_memory_back() -> None:
    device = model_device()
    before = device.free_bytes
    with runner_of(scale_and_copy(), device):
        assert device.free_bytes < before
    assert device.free_bytes == before


def test_outputs_outlive_the_device() -> None:
    with Device.open("sim", TINY, memory_bytes=MEMORY_BYTES) as device, runner_of(scale_and_copy(), device) as runner:
        outputs = runner.run([PICTURE]).outputs
    assert outputs[0][0, 0] == 100


def test_the_caller_hears_of_each_task_before_it_starts() -> None:
    heard: list[str] = []
    device = model_device()
    with runner_of(scale_and_copy(), device) as runner:
        runner.run([PICTURE], lambda task: heard.append(task.name))
    assert heard == ["scale", "copy"]


def test_the_null_backend_runs_anything_at_once() -> None:
    device = model_device()
    with Runner(scale_and_copy(), device, [NullBackend("hwacc"), NullBackend("cpu")]) as runner:
        run = runner.run([PICTURE])
    assert [record.cycles for record in run.tasks] == [0, 0]
    assert not run.outputs[0].any()


@pytest.mark.parametrize(
    ("on_host", "order", "submissions"),
    [((), "123456", ["123456"]), ((3,), "124635", ["1246", "3", "5"]), ((2, 5), "132546", ["13", "25", "46"])],
    ids=["all on the array", "one on the host", "two on the host"],
)
def test_tasks_of_a_backend_follow_one_another_in_one_submission(on_host: tuple[int, ...], order: str, submissions: list[str]) -> None:
    with Device.open("sim", TINY, memory_bytes=MEMORY_BYTES) as device, runner_of(diamond(on_host=on_host), device) as runner:
        run = runner.run([PICTURE])
        assert device.registers["SUBMISSIONS"].read() == sum(int(group[0]) not in on_host for group in submissions)
    for output in run.outputs:
        np.testing.assert_array_equal(output, PICTURE)
    assert "".join(record.task.name[-1] for record in run.tasks) == order
    last = {group[-1] for group in submissions if int(group[0]) not in on_host}
    assert {record.task.name[-1] for record in run.tasks if record.cycles is not None} == last
    assert {record.task.name[-1] for record in run.tasks if record.chained} == {n for n in order if int(n) not in on_host} - last


def test_each_task_has_its_own_submission_where_that_is_wanted() -> None:
    with Device.open("sim", TINY, memory_bytes=MEMORY_BYTES) as device:
        with Runner(diamond(), device, [HwaccBackend(device, chains=False)]) as runner:
            run = runner.run([PICTURE])
        assert device.registers["SUBMISSIONS"].read() == len(run.tasks)
    assert all(record.cycles and not record.chained for record in run.tasks)


@settings(max_examples=200, deadline=None, database=None, print_blob=True)
@given(st.lists(st.tuples(st.sets(st.integers(0, 7)), st.integers(0, 7), st.sampled_from(["hwacc", "cpu"])), max_size=12))
def test_any_order_of_work_keeps_what_the_program_s_order_means(drawn: list[tuple[set[int], int, str]]) -> None:
    """Tasks that write what they have read so far: the same in the buffers at the end, whatever the order."""
    chosen = []
    for number, (reads, write, backend) in enumerate(drawn):
        buffers = (*sorted(reads), write)
        implementation = Implementation(backend, buffers, b"")
        chosen.append((Task(str(number), "other", "", 0, buffers[:-1], buffers[-1:], (implementation,)), implementation))

    def outcome(order: list[tuple[Task, Implementation]]) -> dict[int, str]:
        content = {number: "" for number in range(8)}
        for task, _ in order:
            content[task.writes[0]] = f"{task.name}({','.join(content[buffer] for buffer in task.reads)})"
        return content

    assert outcome(in_order(chosen)) == outcome(chosen)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "scale_and_copy has 1 inputs, not 0"),
        ([PICTURE, PICTURE], "scale_and_copy has 1 inputs, not 2"),
        ([PICTURE.T], r"input picture must be int32 \(3, 16\), not int32 \(16, 3\)"),
        ([PICTURE.astype(np.int8)], r"input picture must be int32 \(3, 16\), not int8 \(3, 16\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: list[np.ndarray], message: str) -> None:  # type: ignore[type-arg]
    device = model_device()
    with runner_of(scale_and_copy(), device) as runner, pytest.raises(InputError, match=message):
        runner.run(inputs)


def test_a_task_without_a_backend_is_named() -> None:
    device = model_device()
    with pytest.raises(ProgramError, match="task scale is compiled for cpu; present: hwacc"):
        Runner(scale_and_copy(), device, [HwaccBackend(device)])


def test_a_program_for_another_array_is_refused_in_words() -> None:
    program = replace(scale_and_copy(), config=replace(TINY, rows=8))
    with pytest.raises(ConfigError, match="device 'model' has another configuration than wanted: rows 8 here, 4 there"):
        runner_of(program, model_device())


def test_a_program_that_does_not_fit_into_memory_takes_none() -> None:
    ring = TINY.entry_bytes << DEFAULT_RING_LOG2
    device = Device(ModelTransport(TINY, ring + 256), "small")
    before = device.free_bytes
    with pytest.raises(DeviceError, match="out of device memory"):
        runner_of(scale_and_copy(), device)
    assert device.free_bytes == before


def waiting_for_ever() -> Program:
    """:func:`scale_and_copy` with a copy that waits for a token that nobody pushes."""
    program = scale_and_copy()
    bad = Implementation("hwacc", (), lone(isa.describe(isa.COMPUTE, wait_load=1, m=1, n=1, k=1)).to_bytes())
    return replace(program, tasks=(program.tasks[0], replace(program.tasks[1], implementations=(bad,))))


def test_a_stream_that_the_verifier_refuses_names_the_task() -> None:
    with runner_of(waiting_for_ever(), model_device()) as runner, pytest.raises(StreamError) as caught:
        runner.run([PICTURE])
    assert str(caught.value) == (
        "task copy on hwacc: descriptor 0 (COMPUTE [wait load] m=1 n=1 k=1): it waits for a token of LOAD that no earlier descriptor pushes"
    )


def test_a_fault_names_the_task_and_keeps_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "verify", lambda stream, config: None)
    device = model_device()
    with runner_of(waiting_for_ever(), device) as runner, pytest.raises(SubmissionError) as caught:
        runner.run([PICTURE])
    assert str(caught.value).startswith("task copy on hwacc: submission 1 ended at descriptor 0 (COMPUTE ")
    assert caught.value.status == isa.Status.DEADLOCK


def chain(length: int, on_host: tuple[int, ...] = ()) -> Program:
    """``length`` copies, one after the other, with an arena."""
    edges = [(number, number + 1) for number in range(length)]
    return copies("chain", edges, {0: "input", length: "output"}, on_host).with_arena()


@pytest.mark.parametrize("on_host", [(), (2,), (2, 4)], ids=["one submission", "one task on the host", "two on the host"])
def test_intermediates_take_turns_in_one_piece_of_memory(device: Device, on_host: tuple[int, ...]) -> None:
    program = chain(6, on_host)
    before = device.free_bytes
    with runner_of(program, device) as runner:
        assert before - device.free_bytes == (2 + 2) * program.buffers[0].size, "input, output, and two places for five intermediates"
        for sign in (1, -1):
            np.testing.assert_array_equal(runner.run([sign * PICTURE]).outputs[0], sign * PICTURE)
    assert device.free_bytes == before


def test_a_program_with_branches_and_an_arena_runs_in_every_arrangement(device: Device) -> None:
    for on_host in ((), (3,), (2, 5), (2, 3, 4)):
        with runner_of(diamond(on_host=on_host).with_arena(), device) as runner:
            for output in runner.run([PICTURE]).outputs:
                np.testing.assert_array_equal(output, PICTURE)


def test_memory_needed_is_enough() -> None:
    program = scale_and_copy()
    device = Device.open("model", TINY, memory_bytes=memory_needed(program))
    with runner_of(program, device) as runner:
        assert runner.run([PICTURE]).outputs[0].shape == SHAPE
