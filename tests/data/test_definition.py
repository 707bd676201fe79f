"""The definition agrees with the protocol's document and with what the firmware can say."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from host_tools.data.events import EVENTS
from host_tools.data.fields import schema_of
from host_tools.data.messages import STATES, Info, NotDone, Refused, SafeInfo, Telemetry
from host_tools.data.schemas import schemas
from host_tools.data.topics import TOPICS
from host_tools.setup.paths import REPOSITORY
from tests.data.traffic import faults_of

PROTOCOL = (REPOSITORY / "docs" / "PROTOCOL.md").read_text()
ELSEWHERE = {
    "info",
    "clock",
    "main",
    "loop",
    "no progress",
    "unknown",
    "historical",
    "uptime",
    "availability",
}
"""Words in code style that are no fields or constants of what they are told of."""


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PROTOCOL, re.DOTALL | re.MULTILINE)
    return str(found)


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without heads and rules."""
    lines = [line.strip(" |") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    return [row for i, row in enumerate(cells) if not row[0].startswith("---") and not is_head(cells, i)]


def is_head(cells: list[list[str]], index: int) -> bool:
    return index + 1 < len(cells) and cells[index + 1][0].startswith("---")


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def literals(value: Any) -> set[str]:
    """All constants that a schema allows."""
    if isinstance(value, list):
        return set().union(*map(literals, value))
    if not isinstance(value, dict):
        return set()
    own = {str(each) for each in [*value.get("enum", []), value.get("const")] if isinstance(each, str)}
    return own.union(*map(literals, value.values()))


def fields(schema: dict[str, Any]) -> set[str]:
    return set(schema.get("properties", {}))


def test_the_topics() -> None:
    documented = {
        words(row[0])[0].replace("<component>/state", "state"): (int(row[1]), row[2].startswith("yes"))
        for row in rows(PROTOCOL.split("## States")[0])
    }
    ours = {"state" if "{n}" in topic.rest else topic.rest: (topic.qos, topic.retained) for topic in TOPICS}
    assert ours == documented


def event_rows() -> Iterator[tuple[str, str]]:
    for row in rows(section("Events")):
        for kind in words(row[0]):
            yield kind, row[1] if len(row) > 1 else ""


def test_the_event_types() -> None:
    documented = [kind for kind, _ in event_rows()]
    assert len(documented) == len(set(documented))
    assert set(documented) == set(EVENTS)


@pytest.mark.parametrize(("kind", "text"), list(event_rows()))
def test_the_data_of_an_event(kind: str, text: str) -> None:
    """Every field is told of, and every word in code style is a field or a value of one."""
    schema = schema_of(EVENTS[kind])
    told = set(words(text))
    if kind == "occupancy.changed":
        assert fields(schema) - {"alarm"} == fields(schema_of(STATES["court"])) - {"since"}
        return
    if "the latter" in text:
        told = told if kind == "release.cleared" else set()
    assert fields(schema) <= told, "not in docs/PROTOCOL.md"
    patterns = "|".join(re.findall(r"'pattern': '([^']+)'", str(schema)))
    left = {word for word in told - fields(schema) - literals(schema) if word not in patterns}
    assert left <= ELSEWHERE, "not in the definition"


def test_the_states() -> None:
    documented = {words(row[0])[0]: row for row in rows(section("States"))}
    assert set(documented) == {f"{kind}-N" for kind in STATES}
    for kind, model in STATES.items():
        row = documented[f"{kind}-N"]
        schema = schema_of(model)
        assert literals(schema["properties"]["state"]) == set(words(row[1]))
        extra = set(words(row[2])) if len(row) > 2 else set()
        assert fields(schema) - {"state", "since"} <= extra
        assert extra <= fields(schema) | literals(schema)


def test_the_reasons() -> None:
    orders = section("Orders")
    for result, model in (("rejected", Refused), ("failed", NotDone)):
        (table,) = re.findall(rf"^\| `{result}`, `reason` .*?\n\n", orders, re.DOTALL | re.MULTILINE)
        documented = {word for row in rows(table) for word in words(row[0])}
        assert literals(schema_of(model)["properties"]["reason"]) == documented


def test_info_and_telemetry() -> None:
    for title, model in (("info", Info), ("telemetry", Telemetry)):
        schema = schema_of(model)
        told = set(words(section(title)))
        assert fields(schema) <= told, title
        constants = literals(schema) | {"online", "sleeping: true", "state", "version"}
        assert told - fields(schema) - constants <= ELSEWHERE, title


def test_the_info_of_safe_mode() -> None:
    schema = schema_of(SafeInfo)
    (text,) = re.findall(r"`info`\nthen is (.*?)\n\n", section("Safe mode"), re.DOTALL)
    told = set(words(text))
    assert fields(schema) <= told
    assert told - fields(schema) - literals(schema) == {"starts", "state", "version"}


def said_by(path: Path) -> Iterator[str]:
    """Strings in a file that look like a type of event."""
    groups = {kind.split(".")[0] for kind in EVENTS}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            group, _, what = node.value.partition(".")
            if group in groups and re.fullmatch("[a-z_]+", what):
                yield node.value


def test_what_the_firmware_says() -> None:
    found = {kind for path in (REPOSITORY / "firmware").rglob("*.py") for kind in said_by(path)}
    composed = {"access.done", "access.failed"}  # "access." + result
    files = {"device.der", "device.key"}
    assert (found | composed) - files == set(EVENTS)


def test_the_schemas_are_schemas() -> None:
    found = schemas()
    registry: Registry[Any] = Registry().with_resources(
        [(each["$id"], Resource.from_contents(each)) for each in found.values()]
    )
    for each in found.values():
        Draft202012Validator.check_schema(each)
    event = Draft202012Validator(found["event"], registry=registry)
    assert event.is_valid(EVENT)
    assert not event.is_valid({**EVENT, "type": "sportbox.door.closed"})


EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "box-1-00c0ffee0001-7",
    "source": "/ground/box-1/gate-1",
    "type": "sportbox.gate.passed",
    "data": {"direction": "in", "count": None},
    "seq": 7,
    "uptime": 3,
    "bootid": "00c0ffee0001",
}


