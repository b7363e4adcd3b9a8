"""How lit runs these files: ``lit tests/compiler/golden``, or ``-v tests/compiler/golden/fuse_clamp.mlir`` for one."""

import sys
import tempfile
from pathlib import Path

import lit.formats
import llvm

config.name = "hwacc golden IR"
config.test_format = lit.formats.ShTest(False)
config.test_exec_root = str(Path(tempfile.gettempdir()) / "hwacc-lit")
config.suffixes = [".mlir"]
config.environment["PYTHONPATH"] = str(Path(__file__).parents[3])
config.substitutions += [
    (r"\bhwacc opt\b", f"{sys.executable} -m hwacc.cli opt"),
    (r"\bFileCheck\b", str(Path(llvm.__file__).with_name("bin") / "FileCheck")),
    (r"^not\b", str(Path(llvm.__file__).with_name("bin") / "not")),
]
