"""``hwacc compile --tune``: plans measured on the simulated RTL, and the file that later compilations take."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.commands import tune
from hwacc.commands.bench_compile import module_text
from hwacc.commands.cost_model import operands, run, words
from hwacc.compiler.emit.choices import plan_all
from hwacc.compiler.emit.planner import Plan, plan_as
from hwacc.compiler.emit.tuned import TunedPlan
from hwacc.compiler.emit.tuned_file import load_tuned
from hwacc.compiler.pipeline import products
from hwacc.config import TINY
from hwacc.program import load_program
from hwacc.stream import Stream
from tests.cli.command import complaint, hwacc
from tests.cli.conftest import EXAMPLES

CONFIG = ("--rows", 4, "--cols", 4, "--spm-bytes", 16384, "--acc-bytes", 4096, "--channels", 64)


@pytest.fixture
def gemm(tmp_path: Path) -> Path:
    """A model of one product, in a folder of its own."""
    return Path(shutil.copy(EXAMPLES / "gemm.mlir", tmp_path))


def plans_in(path: Path) -> list[TunedPlan]:
    return list(load_tuned(path)[TINY].values())


def streams(path: Path) -> list[Stream]:
    """The array's streams in a program."""
    codes = (code for task in load_program(path).tasks for code in task.implementations if code.backend == "hwacc")
    return [Stream.from_bytes(code.code) for code in codes]


def compiled(model: Path, name: str, *options: object) -> tuple[bytes, list[str]]:
    """The program's bytes, and the lines on stderr, without progress."""
    outcome = hwacc("compile", model, "-o", model.with_name(name), *CONFIG, *options)
    assert outcome.code == 0, outcome.stderr
    return model.with_name(name).read_bytes(), [line for line in outcome.stderr.splitlines() if not line.startswith("hwacc: ")]


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each plan that is measured takes less than the one before."""
    left: Iterator[int] = count(1000, -1)

    def faster(planned: Plan, arrays: Any, expected: NDArray[Any], *others: Any) -> tuple[int, NDArray[Any]]:
        return next(left), expected

    monkeypatch.setattr(tune, "run", faster)


def test_what_is_measured_is_what_the_plans_take(gemm: Path) -> None:
    outcome = hwacc("compile", gemm, "--tune", 5, "-o", gemm.with_name("a.hwx"), "--json", *CONFIG)
    answer = json.loads(outcome.stdout)
    (row,) = answer["products"]
    (plan,) = plans_in(gemm.with_name("gemm.tuned.json"))
    assert row == {"tasks": ["dense_0"], **plan.to_dict()} and answer["memory_latency"] == plan.memory_latency == 32
    assert plan.tried == 5 and plan.best.cycles <= plan.first.cycles
    assert answer["cycles"] == {"first": plan.first.cycles, "best": plan.best.cycles}
    ((_, spec),) = products(gemm, TINY)
    (first,) = plan_all([spec], TINY)
    assert isinstance(first, Plan) and first.cycles == plan.first.estimate
    arrays, expected = operands(spec, TINY, np.random.default_rng(1))
    for made, measured in ((first, plan.first), (plan_as(spec, TINY, plan.blocking), plan.best)):
        cycles, got = run(made, arrays, expected, lambda line: None)
        assert (made.cycles, cycles) == (measured.estimate, measured.cycles) and (got == expected).all()


def test_the_fastest_is_taken_by_this_and_later_compilations_and_by_run(gemm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    before, _ = compiled(gemm, "before.hwx")
    tuned, _ = compiled(gemm, "tuned.hwx", "--tune", 5)
    (plan,) = plans_in(gemm.with_name("gemm.tuned.json"))
    assert (plan.first.cycles, plan.best.cycles) == (1000, 996)
    ((_, spec),) = products(gemm, TINY)
    (stream,) = streams(gemm.with_name("tuned.hwx"))
    assert stream == plan_as(spec, TINY, plan.blocking).stream() and tuned != before
    later, lines = compiled(gemm, "later.hwx")
    assert later == tuned and f"{gemm.with_name('gemm.tuned.json')}: 1 of 1 products are planned as they were measured" in lines
    assert hwacc("compile", gemm, "--emit", "stream", *CONFIG).stdout.splitlines()[1:] == stream.text().splitlines()
    outcome = hwacc("run", gemm, "--random", 1, "--device", "model", *CONFIG)
    assert outcome.code == 0 and "1 of 1 products are planned as they were measured" in outcome.stderr


def test_tuning_gives_the_same_file_every_time(gemm: Path) -> None:
    files = [gemm.with_name(name) for name in ("one.json", "two.json")]
    for path in files:
        compiled(gemm, "a.hwx", "--tune", 3, "--tuned", path)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not gemm.with_name("gemm.tuned.json").exists()


def test_the_table_has_the_tasks_and_the_last_line_the_sum(gemm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    lines = hwacc("compile", gemm, "--tune", 101, "-o", gemm.with_name("a.hwx"), *CONFIG).stdout.splitlines()
    row = next(line.split() for line in lines if "dense_0" in line)
    tried = int(row[-5])
    assert row[0] == "dense_0" and row[-4:-2] == ["1,000", f"{1001 - tried}"]
    assert lines[-1].startswith(f"all tasks, each by itself: 1,000 cycles as the cost model chooses, {1001 - tried} as measured (")


def test_plans_for_other_arrays_and_of_other_products_stay_in_the_file(gemm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    path, other = gemm.with_name("all.json"), gemm.with_name("other.mlir")
    other.write_text(module_text([(5, 6, 7), (8, 9, 10)]))
    compiled(gemm, "a.hwx", "--tune", 1, "--tuned", path)
    compiled(gemm, "b.hwx", "--tune", 1, "--tuned", path, "--rows", 8)
    (gone,) = plans_in(path)
    compiled(other, "c.hwx", "--tune", 1, "--tuned", path)
    compiled(gemm, "a.hwx", "--tune", 3, "--tuned", path)
    arrays = load_tuned(path)
    assert sorted((config.rows, [plan.spec.m for plan in plans.values()]) for config, plans in arrays.items()) == [
        (4, [5, 8, 20]),
        (8, [20]),
    ]
    assert (gone.tried, arrays[TINY][gone.spec].tried) == (1, 3)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A model of three products, in a folder of its own."""
    path = tmp_path / "three.mlir"
    path.write_text(module_text([(5, 6, 7), (8, 9, 10), (11, 12, 13)]))
    return path


