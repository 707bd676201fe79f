"""The demo's words, lines and pictures: both languages, on a terminal, in a pipe, as JSON."""

import io
import json
import re
import string
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from host_tools.demo.account import Event, Fault, Summary
from host_tools.demo.evening import Script
from host_tools.demo.messages import CATALOGUE, ENGLISH, GERMAN
from host_tools.demo.screen import Screen
from host_tools.demo.story import JsonStory, Line, Outcome, Status, line_of, text_of
from host_tools.demo.words import Words
from host_tools.setup.paths import REPOSITORY

ZONE = ZoneInfo("Europe/Berlin")
SUMMARY = Summary(66, 66, 0, 8, 0, 4, {"expired": 1, "replayed": 2}, 1)
COURTS = ["court-1", "court-2", "court-3"]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert GERMAN.keys() == ENGLISH.keys()


@pytest.mark.parametrize("key", sorted(GERMAN))
def test_both_languages_have_the_same_values(key: str) -> None:
    assert fields(GERMAN[key]) == fields(ENGLISH[key])


FOUND_AT_RUN_TIME = ("scene", "who", "part", "state", "reason", "table", "fault", "try", "event")
PASSAGES = {"act.in", "act.out"}


def used_keys() -> Iterator[str]:
    """Keys as the sources have them, whole ones only."""
    tools = REPOSITORY / "host_tools"
    for path in [*(tools / "demo").glob("*.py"), tools / "commands" / "demo.py"]:
        if path.name != "messages.py":
            yield from re.findall(r'"((?:act|board|broker|count|foot|verdict)\.[a-z_]+)"', path.read_text())


def test_every_key_is_used_and_every_used_key_is_there() -> None:
    used = set(used_keys())
    assert used <= GERMAN.keys()
    named = {key for key in GERMAN if "." in key and key.partition(".")[0] not in FOUND_AT_RUN_TIME}
    assert named - PASSAGES <= used


def event(kind: str, component: str = "lock-2", late: bool = False, **data: object) -> Event:
    return Event("box-1", component, "id", 1, kind, data, "2026-11-22T18:00:00Z", late)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (event("device.booted", "device", boot=2), "started, boot number 2"),
        (event("access.accepted"), "compartment 2: order accepted, strike energised"),
        (event("access.rejected", "access", reason="expired"), "refused: expired"),
        (event("access.failed", reason="power"), "compartment 2: order failed: power cut"),
        (event("door.forced", "door-3"), "compartment 3: FORCED OPEN, there was no order"),
        (event("occupancy.changed", "court-1", state="occupied"), "basketball: occupied"),
        (event("occupancy.changed", "court-9", state="unknown"), "court-9: unknown"),
        (event("gate.passed", "gate-1", direction="in", count=3), "gate: somebody comes in, 3 inside"),
        (event("door.closed", "door-1", late=True), "container: door closed (at 19:00:00)"),
        (
            event("door.opened", "door-2", while_off=True),
            "compartment 2: door open, it opened while the power was off",
        ),
        (event("lock.jammed", "lock-1", jti="x"), "lock.jammed jti=x"),
        (event("access.rejected", "access", reason="\x1b[31m"), "refused: \\x1b[31m"),
        (event("lock.{x}", "lock-1", text="{boot}"), "lock.{x} text={boot}"),
    ],
)
def test_events_in_words(found: Event, text: str) -> None:
    line = line_of(found, ZONE)
    assert line is not None
    assert text_of(Words("en"), line) == text


def test_what_another_event_says_is_not_said_twice() -> None:
    assert line_of(event("door.opened", "door-2", jti="j"), ZONE) is None
    assert line_of(event("lock.unlocked", jti="j"), ZONE) is None


def shown(language: str, *, terminal: bool, width: int, faults: list[Fault]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None, legacy_windows=False)
    words = Words(language)
    with Screen(words, console, ZONE) as screen:
        screen.title("Hafensport Rostock", 4, "mosquitto", 1)
        for key in GERMAN:
            if key.startswith("scene."):
                screen.scene(key.removeprefix("scene."))
            elif key.startswith(("act.", "try.", "broker.", "board.")):
                values = dict.fromkeys(fields(GERMAN[key]), "x")
                screen.line(Line("citizen", key, values))
        parts = {
            "lock-1": "locked",
            "lock-2": "open",
            "lock-3": "?",
            "court-1": "occupied",
            "court-2": "free",
        }
        boards = {"box-1": "online", "court-1": "offline", "court-2": "?"}
        screen.status(Status(boards, parts, None, 12, False))
        screen.outcome(Outcome(SUMMARY, faults, 8, 5, 55.0))
    return out.getvalue()


@pytest.mark.parametrize("language", sorted(CATALOGUE))
@pytest.mark.parametrize("width", [80, 100])
def test_lines_fit_a_terminal(language: str, width: int) -> None:
    text = shown(language, terminal=True, width=width, faults=[])
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert max(len(line.rstrip()) for line in re.split(r"[\r\n]+", plain)) <= width
    assert Words(language)("verdict.good", seconds=55) in plain


@pytest.mark.parametrize("language", sorted(CATALOGUE))
def test_a_pipe_gets_plain_lines(language: str) -> None:
    text = shown(language, terminal=False, width=80, faults=[])
    assert "\x1b" not in text
    assert Words(language)("act.ball") in text


def test_a_narrow_terminal_is_no_reason_to_end() -> None:
    assert shown("de", terminal=True, width=30, faults=[])


@pytest.mark.parametrize("language", sorted(CATALOGUE))
def test_every_fault_can_be_told(language: str) -> None:
    keys = [key.removeprefix("fault.") for key in GERMAN if key.startswith("fault.")]
    faults = [Fault(key, dict.fromkeys(fields(GERMAN[f"fault.{key}"]), "?")) for key in keys]
    text = shown(language, terminal=False, width=80, faults=faults)
    assert Words(language)("verdict.bad") in text
    assert text.count("?") >= len(keys)


def test_json_ends_with_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonStory(Words("de")) as story:
        story.scene("start")
        story.line(Line("citizen", "act.ask", {"part": "lock-2"}))
        story.outcome(Outcome(SUMMARY, [Fault("reordered", {"count": 1})], 8, 5, 55.04))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[1]["step"] == "act.ask"
    assert lines[1]["text"] == "schickt ein Token aus der Buchungs-App für: Fach 2"
    assert lines[-2]["fault"] == "reordered"
    assert lines[-1] == {
        "summary": {
            "accepted": 66,
            "delivered": 66,
            "lost": 0,
            "duplicates": 8,
            "reordered": 0,
            "unlocks_done": 4,
            "refused": {"expired": 1, "replayed": 2},
            "forced": 1,
        }
    }


def test_a_seed_plays_the_same_evening() -> None:
    one, again = Script.draw(7, COURTS), Script.draw(7, reversed(COURTS))
    assert (one.courts, one.attempts, one.moves_while_off) == (
        again.courts,
        again.attempts,
        again.moves_while_off,
    )
    assert one.chance.random() == again.chance.random()


def test_seeds_differ_in_order_and_never_in_what_happens() -> None:
    drawn = [Script.draw(seed, COURTS) for seed in range(50)]
    assert len({script.courts for script in drawn}) == 6
    assert {script.moves_while_off for script in drawn} == {True, False}
    assert {tuple(sorted(script.attempts)) for script in drawn} == {
        ("audience", "expired", "replayed", "signature")
    }
