"""What `watch` makes of a site's messages, most of all of broken and hostile ones."""

import json
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console, ConsoleDimensions

from host_tools.commands.watch_table import Status, age, local_time, render
from host_tools.output import json_line, printable
from host_tools.site.live import LiveSite, Message, line_of, read_message, short
from host_tools.site.load import load_site
from tests.host.helpers import ROSTOCK, WARNEMUENDE

SITE = "hafensport-rostock"
BASE = f"sportbox/v1/{SITE}/box-1"
HOSTILE = "\x1b[2J\x07\u202e\r\n[red]"
EVENT = {
    "specversion": "1.0",
    "id": "box-1-abc-7",
    "source": f"/{SITE}/box-1/door-2",
    "type": "sportbox.door.forced",
    "time": "2026-06-01T18:00:00Z",
    "data": {"level": 1},
    "seq": 7,
}


@pytest.fixture
def live() -> LiveSite:
    return LiveSite(load_site(ROSTOCK))


def message(rest: str, payload: object, retained: bool = False) -> Message:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read_message(f"{BASE}/{rest}", content, retained)


def screen(live: LiveSite, width: int = 140, height: int = 50) -> str:
    console = Console(file=StringIO(), width=width, height=height, force_terminal=False)
    console.print(render(live, Status(), ConsoleDimensions(width, height)))
    found = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(found, str)
    return found


def test_the_newest_of_everything(live: LiveSite) -> None:
    live.feed(message("availability", b"online", True))
    live.feed(message("info", {"firmware": "1.2.3", "clock": "ntp"}, True))
    live.feed(message("telemetry", {"queue": 4, "loop_stall_ms": 12}))
    live.feed(message("lock-1/state", {"state": "locked", "since": 1}, True))
    live.feed(message("lock-1/state", {"state": "unlocked", "since": "2026-05-28T20:26:40Z"}))
    live.feed(message("event", EVENT))
    board = live.boards["box-1"]
    assert (board.availability, board.firmware, board.clock, board.queue) == ("online", "1.2.3", "ntp", 4)
    assert (board.components["lock-1"].state, board.components["lock-1"].since_s) == (
        "unlocked",
        1_780_000_000,
    )
    text = screen(live)
    for word in (
        "Hafensport Rostock",
        "online",
        "1.2.3",
        "unlocked",
        "door.forced",
        "box-1/door-2",
        "20:00:00",
        "level=1",
    ):
        assert word in text


def test_a_small_terminal_shows_what_matters() -> None:
    live = LiveSite(load_site(WARNEMUENDE))
    live.feed(
        read_message("sportbox/v1/warnemuende-mole/box-1/lock-1/state", b'{"state": "unlocking"}', True)
    )
    live.feed(
        read_message(
            "sportbox/v1/warnemuende-mole/box-1/event",
            json.dumps({**EVENT, "source": "/warnemuende-mole/box-1/door-2"}).encode(),
            False,
        )
    )
    lines = screen(live, 80, 24).splitlines()
    assert len(lines) <= 24
    text = "\n".join(lines)
    for word in (
        "release-1",
        "unlocking",
        "clock",
        "more",
        "and 3 more boards",
        "box-1/door-2",
        "door.forced",
    ):
        assert word in text
    assert "firmware" not in text
    assert "…" not in text


BROKEN: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b"\xff\xfe",
    b'{"state": NaN}',
    b'{"state": 7, "since": "x", "count": [1]}',
    b'{"state": null, "since": 1e400, "count": true}',
    b'{"queue": 1' + b"0" * 5000 + b"}",
    b'{"data": ' + b"[" * 100_000,
    json.dumps(
        {"state": HOSTILE, "type": HOSTILE, "source": HOSTILE, "time": HOSTILE, "data": {HOSTILE: HOSTILE}}
    ).encode(),
    json.dumps({"state": "x" * 100_000, "type": "y" * 100_000, "data": {"z": "w" * 100_000}}).encode(),
    b'{"state": "\\ud800", "type": "\\udfff"}',
]


