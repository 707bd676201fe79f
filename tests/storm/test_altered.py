"""How much of what a board could say wrongly the oracle notices: runs with the shipped firmware, altered."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.storm.altered import ALTERATIONS, rates

RUNS = (("7", "box-1", "3"), ("7", "box-2", "3"), ("7", "court-1", "3"))
TRIES = 2
ALWAYS = (
    "event lost",
    "two events swapped",
    "accepted again",
    "bad order accepted",
    "pulse longer",
    "queue too long",
)
"""What no broken sensor and no broken network excuses."""
LEAST = 0.8


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("altered")
    return [(f"{seed}-{board}", *played(seed, board, hours, folder)) for seed, board, hours in RUNS]


def played(seed: str, board: str, hours: str, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    command = [sys.executable, "-m", "tests.storm.one_run", seed, board, hours, str(folder / board)]
    run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    return run["records"], run["config"]


def test_most_of_what_is_altered_is_caught(
    runs: list[tuple[str, list[dict[str, Any]], dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = rates(runs, TRIES)
    caught = sum(kind[0] for kind in found.values())
    of = sum(kind[1] for kind in found.values())
    lines = [f"{name}: {n} of {m} {' '.join(missed)}" for name, (n, m, missed) in found.items()]
    with capsys.disabled():
        print(f"\naltered runs that the oracle caught: {caught} of {of}")
    assert of > len(ALTERATIONS)
    for name in ALWAYS:
        assert found[name][0] == found[name][1] > 0, lines
    assert caught >= LEAST * of, lines
