"""A compiled model for the tests of verbs that need one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import hwacc

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def model() -> Path:
    """A small model with convolutions, depthwise and dense layers, and float inputs."""
    return EXAMPLES / "models" / "keyword_spotting.tflite"


@pytest.fixture(scope="session")
def program(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``model``, compiled for the default array."""
    path = tmp_path_factory.mktemp("program") / "keywords.hwx"
    assert hwacc("compile", model, "-o", path).code == 0
    return path
