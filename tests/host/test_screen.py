"""Bars on a terminal: what came of the only board is told whole, however narrow the terminal is."""

import pytest

from host_tools.port.ports import Port
from host_tools.port.screen import Bars

PORT = Port("/dev/ttyUSB0")
LONG = "box-1: 102 files written, 0 removed, read back; the board runs; reached the broker, and more"


def test_the_only_board_is_told_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with Bars([PORT]) as screen:
        screen.done(PORT, True, LONG)
    assert LONG in capsys.readouterr().err.splitlines()


def test_a_failure_is_left_to_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars([PORT]) as screen:
        screen.done(PORT, False, LONG)
    assert LONG not in capsys.readouterr().err
