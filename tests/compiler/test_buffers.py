"""The memory between tasks: the passes that give it, and that the program has what they say."""

from __future__ import annotations

import random
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.opt import optimise
from hwacc.compiler.options import Options
from hwacc.config import TINY
from hwacc.program import Program
from tests.compiler.execution import random_sets, run_on_cpu, run_on_model
from tests.compiler.tflite_models import ModelBuilder

VIEW = re.compile(r"(%\w+) = memref\.view %\w+\[%c(\d+)\w*\]\[\] : .* to memref<(\d+)xi8>")
CALL = re.compile(r"call @task(\d+)\((.*)\) :")


def random_tasks(rng: random.Random) -> tuple[str, list[tuple[list[int], int]]]:
    """A module with tasks on tensors, in an order in which they can run; for each the results that it reads, and its own.

    Result 0 is the model's input. What no task reads is an output.
    """
    sizes, tasks = [rng.randint(1, 300)], list[tuple[list[int], int]]()
    for number in range(1, rng.randint(3, 14)):
        tasks.append((rng.sample(range(number), rng.randint(1, min(3, number))), number))
        sizes.append(rng.randint(1, 300))
    kinds = [f"tensor<{size}xi8>" for size in sizes]
    functions, calls = [], []
    for reads, result in tasks:
        ends = f"({', '.join(kinds[i] for i in reads)}) -> {kinds[result]}"
        arguments = ", ".join(f"%a{n}: {kinds[i]}" for n, i in enumerate(reads))
        functions.append(
            f"func.func private @task{result}({arguments}) -> {kinds[result]} {{\n"
            f"  %r = arith.constant dense<{result}> : {kinds[result]}\n  return %r : {kinds[result]}\n}}"
        )
        calls.append(f"  %r{result} = call @task{result}({', '.join(f'%r{i}' for i in reads)}) : {ends}")
    outputs = [result for _, result in tasks if all(result not in reads for reads, _ in tasks)]
    returned = f"return {', '.join(f'%r{i}' for i in outputs)} : {', '.join(kinds[i] for i in outputs)}"
    main = f"func.func @main(%r0: {kinds[0]}) -> ({', '.join(kinds[i] for i in outputs)}) {{"
    return "\n".join([*functions, main, *calls, f"  {returned}", "}"]), tasks


@pytest.mark.parametrize("seed", range(40))
def test_results_that_overlap_are_those_of_tasks_that_wait_for_one_another(seed: int) -> None:
    print("seed", seed)  # noqa: T201
    text, tasks = random_tasks(random.Random(seed))
    made = optimise(text, ["bufferise-tasks", "reuse-buffers"])
    places = {name: (int(offset), int(offset) + int(size)) for name, offset, size in VIEW.findall(made)}
    assert made.count("memref.alloc()") <= 1
    written = {operands.split(", ")[-1]: int(number) for number, operands in CALL.findall(made)}
    waits: dict[int, set[int]] = {0: set()}
    for reads, result in tasks:
        waits[result] = {earlier for read in reads for earlier in {read, *waits[read]}}
    for one, other in combinations(places, 2):
        if places[one][0] < places[other][1] and places[other][0] < places[one][1]:
            pairs = ((written[one], written[other]), (written[other], written[one]))
            users = {result: {result, *(task for reads, task in tasks if result in reads)} for result in pairs[0]}
            assert any(users[old] <= waits[new] for old, new in pairs), f"seed {seed}: {one} and {other} share bytes"


def test_a_chain_of_results_shares_two_places() -> None:
    """The test above could not fail if nothing was ever shared."""
    kind = "tensor<64xi8>"
    calls = "\n".join(f"  %r{n + 1} = call @copy(%r{n}) : ({kind}) -> {kind}" for n in range(9))
    text = f"""func.func private @copy(%a: {kind}) -> {kind} {{
      %r = arith.addi %a, %a : {kind}
      return %r : {kind}
    }}
    func.func @main(%r0: {kind}) -> {kind} {{
    {calls}
      return %r9 : {kind}
    }}"""
    offsets = [offset for _, offset, _ in VIEW.findall(optimise(text, ["bufferise-tasks", "reuse-buffers"]))]
    assert offsets == ["0", "64"] * 4


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Convolutions in a row, one of them also added to a later one's result."""
    path = tmp_path_factory.mktemp("model") / "chain.tflite"
    model = ModelBuilder(5)
    source = model.tensor((1, 8, 8, 4), "int8", 0.05, -3)
    layers = [source]
    for _ in range(4):
        layers.append(model.conv2d(layers[-1], (1, 8, 8, 4), (3, 3)))
    path.write_bytes(model.build([source], [model.conv2d(layers[-1], (1, 8, 8, 6), (1, 1))]))
    return Compilation(path, TINY, Options(backends=("hwacc", "cpu"))).program


def test_the_program_has_the_places_of_the_ir(program: Program) -> None:
    assert [program.buffers[i].offset for i in program.indices("intermediate")] == [0, 256, 0, 256]
    assert program.arena_size == 512
    assert program.with_arena() == program, "the same rule, from the program itself"
    assert not any(program.buffers[i].offset is not None for role in ("input", "output", "constant") for i in program.indices(role))


def test_array_and_cpu_compute_the_same_in_shared_memory(program: Program) -> None:
    sets = random_sets(program, 3, 11)
    for array, cpu in zip(run_on_model(program, sets), run_on_cpu(program, sets)):
        np.testing.assert_array_equal(array[0], cpu[0])


def test_constants_between_tasks_are_placed_once_and_keep_their_names(program: Program) -> None:
    names = [program.buffers[i].name for i in program.indices("constant")]
    assert len([name for name in names if "." not in name]) == 5, "the weights; what has a dot is packed for the array"


def test_a_model_of_one_task_has_no_arena(tmp_path: Path) -> None:
    model = ModelBuilder(6)
    source = model.tensor((1, 4, 4, 2), "int8", 0.05, 0)
    (tmp_path / "one.tflite").write_bytes(model.build([source], [model.conv2d(source, (1, 4, 4, 3), (1, 1))]))
    assert Compilation(tmp_path / "one.tflite", TINY).program.arena_size == 0
