"""YAML with the place of everything, read as plain data: no anchors, tags, merges or surprises.

The events of libyaml are put together here, because its own composer recurses in C without a bound.
Plain words are read as YAML 1.2 does: `no` is a text and `010` is ten, so names stay what they look like.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from host_tools.errors import BadInput
from host_tools.words import tr
from host_tools.words.system import reason

FILE_MAX_BYTES = 1_048_576
DEPTH_MAX = 16
NODES_MAX = 200_000
PIPES_OF_A_SHELL = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))
"""Somebody writes to a pipe there: /dev/stdin, `<(...)`. At any other one we might wait for ever."""

Loc = tuple[str | int, ...]
_Parser: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Mark:
    line: int
    column: int


@dataclass
class Document:
    """The data of a file, and where each key and each value of it stands."""

    data: Any
    keys: dict[Loc, Mark] = field(default_factory=dict)
    values: dict[Loc, Mark] = field(default_factory=dict)

    def mark(self, loc: Loc, at_key: bool = False) -> Mark:
        """The place of `loc`, or of the nearest thing around it that the file has."""
        if loc in self.values and not at_key and loc not in self.keys:
            return self.values[loc]
        for length in range(len(loc), 0, -1):
            part = loc[:length]
            if part in self.keys or part in self.values:
                exact = length == len(loc) and not at_key
                value = self.values.get(part)
                key = self.keys.get(part)
                # a value that begins below its key (a mapping, a list) is best shown at the key
                if exact and value is not None and (key is None or value.line == key.line):
                    return value
                return key or value or Mark(1, 1)
        return Mark(1, 1)


class YamlError(Exception):
    def __init__(self, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.message = message
        self.mark = mark


def read(path: Path) -> bytes:
    """The bytes of a file of bounded size; BadInput if there is none."""
    if path.is_fifo() and path.parent not in PIPES_OF_A_SHELL:
        raise BadInput(
            tr("{path} is a pipe, not a site file", path=path),
            tr("write what comes out of it into a file, and name that"),
        )
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInput(
            tr("there is no file {file}", file=path), tr("the sample sites are in sites/")
        ) from error
    except IsADirectoryError as error:
        raise BadInput(
            tr("{path} is a directory, not a site file", path=path),
            tr("name the file in it: sportbox site check SITE.yaml"),
        ) from error
    except OSError as error:
        raise BadInput(tr("cannot read {file}: {why}", file=path, why=reason(error))) from error
    if len(content) > FILE_MAX_BYTES:
        raise BadInput(
            tr("{path} is larger than {limit} bytes", path=path, limit=FILE_MAX_BYTES),
            tr("is it a site file? docs/site-file.md shows one"),
        )
    return content


def parse(content: bytes) -> Document:
    """One YAML document; YamlError says what is wrong and where."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise YamlError("not UTF-8 text: save the file as UTF-8", Mark(line, column)) from error
    document = Document(None)
    try:
        builder = _Builder(document, yaml.parse(text, Loader=_Parser))
        builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        raise YamlError(f"not YAML: {_problem(error, text, place)}", place) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError("not YAML: a control character", Mark(line, 1)) from error
    except yaml.YAMLError as error:
        raise YamlError(f"not YAML: {str(error).splitlines()[0]}", Mark(1, 1)) from error
    return document


def _problem(error: yaml.MarkedYAMLError, text: str, place: Mark) -> str:
    problem = error.problem or "syntax error"
    if "nesting depth" in problem:  # libyaml has a bound of its own
        return f"nested deeper than {DEPTH_MAX} levels"
    lines = text.splitlines()
    if place.line <= len(lines) and lines[place.line - 1][place.column - 1 : place.column] == "\t":
        return "a tab: indent with spaces"
    return f"{problem} {error.context}" if error.context else problem


def _place(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


class _Builder:
    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self._document = document
        self._events = events
        self._nodes = 0

    def document(self) -> None:
        event = next(self._events)
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise YamlError("the file is empty", Mark(1, 1))
        self._document.data = self._value(event, ())
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise YamlError("only one document a file: a second one begins here", _place(event))

    def _value(self, event: Any, loc: Loc) -> Any:
        mark = _place(event)
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise YamlError(f"more than {NODES_MAX} values", mark)
        if isinstance(event, yaml.AliasEvent):
            raise YamlError("aliases (`*name`) are not allowed: write the value out", mark)
        if event.anchor is not None:
            raise YamlError("anchors (`&name`) are not allowed: write the value out", mark)
        if event.tag is not None and event.tag != "!":
            raise YamlError("tags (`!name`) are not allowed", mark)
        if len(loc) >= DEPTH_MAX:
            raise YamlError(f"nested deeper than {DEPTH_MAX} levels", mark)
        self._document.values[loc] = mark
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and not event.style
            return scalar(event.value) if plain else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(loc)
        return self._mapping(loc)

    def _sequence(self, loc: Loc) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*loc, len(found))))
        return found

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            mark = _place(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise YamlError("the name of a field must be a word", mark)
            if event.anchor is not None or event.tag not in (None, "!"):
                raise YamlError("anchors and tags are not allowed", mark)
            name = str(event.value)
            if name in found:
                first = self._document.keys[(*loc, name)].line
                raise YamlError(f"`{_printable(name)}` is here a second time (first in line {first})", mark)
            self._document.keys[(*loc, name)] = mark
            found[name] = self._value(next(self._events), (*loc, name))
        return found


def _printable(text: str) -> str:
    return repr(text[:64])[1:-1]


def scalar(text: str) -> Any:
    """A plain word as YAML 1.2's core schema reads it."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
