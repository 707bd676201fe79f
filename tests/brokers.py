"""Brokers for tests: `broker` runs a test on both kinds of broker, `mosquitto` on Mosquitto only."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess, Kind, find_mosquitto
from tests.lateness import Patience


def start(kind: Kind, run_dir: Path) -> BrokerProcess:
    """A broker with its log below the folder of the test."""
    if kind == "mosquitto" and find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto mosquitto-clients")
    return BrokerProcess.start(kind, state_dir=run_dir / "broker")


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[BrokerProcess]:
    with start(request.param, run_dir) as running:
        yield running


@pytest.fixture
def mosquitto(run_dir: Path) -> Iterator[BrokerProcess]:
    with start("mosquitto", run_dir) as running:
        yield running


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Poll a condition; past the bound the test fails and says what it waited for."""
    patience = Patience(timeout_s)
    while not condition():
        if patience.is_over():
            pytest.fail(f"waited {timeout_s:g} s for: {what}")
        time.sleep(0.01)
