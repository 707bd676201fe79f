"""`sim show`, as people and as programs read it."""

import json
from pathlib import Path

import pytest

from host_tools.cli import main
from tests import components
from tests.components import court, door, inside, lock, matrix, motor, release, tamper
from tests.sim.boards import make

PARTS = {
    "lock-1": lock(1),
    "door-1": door(1, release="release-1", inside="inside-1"),
    "release-1": release(1),
    "inside-1": inside(1),
    "lock-2": motor(2),
    "door-2": door(2),
    "tamper-1": tamper(),
    "keypad-1": matrix("lock-1"),
    "court-1": court(radar=True, tof=True),
}


def test_show_tells_what_is_so_and_what_is_broken(
    run_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    board = make(
        run_dir / "boards" / "box-1",
        "",
        components=PARTS,
        i2c=components.I2C,
        expander=components.EXPANDER,
        rtc=components.RTC,
    )
    for component, value in (
        ("door-1", "cut"),
        ("lock-1", "jam"),
        ("lock-2", "lost"),
        ("release", "press"),
        ("inside-1", "occupied"),
        ("tamper-1", "open"),
        ("court-1", "4"),
        ("radar", "ghost"),
        ("tof-1", "lost"),
        ("expander", "lost"),
    ):
        board.set(component, value)
    assert main(["sim", "show", "--state", str(run_dir)]) == 0
    table = capsys.readouterr().out
    for line in (
        "door-1 closed, wire cut",
        "release-1 pressed",
        "inside-1 occupied",
        "tamper-1 open",
        "lock-1 released, 0 pulses, jammed",
        "lock-2 unlocked, 0 pulses",
        "court-1 occupied, 4 people, radar ghost, tof lost",
        "keypad-1 matrix, 0 keys pressed",
        "expander lost",
        "rtc unset",
    ):
        assert line in table
    assert main(["sim", "show", "box-1", "--json", "--state", str(run_dir)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["chips"] == {"expander": "lost", "rtc": "unset"}
    assert shown["locks"]["lock-1"]["faults"] == ["jammed"]
    assert shown["courts"]["court-1"]["tof"] == "lost"
    assert shown["faults"] == {"door-1": ["wire cut"]}
