"""What `watch` makes of boards that sleep."""

import json

from rich.console import Console, ConsoleDimensions

from host_tools.commands.watch_table import Status, render
from host_tools.site.live import OVERDUE_S, LiveSite, read_message
from host_tools.site.models import Site

SITE = Site.model_validate(
    {
        "version": 2,
        "site": "test",
        "devices": {"court-1": {"board": "field-esp32c3-battery", "components": {"court-1": {}}}},
    }
)
BASE = "sportbox/v1/test/court-1"
WAKE_BY = "2026-11-24T12:00:00Z"
WAKE_BY_S = 1_795_521_600


def told(availability: str, **info: object) -> LiveSite:
    live = LiveSite(SITE)
    live.feed(read_message(f"{BASE}/info", json.dumps({"clock": "ntp", **info}).encode(), True))
    live.feed(read_message(f"{BASE}/availability", availability.encode(), True))
    return live


def test_a_board_that_sleeps_is_not_taken_for_dead() -> None:
    board = told("sleeping", sleeping=True, wake_by=WAKE_BY).boards["court-1"]
    assert board.wake_by_s == WAKE_BY_S
    assert board.presence(WAKE_BY_S - 900) == "sleeping"
    assert board.presence(WAKE_BY_S + OVERDUE_S) == "sleeping"


def test_a_board_that_did_not_wake_up_is_overdue() -> None:
    board = told("sleeping", sleeping=True, wake_by=WAKE_BY).boards["court-1"]
    assert board.presence(WAKE_BY_S + OVERDUE_S + 1) == "overdue"


def test_who_is_awake_or_knows_no_time_is_never_overdue() -> None:
    assert told("online", wake_by=None).boards["court-1"].presence(WAKE_BY_S + 10**6) == "online"
    assert told("sleeping", wake_by=None).boards["court-1"].presence(WAKE_BY_S + 10**6) == "sleeping"
    assert told("sleeping", wake_by="soon").boards["court-1"].presence(WAKE_BY_S + 10**6) == "sleeping"


def test_the_table_says_so() -> None:
    console = Console(width=140, record=True)
    for availability, wake_by, shown in (
        ("sleeping", "2999-01-01T00:00:00Z", "sleeping"),
        ("sleeping", "2020-01-01T00:00:00Z", "overdue"),
    ):
        console.print(render(told(availability, wake_by=wake_by), Status(), ConsoleDimensions(140, 40)))
        assert shown in console.export_text()
