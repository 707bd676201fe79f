"""A self-test from the host's side, with a played board: what goes wrong first."""

import json
import re
from typing import Any

import pytest

from host_tools import words
from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.port import selftest_why
from host_tools.port.console import DeviceError
from host_tools.port.ports import Port
from host_tools.port.selftest import GIVE_UPS_MAX, Session
from host_tools.port.selftest_person import meaning, prompt_text
from host_tools.port.selftest_why import why
from host_tools.port.trouble import Lost
from host_tools.setup.paths import REPOSITORY

Json = dict[str, Any]
Answer = list[Json] | Exception

CONFIG = {
    "site": "s",
    "device": "box-1",
    "i2c": {"sda": 41, "scl": 42},
    "led": {"pin": 21},
    "components": {
        "lock-1": {"kind": "lock", "pin": 4, "latch": {"pin": 69}},
        "door-1": {"kind": "door", "lock": "lock-1", "pin": 15},
        "court-2": {"kind": "occupancy", "radar": {"uart": 1, "rx": 17, "tx": 18}},
        "gate-1": {"kind": "gate", "pins": [9, 10]},
    },
}
FACTS: Json = {
    "mac": "24:dc:c3:00:00:01",
    "micropython": "1.29.0",
    "firmware": "0.1.0",
    "unfinished": False,
    "config": CONFIG,
    "manifest": {"key_version": 3},
}
PLAN = {"checks": [["flash", "board"], ["bolt", "lock-1"]], "steps": [["led", "led"], ["door", "door-1"]]}
END = {"end": "x", "component": "x"}


class Board:
    """Answers `check`, `tick` and `give_up` from lists; what is not there is no answer."""

    def __init__(self, facts: Json = FACTS, plan: Json = PLAN) -> None:
        self.facts = facts
        self.plan = plan
        self.answers: dict[str, list[Answer]] = {}
        self.ran: list[str] = []

    def hold(self) -> None:
        self.ran.append("hold")

    def restart(self) -> None:
        self.ran.append("restart")

    def run(self, code: str, timeout_s: float = 0.0) -> str:
        self.ran.append(code)
        if "unique_id" in code:
            return json.dumps(self.facts)
        if code == "t.list()":
            return "noise\n" + json.dumps(self.plan)
        name = code.removeprefix("t.").split("(")[0]
        waiting = self.answers.get(name, [])
        answer: Answer = waiting.pop(0) if waiting else []
        if isinstance(answer, Exception):
            raise answer
        return "\n".join(json.dumps(line) for line in answer)


class Nobody:
    can_answer = False

    def __init__(self, *answers: str, asked: bool | None = None) -> None:
        self.answers = list(answers)
        self.asked = asked
        self.questions: list[str] = []
        self.prompts: list[str] = []

    def prompt(self, expect: str, component: str, text: str) -> None:
        self.prompts.append(text)

    def wait(self, left_s: float) -> None:
        return None

    def answer(self) -> str | None:
        return self.answers.pop(0) if self.answers else None

    def ask(self, component: str, text: str) -> bool | None:
        self.questions.append(text)
        return self.asked

    def done(self, text: str) -> None:
        return None


def line(check: str, component: str, ok: bool | None, why: str = "", value: Any = None) -> Json:
    return {"check": check, "component": component, "ok": ok, "value": value, "why": why}


def expect(what: str, component: str = "door-1") -> Json:
    return {"expect": what, "step": "x", "component": component, "detail": None}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({**FACTS, "unfinished": True}, "not provisioned"),
        ({**FACTS, "firmware": None}, "no firmware"),
        ({**FACTS, "config": None, "manifest": None}, "no firmware"),
        ({"mac": 5}, "does not answer as expected"),
    ],
)
def test_boards_that_cannot_test_themselves(facts: Json, said: str) -> None:
    with pytest.raises(ToolError, match=said) as caught:
        Session(Board(facts), Nobody()).start()
    assert caught.value.hint and caught.value.status == 1


def test_a_broken_configuration_is_tested_all_the_same() -> None:
    session = Session(Board({**FACTS, "config": None}), Nobody())
    assert session.start().checks


def test_an_exception_on_the_board_is_a_result_and_a_lost_line_is_not() -> None:
    board = Board()
    trace = "Traceback (most recent call last):\n  File x\nMemoryError: no room\n"
    board.answers["check"] = [DeviceError(Port("/dev/ttyX"), trace), [], Lost("gone", "again")]
    session = Session(board, Nobody())
    session.start()
    assert session.check("flash", "board").why == "MemoryError: no room"
    assert session.check("flash", "board").why == "no_result"
    with pytest.raises(Unreachable):
        session.check("flash", "board")


def test_a_step_that_never_ends_is_bounded() -> None:
    board = Board()
    session = Session(board, Nobody(), patience_s=0.0)
    session.start()
    board.answers["tick"] = [[expect("open")]]
    with pytest.raises(ToolError, match="end with door 1"):
        session.step("door", "door-1")
    assert board.ran.count("t.give_up()") <= GIVE_UPS_MAX


def test_given_up_when_nobody_comes() -> None:
    board = Board()
    board.answers["tick"] = [[expect("open")]]
    board.answers["give_up"] = [[line("door", "door-1", False, "never_opened"), END]]
    session = Session(board, Nobody(), patience_s=0.01)
    session.start()
    assert [one.why for one in session.step("door", "door-1")] == ["never_opened"]


