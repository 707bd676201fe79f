"""`sportbox sim energy`: the real firmware on simulated boards, as a report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SITE = """
version: 1
site: test-field
devices:
  court-1:
    board: field-esp32c3-battery
    components: {court-1: {}}
  court-2:
    board: field-esp32c3-battery
    components: {court-1: {title: measured once}}
  court-3:
    board: field-esp32c3
    components: {court-1: {}}
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    path = folder / "site.yaml"
    path.write_text(SITE)
    sportbox = str(Path(sys.executable).with_name("sportbox"))
    return subprocess.run(
        [sportbox, "sim", "energy", str(path), *options], capture_output=True, text=True, timeout=120
    )


def test_a_report_of_a_site(run_dir: Path) -> None:
    ended = run(run_dir, "--json", "--wakes", "100")
    assert ended.returncode == 0, ended.stderr
    boards = {line["board"]: line for line in map(json.loads, ended.stdout.splitlines())}
    battery, mains = boards["court-1"], boards["court-3"]
    assert list(boards) == ["court-1", "court-2", "court-3"]
    assert ended.stderr.count("on a simulated board") == 1
    assert boards["court-2"]["consumers"] == battery["consumers"]
    measured = battery["measured"]
    assert (measured["reports_a_day"], measured["visits_a_day"]) == (96, 100)
    assert measured["starts_a_visit"] >= 3, "motion, a look after the hold, the court is free"
    assert measured["report_ms"]["awake"] >= measured["report_ms"]["radio"] > 1000, "it listens for a second"
    # eight changes share a connection, so a visit costs a fraction of a report
    assert 0 < measured["visit_ms"]["radio"] < measured["report_ms"]["radio"]
    assert battery["mah_a_day"] == pytest.approx(sum(battery["consumers"].values()), abs=0.02)
    assert 5 < battery["mah_a_day"] < 50
    assert battery["days"] == pytest.approx(battery["capacity_mah"] / battery["mah_a_day"], rel=0.01)
    assert max(battery["consumers"], key=battery["consumers"].__getitem__) == "radio"
    assert (mains["source"], mains["days"], mains["measured"]) == ("mains", None, {})
    assert mains["mah_a_day"] > 100 * battery["mah_a_day"]


def test_a_site_of_mains_boards_needs_no_simulation(run_dir: Path) -> None:
    path = run_dir / "mains.yaml"
    path.write_text(SITE.replace("field-esp32c3-battery", "field-esp32c3"))
    sportbox = str(Path(sys.executable).with_name("sportbox"))
    ended = subprocess.run([sportbox, "sim", "energy", str(path)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "mains" in ended.stdout and "simulated" not in ended.stderr