@pytest.mark.parametrize(
    "change",
    [
        {"new": 1},
        {"data": {"direction": "in", "count": 3, "new": 1}},
        {"data": {"direction": "in"}},
        {"data": {"direction": "up", "count": 3}},
        {"data": {"direction": "in", "count": 3.5}},
        {"type": "sportbox.gate.opened"},
        {"source": "/ground/box-1/door-1"},
        {"historical": False},
        {"time": None},
        {"time": "2026-05-01T18:00:00+02:00"},
        {"seq": 0},
    ],
)
def test_what_is_not_in_the_definition_is_noticed(change: dict[str, Any]) -> None:
    topic = "sportbox/v1/ground/box-1/event"
    assert faults_of(topic, json.dumps(EVENT).encode()) == []
    assert faults_of(topic, json.dumps({**EVENT, **change}).encode()) != []


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("availability", b"gone"),
        ("news", b"{}"),
        ("lock-1/state", b'{"state": "open", "since": null}'),
        ("lamp-1/state", b'{"state": "open", "since": null}'),
        ("lock-100/state", b'{"state": "locked", "since": null}'),
        ("ack", b'{"jti": "a", "result": "done", "reason": "power", "time": null}'),
        ("ack", b'{"jti": "a", "result": "rejected", "reason": "power", "time": null}'),
        ("info", b"[]"),
        ("event", b"no json"),
        ("log", b"hello"),
    ],
)
def test_other_messages(topic: str, payload: bytes) -> None:
    assert faults_of(f"sportbox/v1/ground/box-1/{topic}", payload) != []