def stop(monkeypatch: pytest.MonkeyPatch, product: int, how: Callable[[], None]) -> list[str]:
    """Calls ``how`` before any plan of a product, counted from 0, is measured; lists what is measured from now on."""
    real, asked = tune.measured, list[str]()

    def stopped(search: Any, *others: Any) -> TunedPlan:
        if len(asked) == product:
            how()
        asked.append(words(search.spec))
        return real(search, *others)

    monkeypatch.setattr(tune, "measured", stopped)
    return asked


def ctrl_c() -> None:
    raise KeyboardInterrupt


def test_what_was_measured_survives_an_interruption_and_is_not_measured_again(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, path = three.with_name("whole.json"), three.with_name("three.tuned.json")
    compiled(three, "a.hwx", "--tune", 2, "--tuned", whole)
    with monkeypatch.context() as stopping:
        asked = stop(stopping, 2, ctrl_c)
        outcome = hwacc("compile", three, "-o", three.with_name("b.hwx"), *CONFIG, "--tune", 2)
    assert outcome.code == 130 and outcome.stdout == "" and not three.with_name("b.hwx").exists()
    told = f"hwacc: {path} keeps what was measured of 2 of 3 products; the same command goes on from there"
    assert outcome.stderr.splitlines()[-2:] == [told, "hwacc: interrupted"]
    assert len(plans_in(path)) == len(asked) == 2
    asked = stop(monkeypatch, 3, ctrl_c)
    _, lines = compiled(three, "b.hwx", "--tune", 2)
    assert f"{path}: 3 products measured, 2 of them before: delete the file to measure these again" in lines
    assert len(asked) == 1 and path.read_bytes() == whole.read_bytes()


def test_a_run_that_is_terminated_keeps_what_was_measured_too(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    before = signal.getsignal(signal.SIGTERM)
    stop(monkeypatch, 1, lambda: signal.raise_signal(signal.SIGTERM))
    assert hwacc("compile", three, *CONFIG, "--tune", 2).code == 130
    assert len(plans_in(three.with_name("three.tuned.json"))) == 1 and signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("again", [("--tune", 3), ("--tune", 2, "--memory-latency", 90)], ids=["more plans", "other memory"])
def test_a_product_is_measured_again_where_more_is_asked(gemm: Path, monkeypatch: pytest.MonkeyPatch, again: tuple[object, ...]) -> None:
    pretend(monkeypatch)
    compiled(gemm, "a.hwx", "--tune", 2)
    asked = stop(monkeypatch, 9, ctrl_c)
    compiled(gemm, "a.hwx", "--tune", 1)
    assert asked == []
    compiled(gemm, "a.hwx", *again)
    assert len(asked) == 1


def test_a_file_for_another_array_is_noted_and_not_used(gemm: Path) -> None:
    before, _ = compiled(gemm, "before.hwx", "--rows", 8)
    compiled(gemm, "a.hwx", "--tune", 2)
    after, lines = compiled(gemm, "after.hwx", "--rows", 8)
    assert after == before
    assert f"{gemm.with_name('gemm.tuned.json')}: not used, it has no plans for this array: rows 8 here, 4 there" in lines


def test_a_plan_that_the_planner_makes_no_more_is_noted_and_not_used(gemm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    before, _ = compiled(gemm, "before.hwx")
    compiled(gemm, "a.hwx", "--tune", 4)
    path = gemm.with_name("gemm.tuned.json")
    (plan,) = plans_in(path)
    path.write_text(path.read_text().replace(plan.stream, plan.stream[::-1]))
    after, lines = compiled(gemm, "after.hwx")
    assert after == before
    assert f"{path}: 1 plans are not used, the planner has changed since they were measured: tune again" in lines


def test_a_file_that_is_none_is_refused_before_anything_is_measured(gemm: Path) -> None:
    path = gemm.with_name("gemm.tuned.json")
    path.write_text('{"rows": 8}')
    for options in ((), ("--tune", 2)):
        line = complaint("compile", gemm, *options, "-o", gemm.with_name("a.hwx"), *CONFIG)
        assert line == f"{path}: not a file of tuned plans; name another with --tuned"
    assert complaint("compile", gemm, "--tuned", gemm.with_name("none.json")).endswith("none.json: No such file or directory")
    line = complaint("compile", gemm, "--tune", 1, "--tuned", gemm.with_name("no") / "x.json")
    assert line == f"{gemm.with_name('no') / 'x.json'}: cannot be written; name another file with --tuned"


def test_a_wrong_result_is_an_error_and_writes_nothing(gemm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(planned: Plan, arrays: Any, expected: NDArray[Any], *others: Any) -> tuple[int, NDArray[Any]]:
        return 100, expected + (np.arange(expected.size).reshape(expected.shape) < 3).astype(expected.dtype)

    monkeypatch.setattr(tune, "run", wrong)
    line = complaint("compile", gemm, "--tune", 2, "-o", gemm.with_name("a.hwx"), *CONFIG)
    assert line == "a plan of 20×24×10 mk kn gives 3 elements that differ from the reference"
    assert [path.name for path in gemm.parent.iterdir()] == ["gemm.mlir"]


def test_memory_of_another_latency_is_measured_and_written(gemm: Path) -> None:
    compiled(gemm, "a.hwx", "--tune", 1)
    (near,) = plans_in(gemm.with_name("gemm.tuned.json"))
    compiled(gemm, "a.hwx", "--tune", 1, "--memory-latency", 100)
    (far,) = plans_in(gemm.with_name("gemm.tuned.json"))
    assert (near.memory_latency, far.memory_latency) == (32, 100) and far.best.cycles > near.best.cycles + 100


def test_a_model_without_products_has_nothing_to_tune(tmp_path: Path) -> None:
    path = tmp_path / "add.mlir"
    path.write_text("func.func @main(%a: tensor<4xi32>) -> tensor<4xi32> {\n  return %a : tensor<4xi32>\n}\n")
    outcome = hwacc("compile", path, "--tune", 2, "-o", tmp_path / "a.hwx")
    assert outcome.code == 0 and "nothing to tune: the array has no task of known size" in outcome.stderr and outcome.stdout == ""
    assert not path.with_name("add.tuned.json").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--tune", 2, "--explain"), "--tune has an answer of its own; ask for the other one afterwards, of the tuned plans"),
        (("--tune", 2, "--emit", "stream"), "--tune has an answer of its own; ask for the other one afterwards, of the tuned plans"),
        (("--memory-latency", 9), "--memory-latency is for --tune, which simulates memory"),
        (("--json",), "--json is for --explain, --errors and --tune"),
        (("--tune", 0), "Invalid value for '--tune': 0 is not in the range 1<=x<=1000."),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(gemm: Path, options: tuple[object, ...], sentence: str) -> None:
    outcome = hwacc("compile", gemm, *options)
    assert outcome.code == 2 and sentence in outcome.stderr
