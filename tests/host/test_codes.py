"""Keypad codes: the city's side, held against the board's own code, and the command that prints them."""

import json
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sportbox.core import hotp as on_board
from sportbox.core.slots import Slots

from host_tools.cli import main
from host_tools.site.codes import hotp, timetable
from host_tools.site.keys import code_key
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.resolve import device_config, device_secrets
from host_tools.site.secrets import load_or_create
from tests.host.helpers import ROSTOCK, write

SITE = """\
version: 1
site: test-site
time_zone: {zone}
devices:
  box-1:
    board: box-esp32s3
    components:
      lock-1: {{}}
      door-1: {{}}
      lock-2: {{}}
      door-2: {{}}
      lock-3: {{}}
      door-3: {{}}
      keypad-1: {{opens: [lock-1, lock-2], d0: 1, d1: 2, {hours}}}
"""
HOURS = 'open_from: "08:00", open_to: "22:00"'
SUNDAY_S = 1_795_305_600  # 2026-11-22T00:00:00Z
DAY_S = 86_400
SPRING_S, AUTUMN_S = 1_774_746_000, 1_792_890_000  # the clocks change in Berlin


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPORTBOX_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def site_file(folder: Path, hours: str = HOURS, zone: str = "Europe/Berlin") -> Path:
    return write(folder, SITE.format(hours=hours, zone=zone))


def slots_on_board(site: Site) -> Slots:
    config = device_config(site, "box-1")
    facts = config["components"]["keypad-1"]
    return Slots(
        facts["slot_s"], facts["open_from_s"], facts["open_to_s"], facts["days"], config["utc_offsets"]
    )