def test_what_a_person_skips_is_no_failure() -> None:
    board = Board()
    board.answers["tick"] = [[expect("open")]]
    board.answers["give_up"] = [[line("door", "door-1", False, "never_opened"), END]]
    person = Nobody("skip")
    session = Session(board, person)
    session.start()
    assert [(one.ok, one.why) for one in session.step("door", "door-1")] == [(None, "skipped")]
    assert person.questions == []


@pytest.mark.parametrize(("said", "sent"), [("yes", "t.answer = True"), ("no", "t.answer = False")])
def test_what_a_person_sees(said: str, sent: str) -> None:
    board = Board()
    board.answers["tick"] = [[expect("look", "led")], [line("led", "led", True), END]]
    session = Session(board, Nobody(said))
    session.start()
    session.step("led", "led")
    assert sent in board.ran


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (True, {"lock-1": (True, ""), "door-1": (False, "never_opened")}),
        (False, {"lock-1": (False, "not_opened"), "door-1": (None, "lock")}),
        (None, {"lock-1": (False, "not_opened"), "door-1": (None, "lock")}),
    ],
)
def test_whether_lock_or_contact_failed_a_person_knows(asked: bool | None, found: Json) -> None:
    board = Board()
    board.answers["tick"] = [
        [expect("pull")],
        [line("lock", "lock-1", False, "not_opened"), line("door", "door-1", None, "lock"), END],
    ]
    person = Nobody(asked=asked)
    session = Session(board, person)
    session.start()
    findings = session.step("door", "door-1")
    assert {one.component: (one.ok, one.why) for one in findings} == found
    assert person.questions == ["Did door 1 come open when you pulled?"]


def test_a_door_goes_with_its_lock() -> None:
    plan = Session(Board(), Nobody(), skip=["lock-1"]).start()
    assert plan.checks == [("flash", "board")] and plan.steps == [("led", "led")]


def test_what_is_skipped_must_be_there() -> None:
    with pytest.raises(BadInput, match="no `lokc-1`") as caught:
        Session(Board(), Nobody(), skip=["lokc-1"]).start()
    assert caught.value.hint == "--skip lock-1"


def sentences() -> set[str]:
    """The words that have one."""
    places = dict.fromkeys((*selftest_why._PLACES, "what", "pin", "bus", "value", "why"), "-")
    groups = ("_own", "_network", "_chips", "_contacts", "_doors", "_people")
    return {key.split()[1] for name in groups for key in getattr(selftest_why, name)(places)}


def sources() -> str:
    folder = REPOSITORY / "firmware" / "selftest"
    return "".join(path.read_text() for path in sorted(folder.glob("*.py")))


def test_no_sentence_is_for_a_word_that_the_board_never_says() -> None:
    """Some are put together on the board, or come from the rules of the lock."""
    made = {f"{a}_{b}" for a in ("never", "nobody") for b in ("occupied", "free", "open", "in", "out")}
    rules = {"coil", "jammed", "expander", "not_noticed"}
    assert not {word for word in sentences() - made - rules if f'"{word}"' not in sources()}


def test_every_word_of_the_board_has_its_sentence() -> None:
    said = re.findall(
        r'(?:return|result\()[^\n]*(?:False|None|ok|True), [^\n]*"([a-z_]+)"\)?$', sources(), re.M
    )
    said += re.findall(r'reason = "([a-z_]+)"', sources())
    assert len(said) > 30
    assert set(said) - sentences() == set()


def test_sentences_name_pins() -> None:
    cause, cure = why("door", "door-1", "never_closed", None, CONFIG)
    assert (cause, "GPIO 15" in cure) == ("door 1 never closed", True)
    assert "GPIO 4, GPA5 (latch)" in why("lock", "lock-1", "not_moved", None, CONFIG)[1]
    assert "GPIO 17 (rx), GPIO 18 (tx)" in why("radar", "radar-2", "silent", {"reports": 0}, CONFIG)[1]
    assert "GPIO 9, GPIO 10" in why("gate", "gate-1", "swapped", None, CONFIG)[1]
    assert "SDA (GPIO 41), SCL (GPIO 42)" in why("expander", "expander", "no_answer", None, CONFIG)[1]
    assert "-83 dBm" in why("wifi", "wifi", "too_weak", {"rssi_dbm": -83, "level": "poor"}, CONFIG)[0]
    assert why("keypad", "keypad-9", "no_keys", {}, {})[1] == "check its wires at -"
    assert why("flash", "board", "OSError 5\x1b[2J", None, CONFIG)[0].endswith("OSError 5\\x1b[2J")


def test_prompts_in_german() -> None:
    words.choose("de")
    try:
        assert prompt_text("open", "door-1", None) == "Bitte jetzt Tür 1 öffnen."
        assert prompt_text("type", "keypad-1", {"keys": "12*"}) == "Tastenfeld 1: bitte tippen: 1 2 *"
    finally:
        words.choose("en")
    assert prompt_text("open", "door-1", None) == "Open door 1 now."


def test_answers_in_either_language() -> None:
    assert [meaning(word) for word in ("j", "y", "nein", "w", "s", "x", "", None)] == [
        "yes",
        "yes",
        "no",
        "skip",
        "skip",
        None,
        None,
        None,
    ]
