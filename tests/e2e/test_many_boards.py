"""`sportbox sim up --replicate`: as many boards as a city has."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.broker import find_mosquitto
from tests.e2e.commands import ROSTOCK, STOP_S, sim_up

READY_S = 60.0
"""A thousand are ready within 120 s, on either broker: tried by hand."""
FILES_MAX = 100
"""What a shell may allow: each board takes a file of two processes, and of the broker."""


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
@pytest.mark.parametrize(("kind", "count"), [("mosquitto", 200), ("embedded", 120)])
def test_many_boards(kind: str, count: int, run_dir: Path) -> None:
    """Ready within a minute, gone within 5 seconds."""
    if kind == "mosquitto" and find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto mosquitto-clients")
    began_s = time.monotonic()
    with sim_up(
        ROSTOCK, "--replicate", count, "--broker", kind, state=run_dir / "state", ready_s=READY_S
    ) as up:
        ready_s = time.monotonic() - began_s
        names = [line["board"] for line in up.boards]
        assert len(names) == len(set(names)) == count + 1, "that many field boards, and the box"
        assert len({line["pid"] for line in up.boards}) == count + 1
        took_s, left = up.stop()
    print(f"{kind}: ready after {ready_s:.1f} s, gone after {took_s:.1f} s")
    assert took_s < STOP_S and left == {}, (took_s, list(left.items())[:5])
    assert up.process.returncode == 0
