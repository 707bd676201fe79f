"""What docs/PROTOCOL.md and DESIGN.md 4 promise for each topic, written down again to hold boards to it."""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.faults.helpers_listen import Message

Json = dict[str, Any]
Test = Callable[[Any], bool]


def text(pattern: str) -> Test:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def one_of(*values: Any) -> Test:
    return lambda value: any(value is v or (value == v and type(value) is type(v)) for v in values)


def whole(least: int = 0) -> Test:
    return lambda value: type(value) is int and value >= least


def nothing_or(test: Test) -> Test:
    return lambda value: value is None or test(value)


TIME = text(r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ")
JTI = text(r"[ -~]{1,64}")
SUBJECT = text(r"[ -~]{0,64}")
BOOTID = text(r"[0-9a-f]{12}")
SHARE = lambda value: type(value) in (int, float) and 0 <= value <= 1  # noqa: E731
VERSION = text(r"\d+\.\d+\.\d+")
REJECTED = one_of(
    *["signature", "key", "role", "audience", "not_yet", "expired", "lifetime", "replayed", "clock"],
    *["malformed", "too_large", "retained", "busy", "closed"],
)
FAILED = one_of("not_opened", "jammed", "contact", "power")
RESET = one_of("power_on", "brownout", "hard", "watchdog", "deepsleep", "soft", "unknown")
TRUE = one_of(True)
OCCUPANCY: dict[str, Test] = {
    "state": one_of("free", "occupied", "unknown"),
    "count": nothing_or(whole()),
    "confidence": SHARE,
}

INFO: dict[str, Test] = {
    "device": text(r"[a-z0-9-]{1,32}"),
    "board": text(r"[a-z0-9-]{1,32}"),
    "firmware": VERSION,
    "micropython": VERSION,
    "mac": text(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}"),
    "boot": whole(1),
    "bootid": BOOTID,
    "reset": RESET,
    "config": text(r"[0-9a-f]{12}"),
    "clock": one_of("unknown", "floor", "rtc", "ntp"),
    "nonce": text(r"[0-9a-f]{16,}"),
    "replay_log": one_of("ok", "unreadable"),
    "cert": nothing_or(text(r"[0-9a-f]{1,40}")),
    "keys": lambda value: isinstance(value, list) and all(map(text(r"[a-z]+-\d+(-\d+)?"), value)),
    "renewal": nothing_or(text(r"[0-9a-f]{12}")),
    "slot": one_of("a", "b"),
    "update": nothing_or(lambda value: set(value) == {"state", "version"}),
}
STATES: dict[str, dict[str, Test]] = {
    "lock": {
        "state": one_of(*["locked", "unlocking", "unlocked", "locking", "jammed", "fault"]),
        "since": nothing_or(TIME),
    },
    "door": {"state": one_of(*["closed", "open", "ajar", "forced", "unknown"]), "since": nothing_or(TIME)},
    "release": {"state": one_of("clear", "pressed", "unknown"), "since": nothing_or(TIME)},
    "inside": {**OCCUPANCY, "since": nothing_or(TIME)},
    "tamper": {"state": one_of("closed", "open", "unknown"), "since": nothing_or(TIME)},
    "keypad": {"state": one_of("ready", "locked", "no_clock"), "since": nothing_or(TIME)},
    "court": {**OCCUPANCY, "since": nothing_or(TIME)},
    "gate": {**OCCUPANCY, "since": nothing_or(TIME)},
}
TELEMETRY: dict[str, Test] = {
    "reset": RESET,
    "temperature": nothing_or(lambda value: type(value) is int),
    "heap_free": whole(1),
    "rssi": nothing_or(lambda value: type(value) is int and value < 0),
    "uptime": whole(),
    "battery": nothing_or(whole()),
    "queue": whole(),
    "loop_stall_ms": whole(),
    "accepted": whole(),
    "delivered": whole(),
    "dropped": whole(),
    "connects": whole(1),
    "retries": whole(),
}
ACK: dict[str, Test] = {
    "jti": nothing_or(JTI),
    "result": one_of("accepted", "rejected", "done", "failed"),
    "reason": nothing_or(text("[a-z_]+")),
    "time": nothing_or(TIME),
}
ACCESS: dict[str, Test] = {"jti": JTI, "sub": SUBJECT, "act": text("[a-z]+")}
EVENT: dict[str, Test] = {
    "specversion": one_of("1.0"),
    "id": text(r"[a-z0-9-]+-[0-9a-f]{12}-[1-9]\d*"),
    "source": text(r"/[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+"),
    "type": text(r"sportbox\.[a-z]+\.[a-z_]+"),
    "data": lambda value: isinstance(value, dict),
    "seq": whole(1),
    "uptime": whole(),
    "bootid": BOOTID,
}
DATA: dict[str, tuple[dict[str, Test], dict[str, Test]]] = {
    # type: (what must be there, what may be)
    "door.opened": ({}, {"jti": JTI, "release": TRUE, "while_off": TRUE}),
    "door.closed": ({}, {"open_s": whole(), "while_off": TRUE}),
    "door.ajar": ({"open_s": whole(), "level": one_of("warning", "alarm")}, {}),
    "door.forced": ({}, {"latch": TRUE, "while_off": TRUE}),
    "door.fault": ({"what": one_of("contact", "expander")}, {}),
    "lock.unlocked": ({}, {"jti": JTI, "at_boot": TRUE}),
    "lock.not_opened": ({"jti": JTI}, {}),
    "lock.locked": ({}, {"inside": TRUE}),
    "lock.jammed": ({"way": one_of("unlock", "lock")}, {"jti": JTI}),
    "lock.blocked": ({"why": one_of("inside", "release", "door")}, {}),
    "lock.fault": ({"what": one_of("coil", "expander", "contact")}, {"jti": JTI}),
    "release.pressed": ({}, {}),
    "release.cleared": ({"pressed_s": whole()}, {}),
    "access.accepted": (ACCESS, {}),
    "access.rejected": ({"jti": nothing_or(JTI), "sub": SUBJECT, "reason": REJECTED}, {}),
    "access.done": ({**ACCESS, "reason": one_of(None)}, {}),
    "access.failed": ({**ACCESS, "reason": FAILED}, {}),
    "occupancy.changed": (OCCUPANCY, {}),
    "gate.passed": ({"direction": one_of("in", "out"), "count": nothing_or(whole())}, {}),
    "device.fault": ({"what": one_of("memory", "replay_log_unreadable", "rtc", "rtc_time")}, {}),
    "gate.reset": (
        {"count": nothing_or(whole()), "was": nothing_or(whole()), "why": one_of("empty", "order")},
        {},
    ),
    "gate.fault": ({"state": one_of("free", "occupied", "unknown")}, {}),
    "keypad.locked": ({"wrong": whole(1), "lock_s": whole(1)}, {}),
    "device.battery": (
        {
            "level": one_of("ok", "low", "critical", "unknown"),
            "mv": nothing_or(whole()),
            "shed": lambda value: isinstance(value, list),
        },
        {},
    ),
    "device.tamper": ({"open": one_of(True, False)}, {"while_off": TRUE}),
    "device.booted": ({"boot": whole(1), "reset": RESET, "firmware": VERSION}, {}),
    "device.clock": ({"trust": INFO["clock"], "why": text(".+")}, {}),
}
QOS = {"telemetry": 0, "log": 0}
"""Everything else goes out at QoS 1."""


def check_fields(what: str, value: Any, must: dict[str, Test], may: dict[str, Test] | None = None) -> None:
    assert isinstance(value, dict), f"{what} is no JSON object: {value!r}"
    allowed = {**must, **(may or {})}
    missing, extra = must.keys() - value.keys(), value.keys() - allowed.keys()
    assert not missing and not extra, f"{what} lacks {sorted(missing)}, has besides {sorted(extra)}: {value}"
    wrong = {name: value[name] for name in value if not allowed[name](value[name])}
    assert not wrong, f"{what} has wrong values: {wrong}"


def check_event(event: Json, site: str, device: str, components: set[str]) -> None:
    check_fields("event", event, EVENT, {"time": TIME, "historical": TRUE})
    assert event["id"] == f"{device}-{event['bootid']}-{event['seq']}", event
    _, its_site, its_device, component = event["source"].split("/")
    assert (its_site, its_device) == (site, device), event
    assert component in components | {"device", "access"}, event
    kind = event["type"].removeprefix("sportbox.")
    assert kind in DATA, f"an event of an unknown type: {event}"
    check_fields(kind, event["data"], *DATA[kind])


def check_message(message: Message, site: str, components: dict[str, set[str]]) -> str:
    """One message of a site whose boards have these components; returns its topic below `sportbox/v1/`."""
    base, _, below = message.topic.partition(f"sportbox/v1/{site}/")
    device, _, rest = below.partition("/")
    assert base == "" and device in components, f"a topic of nobody: {message.topic}"
    wanted_qos = QOS.get(rest, 1)
    assert message.qos == wanted_qos, f"{message.topic} at QoS {message.qos}"
    kind = rest.partition("-")[0]
    if rest == "availability":
        assert message.payload in (b"online", b"offline"), message
    elif rest == "log":
        assert re.fullmatch(r"\d+\.\d{3} (info|warning|error) [ -~]+", message.payload.decode()), message
    elif rest == "info":
        check_fields(rest, message.content, INFO)
        assert message.content["device"] == device, message
    elif rest == "telemetry":
        figures = message.content
        others = {name: nothing_or(whole()) for name in figures if name not in TELEMETRY}
        check_fields(rest, figures, {**TELEMETRY, **others})
    elif rest == "ack":
        check_fields(rest, message.content, ACK)
        result, reason = message.content["result"], message.content["reason"]
        allowed = {"rejected": REJECTED, "failed": FAILED}.get(result, one_of(None))
        assert allowed(reason), message
    elif rest == "event":
        check_event(message.content, site, device, components[device])
    elif rest.endswith("/state"):
        component = rest.removesuffix("/state")
        assert component in components[device], message
        check_fields(f"state of {component}", message.content, STATES[kind])
    else:
        raise AssertionError(f"a topic that DESIGN.md does not have: {message.topic}")
    if message.payload[:1] == b"{":
        names = [name for name, _ in json.loads(message.payload, object_pairs_hook=list)]
        assert len(names) == len(set(names)), f"a name twice in {message.payload!r}"
    return f"{device}/{rest}"
