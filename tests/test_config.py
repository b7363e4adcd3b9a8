"""The configuration: its values, and that a device can publish them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwacc import csr
from hwacc.config import DATAFLOWS, TINY, ArrayConfig
from hwacc.errors import ConfigError
from hwacc.isa import Dataflow

CONFIGS = [TINY, ArrayConfig(rows=2, cols=64, bus_bytes=8, address_bits=40), *(replace(TINY, dataflows=name) for name in DATAFLOWS)]


@pytest.mark.parametrize("config", CONFIGS)
def test_what_a_device_publishes_is_its_configuration(config: ArrayConfig) -> None:
    assert csr.config_from_constants(csr.constants(config)) == config
    assert ArrayConfig.from_dict(config.to_dict()) == config


def test_builds_with_other_dataflows_are_other_devices() -> None:
    assert len({replace(TINY, dataflows=name).hash for name in DATAFLOWS}) == len(DATAFLOWS)
    assert replace(TINY, dataflows="both") == TINY
    assert replace(TINY, dataflows="weight-stationary").difference(TINY) == "dataflows weight-stationary here, both there"


def test_a_configuration_says_which_dataflows_it_has() -> None:
    assert TINY.available_dataflows == tuple(Dataflow)
    assert replace(TINY, dataflows="output-stationary").available_dataflows == (Dataflow.OUTPUT_STATIONARY,)


def test_unknown_dataflows_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^dataflows must be one of both, output-stationary, weight-stationary, not 'input-stationary'$"):
        ArrayConfig(dataflows="input-stationary")


@pytest.mark.parametrize(("name", "value"), [("rows", "4"), ("address_bits", "32"), ("address_bits", None), ("dataflows", ["both"])])
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be "):
        ArrayConfig.from_dict({name: value})


def test_a_device_that_publishes_no_dataflow_is_refused() -> None:
    with pytest.raises(ConfigError, match="dataflows must be one of"):
        csr.config_from_constants({**csr.constants(TINY), "DATAFLOWS": 0})
