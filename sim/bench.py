"""Runs the cocotb benches of ``tests/cocotb`` on Verilator: ``python -m hwacc.sim.bench [names]``.

A bench is a file ``bench_NAME.py``; without names, all run. Prints one line for
each test; the exit status is 1 if any failed. The simulator's own output is kept in a log.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import click

from hwacc.config import TINY
from hwacc.errors import DeviceError, HwaccError, InputError, MissingToolError
from hwacc.rtl.verilog import TOP
from hwacc.sim import cache
from hwacc.sim.bench_build import build_bench
from hwacc.sim.progress import to_stderr

ROOT = Path(__file__).resolve().parents[1]
BENCHES = ROOT / "tests" / "cocotb"
PACKAGE = "tests.cocotb"


@dataclass(frozen=True)
class Result:
    """One cocotb test: its bench, its name, simulated nanoseconds, and why it failed (empty when it passed)."""

    bench: str
    test: str
    simulated_ns: float
    failure: str


def names() -> list[str]:
    """The benches that there are."""
    return sorted(path.stem.removeprefix("bench_") for path in BENCHES.glob("bench_*.py"))


def run(benches: Sequence[str]) -> list[Result]:
    """Builds the program if needed and runs the benches in it.

    Raises :class:`InputError` for an unknown bench, :class:`MissingToolError` and :class:`hwacc.errors.DeviceError` as
    :func:`hwacc.sim.bench_build.build_bench` does.
    """
    if not BENCHES.is_dir():
        raise MissingToolError("the benches are not part of an installed package; run them in a checkout of the sources")
    for name in benches:
        if name not in names():
            raise InputError(f"unknown bench {name!r}; there are {', '.join(names())}")
    program = build_bench(TINY, progress=to_stderr)
    with tempfile.TemporaryDirectory(prefix="hwacc-bench-") as folder:
        return _run(program, benches, Path(folder))


def _run(program: Path, benches: Sequence[str], folder: Path) -> list[Result]:
    from cocotb_tools.runner import get_runner

    log = cache.folder() / f"bench-{'-'.join(benches)}.log"
    results = folder / "results.xml"
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))  # the runner hands it on
    get_runner("verilator").test(
        test_module=[f"{PACKAGE}.bench_{name}" for name in benches],
        hdl_toplevel=TOP,
        hdl_toplevel_lang="verilog",
        build_dir=program,
        test_dir=folder,
        results_xml=str(results),
        log_file=log,
        extra_env={"COCOTB_LOG_LEVEL": "WARNING"},
    )
    if not results.exists():
        raise DeviceError(f"the simulation ended before its tests did; see {log}")
    return _read(results, log)


def _read(results: Path, log: Path) -> list[Result]:
    found = []
    for case in ElementTree.parse(results).iter("testcase"):
        fault = case.find("failure") if case.find("failure") is not None else case.find("error")
        failure = "" if fault is None else f"{fault.get('message') or fault.get('error_msg') or 'failed'}; see {log}"
        bench = case.get("classname", "").rpartition(".")[2].removeprefix("bench_")
        found.append(Result(bench, case.get("name", ""), _duration(case), failure))
    return found


def _duration(case: ElementTree.Element) -> float:
    """Simulated nanoseconds of a test."""
    return next((float(p.get("value", 0)) for p in case.iter("property") if p.get("name") == "sim_time_duration"), 0.0)


@click.command()
@click.argument("benches", nargs=-1)
def main(benches: tuple[str, ...]) -> None:
    """Runs the named benches, or all."""
    try:
        results = run(benches or names())
    except HwaccError as error:
        raise click.ClickException(str(error)) from None
    for result in results:
        click.echo(f"{'FAILED' if result.failure else 'passed'}  {result.bench:12} {result.test}  ({result.simulated_ns / 1000:.0f} µs)")
        if result.failure:
            click.echo(f"        {result.failure}")
    failed = sum(bool(result.failure) for result in results)
    click.echo(f"{len(results)} tests, {failed} failed")
    raise SystemExit(1 if failed or not results else 0)


if __name__ == "__main__":
    main()
