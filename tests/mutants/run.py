"""Plants the faults of :mod:`.faults` in a copy of the RTL, one at a time, and sees that a fast test catches each: ``make mutants``.

The fast tests are those of ``tests/rtl``: for a fault in ``rtl/load_clip.py`` first those of ``test_load_clip*.py``, then those of
``test_load*.py``, then the others. Ends with status 1 if a fault survives them all.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]
COPIED = ("hwacc", "rtl", "sim", "driver", "compiler", "coordinator", "fpga", "tests", "pyproject.toml")
CAUGHT = 1
"""What pytest ends with when tests have failed; anything else but success says that they could not run."""


def source(root: Path, fault: Fault) -> Path:
    """The file that ``fault`` changes."""
    return root / "rtl" / f"{fault.module}.py"


def plant(root: Path, fault: Fault) -> str:
    """Changes the copy under ``root``; returns the text that was there. Raises :class:`ValueError` if ``before`` is not there once."""
    path = source(root, fault)
    text = path.read_text()
    if text.count(fault.before) != 1:
        raise ValueError(
            f"rtl/{fault.module}.py has {text.count(fault.before)} times {fault.before!r}; bring tests/mutants/faults.py up to date"
        )
    path.write_text(text.replace(fault.before, fault.after))
    return text


def fast_tests(root: Path, module: str) -> Iterator[list[Path]]:
    """The fast tests in the order in which they are tried: those of the module, of its engine, and the rest."""
    left = sorted((root / "tests" / "rtl").glob("test_*.py"))
    for prefix in (f"test_{module}", f"test_{module.partition('_')[0]}", "test_"):
        files = [path for path in left if path.name.startswith(prefix)]
        left = [path for path in left if path not in files]
        if files:
            yield files


def catcher(root: Path, fault: Fault) -> str | None:
    """The first test that fails, or None; raises :class:`RuntimeError` if the tests cannot run."""
    for files in fast_tests(root, fault.module):
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *map(str, files)]
        run = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False)
        if run.returncode == CAUGHT:
            return next(line.split(" - ")[0] for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))).split(" ", 1)[1]
        if run.returncode:
            raise RuntimeError(f"pytest ended with status {run.returncode}: {(run.stdout + run.stderr)[-500:]}")
    return None


def copy_of(root: Path, folder: Path) -> Path:
    """A copy of what the tests need; only its RTL will be changed."""
    copy = folder / "hwacc"
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, copy / name)
    return copy


def main(arguments: list[str] | None = None) -> int:
    """Plants each fault and prints who caught it; the exit status."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    modules = sorted({fault.module for fault in FAULTS})
    parser.add_argument("--module", choices=modules, metavar="NAME", help=f"only the faults of this file of rtl/: {', '.join(modules)}")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which they are planted")
    options = parser.parse_args(arguments)
    chosen = [fault for fault in FAULTS if options.module in (None, fault.module)]
    random.Random(options.seed).shuffle(chosen)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{len(chosen)} faults, seed {options.seed}")
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="hwacc-mutants-") as folder:
        copy = copy_of(ROOT, Path(folder))
        for number, fault in enumerate(chosen, 1):
            began = time.monotonic()
            text = plant(copy, fault)
            caught = catcher(copy, fault)
            source(copy, fault).write_text(text)
            survivors += caught is None
            answer = f"caught by {caught.removeprefix('tests/rtl/')}" if caught else "SURVIVES"
            console.print(f"{number:3}/{len(chosen)} {time.monotonic() - began:4.0f} s  {fault.module} {fault.says}: {answer}")
    console.print(f"{len(chosen) - survivors} of {len(chosen)} faults caught")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
