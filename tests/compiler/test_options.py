"""Options of a compilation on their way to the compiler's process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.options import DEFAULTS, Options
from hwacc.compiler.quantisation import Quantisation

EVERYTHING = Options(
    backends=("hwacc", "cpu"),
    fallback=False,
    fixed=Fixed({"x": (1, 3)}, {"rate": 16000}),
    quantisation=Quantisation({"a": (-1.5, 2.0)}, ("last",)),
    tuned=Path("plans.json"),
)


@pytest.mark.parametrize("options", [DEFAULTS, EVERYTHING], ids=["defaults", "everything"])
def test_options_survive_json(options: Options) -> None:
    assert Options.from_dict(json.loads(json.dumps(options.to_dict()))) == options
