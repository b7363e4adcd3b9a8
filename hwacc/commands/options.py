"""Options that several verbs share."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from hwacc.config import DATAFLOWS, ArrayConfig
from hwacc.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_HELP = {
    "rows": "Rows of the array.",
    "cols": "Columns of the array.",
    "bus_bytes": "Bytes of a memory bus beat.",
    "spm_bytes": "Scratchpad, bytes.",
    "acc_bytes": "Accumulator, bytes.",
    "channels": "Channels whose parameters are held on chip.",
    "address_bits": "Width of a memory address.",
    "dataflows": "Dataflows of the array.",
}


class ConfigChoice:
    """What the user said about the configuration: a file, single values, or nothing.

    Single values win over the file, the file over the defaults.
    """

    def __init__(self, path: Path | None, values: dict[str, int | str]) -> None:
        self._path = path
        self._values = values

    def resolve(self, otherwise: ArrayConfig | None = None) -> ArrayConfig:
        """The configuration; what was not said comes from ``otherwise`` (or the defaults). Raises :class:`ConfigError`."""
        base = _read(self._path) if self._path is not None else (otherwise or ArrayConfig())
        return ArrayConfig.from_dict({**base.to_dict(), **self._values})


def config_options(command: Command) -> Command:
    """Adds ``--config FILE`` and an option for each parameter; the command gets ``config``, a :class:`ConfigChoice`."""

    @functools.wraps(command)
    def wrapper(*args: Any, config_file: Path | None, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in CONFIG_HELP}
        choice = ConfigChoice(config_file, {name: value for name, value in given.items() if value is not None})
        return command(*args, config=choice, **kwargs)

    defaults = ArrayConfig()
    for field in reversed(fields(ArrayConfig)):
        text = f"{CONFIG_HELP[field.name]}  [default: {getattr(defaults, field.name)}]"
        wrapper = click.option(f"--{field.name.replace('_', '-')}", field.name, help=text, **_kind(field.name))(wrapper)
    help_file = 'Configuration as JSON, such as {"rows": 8, "cols": 8}.'
    return click.option("--config", "config_file", type=click.Path(path_type=Path), metavar="FILE.json", help=help_file)(wrapper)  # type: ignore[return-value]


def fix_options(command: Command) -> Command:
    """Adds ``--shape`` and ``--fix``, what is fixed about the inputs of an ONNX model; the command gets ``shape`` and ``fix``, words."""
    help_fix = "Make input NAME a constant (.onnx)."
    wrapper = click.option("--fix", "fix", multiple=True, metavar="NAME=NUMBER", help=help_fix)(command)
    help_shape = "Size of an input whose size varies, such as x=1x576 (.onnx)."
    return click.option("--shape", "shape", multiple=True, metavar="NAME=SIZES", help=help_shape)(wrapper)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
memory_latency_option = click.option(
    "--memory-latency", type=click.IntRange(0, 10_000), metavar="CYCLES", help="Latency of simulated memory, each way.  [default: 32]"
)

ARRAYS = {"rtl": "their RTL", "step": "C++ functions, equal to their RTL cycle by cycle (--array rtl simulates that)"}
"""What can simulate the array, its feeders and buffers, in words."""
array_option = click.option(
    "--array",
    type=click.Choice(list(ARRAYS)),
    help="RTL, or faster C++, for the array, its feeders and buffers (sim only).  [default: step; rtl with --trace]",
)


def _kind(name: str) -> dict[str, Any]:
    """How click reads parameter ``name``."""
    return {"type": click.Choice(list(DATAFLOWS))} if name == "dataflows" else {"type": int, "metavar": "N"}


def _read(path: Path) -> ArrayConfig:
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f'{path}: a configuration is a JSON object, such as {{"rows": 8}}')
    try:
        return ArrayConfig.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
