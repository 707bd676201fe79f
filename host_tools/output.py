"""stdout is for data, stderr for talk; what came over the network is escaped before it is shown."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from host_tools.words import tr


def printable(text: str) -> str:
    """`text` on one line: no control characters, no escape sequences, no direction marks."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_line(value: Any) -> str:
    """One JSON object on one line, ASCII alone, so that no terminal and no pipe chokes on it."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def emit(value: Any) -> None:
    """One object of data, at once even when stdout is a pipe."""
    print(json_line(value), flush=True)


def say(text: str) -> None:
    """Talk, for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def report(message: str, hint: str | None = None, details: Sequence[str] = ()) -> None:
    """An error in this project's form: where, what and why, then what to type."""
    for line in details:
        say(line)
    say(tr("error: {message}", message=message))
    if hint:
        say(tr("hint: {hint}", hint=hint))
