"""`sportbox sim up --replicate`: as many boards as a city has."""

import time
from pathlib import Path

import pytest

from host_tools.broker import find_mosquitto
from tests.e2e.commands import ROSTOCK, STOP_S, sim_up

READY_S = 120.0
"""For a thousand boards."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "count"), [("mosquitto", 1000), ("embedded", 300)])
def test_many_boards(kind: str, count: int, run_dir: Path) -> None:
    """A thousand: ready within 120 s, gone within 5. (The embedded broker takes as many, in half as long
    again; tests/bench does that.)"""
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
