"""Who stands before the board: gets told what to do, and answers what only a person can see."""

import json
import os
import select
import sys
import time
from typing import Any, Protocol

from host_tools.output import emit, say
from host_tools.port.selftest_names import called
from host_tools.words import tr

ANSWER_S = 60.0
LINE_BYTES_MAX = 256
QUESTIONS = ("look", "listen")
"""What only a person can tell."""


class Person(Protocol):
    can_answer: bool

    def prompt(self, expect: str, component: str, text: str) -> None:
        """Something to do now."""

    def wait(self, left_s: float) -> None:
        """So long until the board gives it up."""

    def answer(self) -> str | None:
        """`yes`, `no`, `skip`, or None while nothing was answered."""

    def ask(self, component: str, text: str) -> bool | None:
        """A question with yes or no; None: nobody answers."""

    def done(self, text: str) -> None:
        """What became of a step."""


class _Typed:
    """Lines from standard input, without waiting for one."""

    def __init__(self) -> None:
        self._received = b""
        self.is_over = not _readable()

    def line(self, wait_s: float = 0.0) -> str | None:
        end = time.monotonic() + wait_s
        while not self.is_over:
            if b"\n" in self._received:
                line, _, self._received = self._received.partition(b"\n")
                return line.decode("utf-8", "replace").strip().lower()
            left = max(0.0, end - time.monotonic())
            if not select.select([sys.stdin], [], [], left)[0]:
                return None
            data = os.read(sys.stdin.fileno(), LINE_BYTES_MAX)
            self.is_over = not data or len(self._received) > 2 * LINE_BYTES_MAX
            self._received += data
        return None


def _readable() -> bool:
    """Whether standard input can be waited for: not on Windows, and not where it is closed."""
    try:
        select.select([sys.stdin], [], [], 0)
    except (OSError, ValueError, TypeError):
        return False
    return True


def meaning(line: str | None) -> str | None:
    """Of what was typed, in either language."""
    words = {
        "yes": ("y", "yes", "j", "ja"),
        "no": ("n", "no", "nein"),
        "skip": ("s", "skip", "w", "weiter"),
    }
    return next((word for word, known in words.items() if line in known), None)


class Terminal:
    """A technician at the terminal: the countdown is on the last line."""

    def __init__(self) -> None:
        self._typed = _Typed()
        self.can_answer = not self._typed.is_over
        self._counting = False

    def prompt(self, expect: str, component: str, text: str) -> None:
        self._clear()
        keys = tr("[y/n]") if expect in QUESTIONS else tr("[s and Enter: skip]")
        say(f"→ {text} {keys}")

    def wait(self, left_s: float) -> None:
        sys.stderr.write("\r" + tr("  {seconds} s ", seconds=max(0, round(left_s))) + "\x1b[K")
        sys.stderr.flush()
        self._counting = True

    def answer(self) -> str | None:
        return meaning(self._typed.line())

    def ask(self, component: str, text: str) -> bool | None:
        self._clear()
        say(f"? {text} " + tr("[y/n]"))
        end = time.monotonic() + ANSWER_S
        while (left := end - time.monotonic()) > 0 and not self._typed.is_over:
            said = meaning(self._typed.line(left))
            if said in ("yes", "no"):
                return said == "yes"
        return None

    def done(self, text: str) -> None:
        self._clear()
        say(text)

    def _clear(self) -> None:
        if self._counting:
            self._counting = False
            sys.stderr.write("\r\x1b[K")


class Lines:
    """No terminal: who moves things sees each prompt on stdout as a JSON line (`json_`) or as talk. Nobody
    answers questions, unless answers come by standard input with `--json`."""

    def __init__(self, json_: bool) -> None:
        self._json = json_
        self._typed = _Typed() if json_ else None
        self.can_answer = False

    def prompt(self, expect: str, component: str, text: str) -> None:
        if self._json:
            emit({"prompt": text, "component": component, "expect": expect})
        else:
            say(f"{called(component)}: {text}")

    def wait(self, left_s: float) -> None:
        return None

    def answer(self) -> str | None:
        return None if self._typed is None else meaning(self._typed.line())

    def ask(self, component: str, text: str) -> bool | None:
        return None

    def done(self, text: str) -> None:
        if not self._json:
            say(text)


def person_for(json_: bool) -> Person:
    if json_ or not sys.stdin.isatty() or not sys.stderr.isatty():
        return Lines(json_)
    return Terminal()


def prompt_text(expect: str, component: str, detail: Any) -> str:
    """What has to happen now."""
    what = called(component)
    keys = " ".join(str(detail.get("keys", ""))) if isinstance(detail, dict) else ""
    texts = {
        "open": tr("Open {what} now.", what=what),
        "pull": tr("{what} is released: pull it open now.", what=what),
        "close": tr("Close {what} now.", what=what),
        "rest": tr("{what}: the lock has to rest, please wait.", what=what),
        "wait": tr("{what}: please wait.", what=what),
        "leave": tr("{what}: leave the container and keep away from the sensor inside.", what=what),
        "press": tr("Press {what} now and hold it.", what=what),
        "let_go": tr("Let go of {what}.", what=what),
        "move": tr("Move before the {what} now.", what=what),
        "walk_in": tr("Step onto {what} now and move about.", what=what),
        "go_away": tr("{what}: go away now, out of its sight.", what=what),
        "close_housing": tr("Close the housing now, or press its contact."),
        "open_housing": tr("Open the housing now, or let go of its contact."),
        "go_in": tr("Walk in through {what} now.", what=what),
        "go_out": tr("Walk out through {what} now.", what=what),
        "type": tr("Type on {what}: {keys}", what=what, keys=keys),
        "look": tr("Does the status lamp blink?"),
        "listen": tr("Do you hear the buzzer?"),
    }
    text = texts.get(expect) or json.dumps(expect)
    return text[:1].upper() + text[1:]
