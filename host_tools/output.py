"""stdout is for data, stderr for talk; what came over the network is escaped before it is shown."""

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

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
    _write(sys.stdout, json_line(value))


def say(text: str) -> None:
    """Talk, for the person at the terminal."""
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    """In one piece: `print` writes the end of the line by itself, and several boards are told of at once."""
    stream.write(text + "\n")
    stream.flush()


def report(message: str, hint: str | None = None, details: Sequence[str] = ()) -> None:
    """An error in this project's form: where, what and why, then what to type."""
    for line in details:
        say(line)
    say(tr("error: {message}", message=message))
    if hint:
        say(tr("hint: {hint}", hint=hint))