@pytest.mark.parametrize("payload", BROKEN)
@pytest.mark.parametrize(
    "rest", ["availability", "info", "telemetry", "event", "door-2/state", "nothing/at/all"]
)
def test_broken_and_hostile_messages(live: LiveSite, rest: str, payload: bytes) -> None:
    found = message(rest, payload)
    live.feed(found)
    line = line_of(SITE, found)
    assert line is not None
    for text in (screen(live), line, json_line({"payload": found.payload})):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
        assert "\r" not in text
        text.encode()  # no lone surrogates either
    assert "\n" not in line
    assert len(line) < 1000


def test_unreadable_messages_are_counted(live: LiveSite) -> None:
    live.feed(message("info", b"{"))
    live.feed(message("event", b"[]"))
    assert live.unreadable == 2
    assert "unreadable: 2 messages" in screen(live)


def test_foreign_boards_are_counted_and_not_listed(live: LiveSite) -> None:
    for number in range(3):
        live.feed(read_message(f"sportbox/v1/{SITE}/alien-{number}/availability", b"online", True))
    live.feed(read_message("sportbox/v1/other-site/box-1/availability", b"online", True))
    assert live.strangers == {"alien-0", "alien-1", "alien-2"}
    assert live.boards["box-1"].availability == "?"
    assert "not in the site file: 3 boards" in screen(live)


def test_events_are_bounded_and_the_newest_stay(live: LiveSite) -> None:
    for number in range(100):
        live.feed(message("event", {**EVENT, "data": {"n": number}}))
    assert len(live.events) == 15
    text = screen(live)
    assert "n=99" in text
    assert "n=84" not in text


def test_a_small_terminal_shows_the_newest_events(live: LiveSite) -> None:
    for number in range(20):
        live.feed(message("event", {**EVENT, "data": {"n": number}}))
    text = screen(live, width=80, height=24)
    assert "n=19" in text
    assert "more boards" in text
    assert len(text.splitlines()) <= 26


@pytest.mark.parametrize(
    ("rest", "payload", "line"),
    [
        ("availability", b"online", "box-1 availability online"),
        ("event", EVENT, "box-1/door-2 door.forced level=1"),
        (
            "event",
            {**EVENT, "historical": True},
            "box-1/door-2 door.forced level=1 (historical, 2026-06-01T18:00:00Z)",
        ),
        ("event", {"type": "sportbox.device.booted", "source": f"/{SITE}/box-1"}, "box-1 device.booted"),
        ("lock-1/state", {"state": "locked", "since": 5}, "box-1/lock-1 is locked since=5"),
        ("ack", {"jti": "a", "result": "done"}, "box-1 ack jti=a result=done"),
        ("log", b"a line", "box-1 log a line"),
    ],
)
def test_lines(rest: str, payload: object, line: str) -> None:
    assert line_of(SITE, message(rest, payload)) == line


def test_a_message_of_another_site_and_a_piece_of_a_bundle_are_no_lines() -> None:
    assert line_of(SITE, read_message("sportbox/v1/other/box-1/event", b"{}", False)) is None
    for rest in ("update/get", "update/data"):
        assert line_of(SITE, message(rest, b"\x01\x02")) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h")],
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize("text", ["", "yesterday", "9999-12-31T23:59:59-23:00"])
def test_what_is_no_time_is_shown_as_it_came(text: str) -> None:
    assert local_time(text, ZoneInfo("Europe/Berlin")) in (text, "23:59:59")


def test_printable_and_short() -> None:
    assert printable("Tür 1 ✓") == "Tür 1 ✓"
    assert printable("a\tb\x1b\x85\u2028\U000e0001") == "a\\x09b\\x1b\\x85\\u2028\\U000e0001"
    assert len(short("x" * 1000)) == 200