def printed(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> list[str]:
    assert main(["code", str(path), "box-1", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_codes_of_rfc_4226() -> None:
    key = b"12345678901234567890"
    assert [hotp(key, counter) for counter in (0, 1, 2, 9)] == [
        "84755224",
        "94287082",
        "37359152",
        "45520489",
    ]


def test_city_and_board_have_the_same_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the master secret to the digits, once through the board's files and its own code."""
    path = site_file(tmp_path)
    site = load_site(path)
    lines = printed(capsys, path, "lock-2", "--slot", "2026-11-22T20:00", "--count", "30", "--json")
    master = load_or_create(tmp_path / "state", site.site)
    secrets = device_secrets(site, "box-1", master)
    assert set(secrets["codes"]) == {"lock-1", "lock-2"}
    key = bytes.fromhex(secrets["codes"]["lock-2"])
    assert len(key) == 20
    for line in lines:
        told = json.loads(line)
        assert told["code"] == on_board.code(key, told["slot"])
        assert (told["board"], told["component"]) == ("box-1", "lock-2")
    assert len(lines) == 30


def test_each_lock_board_site_and_version_has_its_own_key() -> None:
    one = code_key(b"m" * 32, "site", "box-1", "lock-1", 1)
    others = [
        code_key(b"n" * 32, "site", "box-1", "lock-1", 1),
        code_key(b"m" * 32, "park", "box-1", "lock-1", 1),
        code_key(b"m" * 32, "site", "box-2", "lock-1", 1),
        code_key(b"m" * 32, "site", "box-1", "lock-2", 1),
        code_key(b"m" * 32, "site", "box-1", "lock-1", 2),
    ]
    assert len({one, *others}) == 6


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/New_York", "UTC"])
@pytest.mark.parametrize(
    "hours",
    [
        HOURS,
        'open_from: "22:30", open_to: "03:15", days: [fri, sat]',
        'open_from: "01:00", open_to: "04:00", slot_s: 7200',
        'days: [sun], slot_s: 43200, open_to: "23:59"',
        "slot_s: 675",
    ],
)
def test_city_and_board_agree_when_a_slot_opens(tmp_path: Path, hours: str, zone: str) -> None:
    """In the middle of each quarter of an hour, on ordinary days and on those when the clocks change."""
    site = load_site(site_file(tmp_path, hours, zone))
    table, board = timetable(site, "box-1", "lock-1"), slots_on_board(site)
    for begin_s in (SUNDAY_S - 2 * DAY_S, SPRING_S - DAY_S, AUTUMN_S - DAY_S):
        for at_s in range(begin_s, begin_s + 3 * DAY_S, 900):
            span = table.span(table.slot_at(at_s))
            on_time = span is not None and span.from_s <= at_s < span.to_s
            current = board.current(at_s)
            assert (table.slot_at(at_s) in current) == on_time, at_s
            assert len(current) <= 2


def test_the_ends_of_a_span_are_those_of_the_board(tmp_path: Path) -> None:
    site = load_site(site_file(tmp_path, 'open_from: "08:20", open_to: "21:40"'))
    table, board = timetable(site, "box-1", "lock-1"), slots_on_board(site)
    first, *_, last = table.spans(table.slot_at(SUNDAY_S), 14)
    assert (first.from_s, last.to_s) == (SUNDAY_S + 26_400, SUNDAY_S + 74_400)
    assert (board.current(first.from_s - 1), board.current(first.from_s)) == ([], [first.slot])
    assert (board.current(last.to_s - 1), board.current(last.to_s)) == ([last.slot], [])


def test_data_on_stdout_and_talk_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = site_file(tmp_path)
    assert main(["code", str(path), "box-1", "lock-1", "--slot", "2030-07-01T09:30"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out) == 9 and captured.out[:8].isdigit()
    assert "lock-1 of box-1, Mon 2030-07-01 09:00 to 10:00 CEST (slot " in captured.err
    assert captured.out[:8] not in captured.err


def test_json_says_the_slot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = site_file(tmp_path, 'open_from: "08:00", open_to: "22:00", slot_s: 7200')
    told = json.loads(printed(capsys, path, "lock-1", "--slot", "2030-01-07T08:15", "--json")[0])
    assert (told["from"], told["to"]) == ("2030-01-07T08:00:00+01:00", "2030-01-07T09:00:00+01:00")


def test_ways_to_name_a_slot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = site_file(tmp_path)
    number = str((SUNDAY_S + 12 * 3600) // 3600)
    ways = ["2026-11-22T13:00", "2026-11-22T13:59:59", "2026-11-22 13:30", "2026-11-22T12:00Z", number]
    assert len({tuple(printed(capsys, path, "lock-1", "--slot", way)) for way in ways}) == 1
    assert printed(capsys, path, "lock-1", "--slot", "2026-11-22T14:00") != printed(
        capsys, path, "lock-1", "--slot", number
    )


def test_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = site_file(tmp_path, "slot_s: 86400")
    before = time.time() // DAY_S
    told = json.loads(printed(capsys, path, "lock-1", "--json")[0])
    assert told["slot"] in (before, time.time() // DAY_S)


def test_closed_slots_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = site_file(tmp_path, HOURS + ", days: [fri, mon]")
    words = ("lock-1", "--slot", "2030-01-04T20:00", "--count", "4", "--json")
    begins = [json.loads(line)["from"][:16] for line in printed(capsys, path, *words)]
    assert begins == ["2030-01-04T20:00", "2030-01-04T21:00", "2030-01-07T08:00", "2030-01-07T09:00"]


def test_a_slot_that_is_over_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", str(site_file(tmp_path)), "box-1", "lock-1", "--slot", "2025-07-01T09:00"]) == 0
    assert "note: that slot is over" in capsys.readouterr().err


REFUSED: list[tuple[list[str], str, str]] = [
    (["lock-3"], "no keypad of `box-1` opens `lock-3`", "lock-1, lock-2"),
    (["door-1"], "`door-1` is no lock", "lock-1"),
    (["keypad-1"], "`keypad-1` is no lock", "lock-1"),
    (["lok-1"], "did you mean `lock-1`", "lock-1, lock-2"),
    (["\x1b[2J"], "\\x1b[2J", "lock-1"),
    (["lock-1", "--slot", "2030-07-01T23:00"], "is closed Mon 2030-07-01 23:00", "--slot 530334 (Tue"),
    (["lock-1", "--slot", "tomorrow"], "`tomorrow` is no time and no slot", "--slot now"),
    (["lock-1", "--slot", ""], "is no time and no slot", "--slot now"),
    (["lock-1", "--slot", "-5"], "is no time and no slot", ""),
    (["lock-1", "--slot", "2030-07-01"], "is no time and no slot", "2026-11-22T18:00"),
    (["lock-1", "--slot", "2030-02-30T09:00"], "no such time", "2026-11-22T18:00"),
    (["lock-1", "--slot", "2030-02-03T09:00+99:00"], "no such time", ""),
    (["lock-1", "--slot", "1795366800"], "not within the years 2025 to 2037", "the slot of this moment is"),
    (["lock-1", "--slot", "5"], "not within the years 2025 to 2037", ""),
    (["lock-1", "--slot", "2041-07-01T09:00"], "not within the years 2025 to 2037", ""),
    (["lock-1", "--slot", "0001-01-01T00:00"], "not within the years 2025 to 2037", ""),
    (["lock-1", "--slot", "2026-10-25T02:30"], "comes twice in Europe/Berlin", "02:30:00+02:00 or"),
    (["lock-1", "--slot", "2026-03-29T02:30"], "there is no 2026-03-29T02:30", "03:30:00+02:00"),
    (["lock-1", "--count", "0"], "", "sportbox code --help"),
    (["lock-1", "--count", "501"], "", "sportbox code --help"),
    ([], "Missing argument", "sportbox code --help"),
]


@pytest.mark.parametrize(("words", "message", "hint"), REFUSED)
def test_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str, hint: str
) -> None:
    assert main(["code", str(site_file(tmp_path)), "box-1", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\x1b" not in captured.err and "Traceback" not in captured.err
    lines = [line for line in captured.err.splitlines() if not line.startswith("note: ")]
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert hint in "\n".join(lines[1:])


def test_a_board_without_a_keypad(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", str(ROSTOCK), "court-1", "court-1"]) == 2
    err = capsys.readouterr().err
    assert "`court-1` is no lock" in err and "has no keypad" in err


def test_keypads_that_do_not_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SITE.format(hours=HOURS, zone="Europe/Berlin")
    second = "      keypad-2: {opens: [lock-1], slot_s: 1800, d0: 9, d1: 10}\n"
    path = write(tmp_path, text + second)
    assert main(["code", str(path), "box-1", "lock-1"]) == 2
    assert "`keypad-1` (3600 s) and `keypad-2` (1800 s)" in capsys.readouterr().err
    assert printed(capsys, path, "lock-2", "--slot", "2030-07-01T09:30")


def test_the_last_years(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Boards know the time zone to the end of 2037."""
    path = site_file(tmp_path, "slot_s: 3600")
    lines = printed(capsys, path, "lock-1", "--slot", "2037-12-31T22:30", "--count", "9", "--json")
    last = json.loads(lines[-1])
    assert last["to"] == "2038-01-01T01:00:00+01:00"
    assert timetable(load_site(path), "box-1", "lock-1").zone == ZoneInfo("Europe/Berlin")
