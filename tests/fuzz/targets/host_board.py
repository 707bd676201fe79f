"""What a board answers to a technician's tools, over a line that is sound. Input: which tool (a letter), then
its answers in turn, with `~~` between them; an upper-case letter puts their sums right.

`s` the survey of its files, `w` its digest of all, `r` its log, `l` who it is, `f` the facts of a self-test
and what follows. A tool ends with what it has read or with a message, never otherwise, and asks only so
often.
"""

import json
import zlib
from typing import Any, cast

from host_tools.errors import ToolError
from host_tools.output import printable
from host_tools.port import ring, selftest, tenant, upload
from host_tools.port.console import Console
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost

ASKED_MAX = 3000
_SHA = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def summed(lines: bytes) -> bytes:
    return lines + b" %d" % zlib.crc32(lines.replace(b"\n", b""))


_SURVEY = f"/main.py 120 {_SHA}\n/config.json 90 {_SHA}\n= 2 4096 400".encode()
_LOOK = {
    "mac": "00:11:22:33:44:55",
    "machine": "Generic ESP32S3 module with ESP32S3",
    "version": "1.29.0",
    "manifest": {"site": "s", "device": "box-1", "key_version": 1},
    "marker": None,
    "config": None,
    "certificate": None,
    "data": True,
}
_FACTS = {
    "mac": "00:11:22:33:44:55",
    "micropython": "1.29.0",
    "firmware": "0.1.0",
    "selftest": "0.1.0",
    "config": {"device": "box-1", "components": {"lock-1": {}, "door-1": {"lock": "lock-1"}}},
}
_TESTS = [
    _FACTS,
    "",
    "",
    {"checks": [["clock", "device"], ["door", "door-1"]], "steps": [["lock", "lock-1"]]},
    {"check": "clock", "component": "device", "ok": True, "value": 3},
    {"check": "door", "component": "door-1", "ok": None, "why": "open"},
    "",
    {"expect": "pull", "detail": 5},
    {"check": "lock", "component": "lock-1", "ok": False, "why": "not_opened"},
    {"end": 1},
]
_RING = b"6162 " + str(zlib.crc32(b"ab")).encode()

SEEDS = [
    b"s" + summed(_SURVEY),
    b"S" + _SURVEY,
    b"w" + b"whole " + b"0" * 64,
    b"r" + _RING + b"~~" + _RING,
    b"r! 5",
    b"L" + json.dumps(_LOOK).encode(),
    b"l%d %s" % (zlib.crc32(b"[" * 2000), b"[" * 2000),
    b"f" + b"~~".join(json.dumps(one).encode() if one else b"" for one in _TESTS),
]


class Said:
    """As a Console: what it says is given, then nothing more."""

    def __init__(self, answers: list[bytes]) -> None:
        self.port = Port("/dev/ttyUSB0")
        self._answers = answers
        self._asked = 0

    def run(self, code: str, timeout_s: float = 0) -> str:
        self._asked += 1
        assert self._asked < ASKED_MAX, "asks for ever"
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer.decode("utf-8", "replace").replace("\r\n", "\n")

    sure = run

    def hold(self) -> None:
        pass

    restart = hold

    def garbled(self) -> Lost:
        return Lost("garbled", "")


class Nobody:
    """A person who helps once and then goes away."""

    can_answer = False

    def prompt(self, expect: str, component: str, text: str) -> None:
        assert text == printable(text), "reaches the terminal"

    def answer(self) -> str | None:
        return "skip"

    def wait(self, seconds: float) -> None:
        pass

    def ask(self, component: str, text: str) -> bool | None:
        return None


def one(data: bytes) -> None:
    tool, answers = data[:1], data[1:].split(b"~~")
    if tool == b"S":
        tool, answers = b"s", [summed(answer) for answer in answers]
    if tool == b"L":
        tool, answers = b"l", [b"%d %s" % (zlib.crc32(answer), answer) for answer in answers]
    console = cast(Console, Said(answers))
    try:
        _TOOLS[tool](console) if tool in _TOOLS else None
    except ToolError as error:
        assert error.message == printable(error.message), "reaches the terminal"


def _survey(console: Console) -> None:
    found = upload.survey(console, ["/"])
    found.changed({"/main.py": b"x"})
    upload.check_space(console, found, [("/main.py", b"x" * 5000), ("/config.json", None)])


def _whole(console: Console) -> None:
    assert upload.is_whole(console, {"/main.py": "00" * 32}) in (True, False)


def _ring(console: Console) -> None:
    for line in ring._read(console):
        assert isinstance(line, str)


def _look(console: Console) -> None:
    seen = tenant.look(console)
    for site, device in seen.owners:
        assert isinstance(site, str) and isinstance(device, str)
    assert seen.chip is None or printable(seen.chip) == seen.chip


def _tests(console: Console) -> None:
    session = selftest.Session(console, cast(Any, Nobody()), ["clock"], patience_s=0.0)
    plan = session.start()
    for check, component in plan.checks[:5]:
        session.check(check, component)
    for step, component in plan.steps[:2]:
        session.step(step, component)


_TOOLS = {b"s": _survey, b"w": _whole, b"r": _ring, b"l": _look, b"f": _tests}
