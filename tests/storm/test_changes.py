"""Changes of the configuration in a storm: what is drawn is what the firmware takes or refuses, and the
oracle holds the board to the old configuration or the new one."""

import importlib
import random
from pathlib import Path
from typing import Any

from host_tools.storm.crowd.people import People
from host_tools.storm.weather.changes_menu import FAILS, NO_WIFI, REFUSED, WORKS, change
from host_tools.token import unverified_claims
from tests.storm.played_stage import Played
from tests.storm.tales import Tale, day

setting: Any = importlib.import_module("sportbox.system.setting")

OLD, NEW = "0" * 12, "1" * 12


def drawn() -> list[dict[str, Any]]:
    rng = random.Random(1)
    return [change(rng) for _ in range(300)]


def test_the_firmware_refuses_what_is_to_be_refused() -> None:
    found = drawn()
    assert {one["comes"] for one in found} == {WORKS, FAILS, NO_WIFI, REFUSED}
    for one in found:
        limits, parts = (setting.SEALED, "set_sealed") if "set_sealed" in one else (setting.LIMITS, "set")
        assert setting.fits(one[parts], limits) == (one["comes"] != REFUSED), one


def test_an_order_is_made_with_the_nonce_that_is_known(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    people = People(stage)
    stage.act(people, "change", comes=WORKS, set={"telemetry_s": 150})
    assert stage.broker.published == []  # it has said nothing of itself yet
    stage.says_info(nonce="n1")
    stage.act(people, "change", comes=WORKS, set={"telemetry_s": 150})
    stage.act(people, "change", comes=REFUSED, set={})
    stage.act(people, "change", comes=NO_WIFI, set_sealed={"wifi": {"ssid": "elsewhere"}})
    notes = stage.notes("order")
    assert [(note["comes"], note["good"]) for note in notes] == [
        (WORKS, True),
        (REFUSED, False),
        (NO_WIFI, True),
    ]
    claims: list[dict[str, Any]] = [
        unverified_claims(raw.decode()) or {} for _, raw, _ in stage.broker.published
    ]
    assert {one["nonce"] for one in claims} == {"n1"}
    assert claims[0]["args"] == {"set": {"telemetry_s": 150, "hash": notes[0]["hash"]}}
    assert claims[1]["args"] == {"set": {}}
    assert "elsewhere" not in str(claims[2]) and len(claims[2]["args"]["set_sealed"]) > 40


def tale(comes: str, end: str, reason: str | None = None, back_s: float = 110) -> Tale:
    """A change at 100 s, and what the board said to it."""
    told = day()
    more: dict[str, Any] = {"act": "configure", "component": "device", "comes": comes, "hash": NEW}
    told.order(100, "c", **more)
    told.ack(100.1, "c", "accepted")
    told.note(101, "gone", conn=1, why="reset")
    told.note(101, "died", cause=2, status=0)
    told.starts(102, cause="reset", connects=False)
    told.digest = NEW if end == "done" else OLD
    told.connects(back_s)
    told.event(back_s, "device.booted", boot=2, reset="hard", firmware="1")
    told.ack(back_s + 1, "c", end, reason)
    return told


def says(told: Tale, s: float, digest: str) -> list[str]:
    told.publish(s, "info", {"config": digest, "bootid": "b2", "nonce": "n2", "clock": "ntp"}, retain=True)
    told.note(1000, "end")
    return [text for text in told.texts() if "configuration" in text or "change" in text or "offline" in text]


def test_old_or_new_and_as_it_was_told() -> None:
    assert says(tale("works", "done"), 110.5, NEW) == []
    assert says(tale("works", "done"), 200, NEW) == []
    text = f"the board has the configuration {OLD}, and should have {NEW}"
    assert says(tale("works", "done"), 200, OLD) == [text]
    other = "the board has the configuration 222222222222, and should have "
    assert says(tale("works", "done"), 200, "2" * 12) == [other + NEW]
    assert says(tale("fails", "failed", "unreachable", 300), 320, OLD) == []
    wrong = f"the board has the configuration {NEW}, and should have {OLD}"
    assert says(tale("fails", "failed", "unreachable", 300), 320, NEW) == [wrong]


def test_a_change_that_cuts_off_is_not_taken_over_and_one_that_works_is() -> None:
    text = "the change of 0:01:40.000 cuts the board off, and was taken over"
    assert text in says(tale("fails", "done"), 200, NEW)
    text = "the change of 0:01:40.000 was given up (unreachable), with nothing in the way"
    assert says(tale("works", "failed", "unreachable", 210), 300, OLD) == [text]
    told = tale("works", "failed", "unreachable", 210)
    told.fault(105, 205, "partition")
    assert says(told, 300, OLD) == []


def test_the_trial_has_an_end() -> None:
    """Four minutes, and then the bound of each board that is to come back."""
    assert says(tale("fails", "failed", "unreachable", 380), 450, OLD) == []
    found = says(tale("fails", "failed", "unreachable", 430), 450, OLD)
    assert len(found) == 1 and found[0].startswith("offline for 90 s from 0:05:40.000 on, with nothing in")
    assert says(tale("no_wifi", "failed", "unreachable", 900), 950, OLD) == []
