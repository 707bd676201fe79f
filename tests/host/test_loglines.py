"""Lines of a board's log, and their times."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from host_tools.site.loglines import Line, parse, read, show

RING = """\
6 5.000 warning no broker: wifi lost
7 0.036 info starts: reset brownout, firmware 0.1.0
7 12.345 warning no broker: OSError 104
7 60.500 info time 2026-11-29T12:00:00Z
8 0.100 info starts: reset power_on, firmware 0.1.0
7 61.500 info broker reached
"""


def test_a_line() -> None:
    assert parse("7 12.345 warning no broker: x") == Line(7, 12345, "warning", "no broker: x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7 12 info x",
        "7 1.000 fatal x",
        "-7 1.000 info x",
        "7 1.000 error",
        "\x1b[2J",
        "7" * 99 + " 1.000 info x",
    ],
)
def test_what_is_no_line(text: str) -> None:
    assert parse(text) is None


def test_lines_are_dated_by_what_the_log_tells_of_their_boot() -> None:
    lines, damaged = read(RING.splitlines())
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert damaged == 0
    assert [line.time for line in lines] == [
        None,
        noon - timedelta(seconds=60.464),
        noon - timedelta(seconds=48.155),
        None,
        noon + timedelta(seconds=1),
    ]


def test_the_nearest_time_counts() -> None:
    texts = ["1 0.000 info time 2026-01-01T00:00:00Z", "1 100.000 info time 2026-01-01T00:02:00Z"]
    (early, late), _ = read([*texts, "1 49.000 info a", "1 51.000 info b"])
    assert early.time == datetime(2026, 1, 1, 0, 0, 49, tzinfo=UTC)
    assert late.time == datetime(2026, 1, 1, 0, 1, 11, tzinfo=UTC)


def test_what_bad_flash_left_is_counted() -> None:
    texts = ["7 1.0", "", "7 2.000 error whole", "7 3.000 info time 2026-99-29T12:00:00Z"]
    lines, damaged = read(texts)
    assert [line.text for line in lines] == ["whole", "time 2026-99-29T12:00:00Z"]
    assert damaged == 1


def test_times_beyond_all_bounds_are_none() -> None:
    lines, _ = read(["1 0.000 info time 9999-12-31T23:59:59Z", "1 9999999999.000 info x"])
    assert lines[0].time is None


def test_what_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        lines, _ = read(
            ["7 0.000 info time 2026-11-29T12:00:00Z", "7 1.500 error \x1b[2Jx", "8 1.500 info y"]
        )
        for line in lines:
            show(json_=False)(line)
            show(json_=True)(line)
    finally:
        monkeypatch.undo()
        time.tzset()
    text, first, other, second = capsys.readouterr().out.splitlines()
    assert text == "2026-11-29 13:00:01  boot 7 +1.500       error    \\x1b[2Jx"
    assert other == " " * 19 + "  boot 8 +1.500       info     y"
    assert json.loads(first) == {
        "boot": 7,
        "uptime": 1.5,
        "time": "2026-11-29T12:00:01.500Z",
        "level": "error",
        "text": "\x1b[2Jx",
    }
    assert json.loads(second)["time"] is None
