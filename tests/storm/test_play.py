"""A seed from begin to end: the plan happens, all is mended in the end, and it is the same each time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from host_tools.setup.paths import REPOSITORY
from host_tools.storm.oracle import judge
from host_tools.storm.play import boards_of, config_of


def played(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.storm.one_run", "7", "box-1", "2", str(folder / "box-1")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_two_hours_of_a_box(tmp_path: Path) -> None:
    first, again = (played(tmp_path) for _ in range(2))
    assert first["digest"] == again["digest"]
    records = first["records"]
    assert records[-1]["kind"] == "end"
    faults = [record["number"] for record in records if record["kind"] == "fault" and record["on"]]
    assert sorted(faults) == sorted(fault["number"] for fault in first["plan"]["faults"])
    assert not (tmp_path / "box-1").exists()
    assert judge(records, first["config"], first["plan"]["faults"]) == []


def test_boards_are_many() -> None:
    names = boards_of(7)
    assert names[:2] + names[5:] == ["box-1", "court-1", "box-1.2", "court-1.2"]
    assert config_of("box-1.2") == config_of("box-1")
