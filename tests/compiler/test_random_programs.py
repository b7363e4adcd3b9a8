"""Random linalg programs: on the array they give what the CPU gives, and NumPy; and none of their contractions stays away from it.

Contractions in all spellings and layouts, convolutions with strides, dilations, padding and groups, and epilogues behind them, drawn by
hypothesis. ``make programs`` runs the full number; ``HWACC_PROGRAMS`` and ``HWACC_SEED`` say how many, and which.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.emit import choose_panels
from hwacc.compiler.emit.choices import choose_all
from hwacc.compiler.options import Options
from hwacc.config import TINY
from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.coordinator.backends.host import HostBackend
from hwacc.coordinator.backends.hwacc import HwaccBackend
from hwacc.coordinator.runner import Runner, memory_needed
from hwacc.driver.device import Device
from hwacc.program import Program, Task
from tests.compiler.execution import Arrays, run_on_cpu
from tests.compiler.random_programs.draw_program import programs
from tests.compiler.random_programs.program import RandomProgram

SEED = int(os.environ.get("HWACC_SEED", "1"))
COUNT = int(os.environ.get("HWACC_PROGRAMS", "200"))
PROGRAMS = {"model": COUNT, "sim": COUNT // 10}
"""How many are run on each device."""
EFFORT = 3_000
"""Of the planner, for a program: any plan will do here, and a hurried one is more likely to be an odd one."""


@pytest.mark.parametrize("device", PROGRAMS)
def test_random_programs_give_the_same_on_the_array_on_the_cpu_and_in_numpy(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose_panels, "choose_all", partial(choose_all, effort=EFFORT))
    print(f"seed {SEED}, {PROGRAMS[device]} programs")  # noqa: T201
    checks(device, tmp_path)()


def checks(device: str, folder: Path) -> Callable[[], None]:
    """The checks of random programs on one device."""

    @seed(SEED)
    @settings(max_examples=PROGRAMS[device], deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(programs())
    def checked(made: RandomProgram) -> None:
        check(made, device, folder / "model.mlir")

    return checked


def check(made: RandomProgram, device: str, path: Path) -> None:
    """Compiles a program, runs it on the device and on the CPU alone, and holds both against NumPy; checks where its tasks run."""
    path.write_text(made.text)
    program = Compilation(path, TINY, Options(backends=("hwacc", "cpu"))).program
    away = [f"{task.operations}: {task.reason}" for task in program.tasks if task.kind != "other" and not on_array(task)]
    assert sum(map(on_array, program.tasks)) == made.for_array, away
    assert len(away) == made.contractions - made.for_array, away
    inputs = [each.array for each in made.arguments]
    compiler = CpuBackend()
    (alone,) = run_on_cpu(program, [inputs], compiler)
    mixed = run_on(device, program, inputs, compiler)
    for wanted, here, there in zip(made.results, alone, mixed):
        np.testing.assert_array_equal(here, wanted.array, "NumPy and the CPU differ")
        np.testing.assert_array_equal(there, wanted.array, f"NumPy and the {device} differ")


def on_array(task: Task) -> bool:
    """Whether a task runs on the array."""
    return task.implementations[0].backend == "hwacc"


def run_on(device: str, program: Program, inputs: Arrays, compiler: CpuBackend) -> Arrays:
    """The outputs, array tasks on that device."""
    with (
        Device.open(device, program.config, memory_bytes=memory_needed(program)) as opened,
        Runner(program, opened, [HwaccBackend(opened), HostBackend(compiler)]) as runner,
    ):
        return list(runner.run(inputs).outputs)
