"""Every type of event with its data, and the CloudEvent around them.

`EVENTS` is the list: docs/PROTOCOL.md's table and the firmware are compared with it by a test.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, create_model

from host_tools.data.fields import (
    NAME,
    Act,
    BootId,
    ClaimedJti,
    Confidence,
    Count,
    Failed,
    Jti,
    Millivolts,
    NotUpdated,
    Occupancy,
    Payload,
    People,
    Rejected,
    Reset,
    Seconds,
    Sensor,
    Sub,
    Trust,
    Utc,
    Version,
    Yes,
)

PREFIX = "sportbox."


class Nothing(Payload):
    """No data."""


class DoorOpened(Payload):
    """The door was opened."""

    jti: Jti | None = None
    """of the order that opened it"""
    release: Yes | None = None
    """opened by the inside release"""
    while_off: Yes | None = None
    """it happened without power"""


class DoorClosed(Payload):
    """The door was closed."""

    open_s: Seconds | None = None
    while_off: Yes | None = None
    """it happened without power"""


class DoorAjar(Payload):
    """The door stands open for too long."""

    open_s: Seconds
    level: Literal["warning", "alarm"]


class DoorForced(Payload):
    """The door was opened without an order."""

    latch: Yes | None = None
    """it is closed, and its latch or bolt let go"""
    while_off: Yes | None = None
    """it happened without power"""
    alarm: Yes | None = None
    """it happened in alarm times"""


class DoorFault(Payload):
    """The door's contact is not believed any more."""

    what: Literal["contact", "expander"]


class LockUnlocked(Payload):
    """The lock is open."""

    jti: Jti | None = None
    at_boot: Yes | None = None
    """a motor lock that was found so after a start"""


class LockLocked(Payload):
    """The lock is locked."""

    inside: Yes | None = None
    """somebody may be behind a latch that fell by itself"""


class LockNotOpened(Payload):
    """Nobody opened the door in time."""

    jti: Jti


class LockJammed(Payload):
    """The bolt does not move."""

    jti: Jti | None = None
    way: Literal["unlock", "lock"]


class LockBlocked(Payload):
    """A motor lock does not lock."""

    why: Literal["inside", "release", "door"]


class LockFault(Payload):
    """The lock could not be driven, or its switches contradict each other."""

    jti: Jti | None = None
    what: Literal["coil", "expander", "contact"]


class ReleaseCleared(Payload):
    """The inside release was let go."""

    pressed_s: Seconds


class AccessAccepted(Payload):
    """An order was accepted."""

    jti: Jti
    sub: Sub
    act: Act


class AccessRejected(Payload):
    """An order, or a code at a keypad, was refused."""

    jti: ClaimedJti | None
    sub: Sub
    reason: Rejected


class AccessDone(Payload):
    """An order was carried out."""

    jti: Jti
    sub: Sub
    act: Act
    reason: None


class AccessFailed(Payload):
    """An accepted order could not be carried out."""

    jti: Jti
    sub: Sub
    act: Act
    reason: Failed


class KeypadLocked(Payload):
    """Too many wrong codes."""

    wrong: Count
    """codes in a row"""
    lock_s: Seconds
    """how long nothing is taken"""


class OccupancyChanged(Payload):
    """A court, or the room behind a door, has another state or count."""

    state: Occupancy
    count: People | None
    confidence: Confidence
    lost: Annotated[list[Sensor], Field(min_length=1)] | None = None
    """sensors out of order"""
    alarm: Yes | None = None
    """inside, in alarm times"""


class GatePassed(Payload):
    """Somebody went in or out."""

    direction: Literal["in", "out"]
    count: People | None
    """inside; null until it is known"""


class GateReset(Payload):
    """The count was set."""

    count: People
    was: People | None
    why: Literal["empty", "order"]


class GateFault(Payload):
    """A beam stays broken (`unknown`), or is clear again."""

    state: Occupancy


class DeviceBooted(Payload):
    """The board has started."""

    boot: Annotated[int, Field(ge=1)]
    reset: Reset
    firmware: str


class DeviceClock(Payload):
    """The trust in the board's clock has changed."""

    trust: Trust
    why: Annotated[str, StringConstraints(pattern="^(from (unknown|floor|rtc|ntp)|wall clock jumped|reset)$")]


class DeviceDropped(Payload):
    """Events that will not come."""

    count: Annotated[int, Field(ge=1)]
    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    ordinary_total: Count
    urgent_total: Count


class DeviceCrashed(Payload):
    """A task, a component or the program itself fell."""

    task: str
    error: Annotated[str, StringConstraints(max_length=120)]
    stack: Annotated[str, StringConstraints(max_length=600)] | None = None
    """its last 600 characters"""


class DeviceTamper(Payload):
    """The housing was opened or closed."""

    open: bool
    while_off: Yes | None = None
    """it happened without power"""
    alarm: Yes | None = None
    """opened, in alarm times"""


class DeviceBattery(Payload):
    """The battery's level has changed."""

    level: Literal["ok", "low", "critical", "unknown"]
    mv: Millivolts | None
    shed: Annotated[list[str], Field(max_length=40)]
    """what is off now, in the order in which it went"""


class DeviceFault(Payload):
    """Something of the board itself is out of order."""

    what: Literal["memory", "replay_log_unreadable", "replay_log_write", "rtc", "rtc_time"]


class DeviceRenewal(Payload):
    """What has become of new files that came over the air."""

    id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{12}$")]
    result: Literal["done", "failed"]
    reason: Literal["unreachable", "damaged", "flash"] | None


class DeviceSelftest(Payload):
    """How a board at work found itself, asked by an order."""

    jti: Jti
    passed: bool
    failed: Annotated[list[str], Field(max_length=40)]
    """checks (`heap`, `flash`, `space`, `clock`, `wifi`, `outbox`, `replay_log`) and components"""
    heap_free: Count
    flash_free: Count
    """bytes"""
    rssi: int | None
    """dBm"""
    clock: Trust
    queue: Count
    """events that wait"""


class Crash(Payload):
    """What fell, as in `device.crashed`."""

    task: str
    error: Annotated[str, StringConstraints(max_length=120)]
    stack: Annotated[str, StringConstraints(max_length=600)] | None = None
    boot: Count | None = None
    """the number of the boot in which it was; left out while it was not told yet"""
    time: Utc | None = None
    """when, if the board knew"""


class DeviceCrashReport(Payload):
    """The newest crash that a board knows of, asked by an order."""

    jti: Jti
    crash: Crash | None


class DeviceUpdate(Payload):
    """How far an update of the firmware has come, or that the board went back to its other firmware."""

    state: Literal["pulling", "waiting", "installing", "done", "failed"]
    version: Version | None
    """that of the order; null if the firmware was left because it did not keep running"""
    reason: Literal["door", "lend", "boot_loop"] | NotUpdated | None
    """of `waiting`: `door`, `lend` or `power`; of `failed`: why"""


EVENTS: dict[str, type[Payload]] = {
    "door.opened": DoorOpened,
    "door.closed": DoorClosed,
    "door.ajar": DoorAjar,
    "door.forced": DoorForced,
    "door.fault": DoorFault,
    "lock.unlocked": LockUnlocked,
    "lock.locked": LockLocked,
    "lock.not_opened": LockNotOpened,
    "lock.jammed": LockJammed,
    "lock.blocked": LockBlocked,
    "lock.fault": LockFault,
    "release.pressed": Nothing,
    "release.cleared": ReleaseCleared,
    "access.accepted": AccessAccepted,
    "access.rejected": AccessRejected,
    "access.done": AccessDone,
    "access.failed": AccessFailed,
    "keypad.locked": KeypadLocked,
    "occupancy.changed": OccupancyChanged,
    "gate.passed": GatePassed,
    "gate.reset": GateReset,
    "gate.fault": GateFault,
    "device.booted": DeviceBooted,
    "device.clock": DeviceClock,
    "device.dropped": DeviceDropped,
    "device.crashed": DeviceCrashed,
    "device.tamper": DeviceTamper,
    "device.battery": DeviceBattery,
    "device.fault": DeviceFault,
    "device.renewal": DeviceRenewal,
    "device.update": DeviceUpdate,
    "device.selftest": DeviceSelftest,
    "device.crash_report": DeviceCrashReport,
}
SOURCES = {  # the last part of `source`, where it is not the kind and a number
    "access": rf"({NAME}|access)",  # whatever component the token or code was for
    "occupancy": r"(court|inside)-[1-9][0-9]?",
    "device": "device",
}


class CloudEvent(Payload):
    """CloudEvents 1.0, JSON format. Extensions: `seq`, `uptime`, `bootid`, `historical`."""

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(pattern=f"^{NAME}-[0-9a-f]{{12}}-[1-9][0-9]*$")]
    """the same for ever: with `source` it tells duplicates"""
    source: str
    type: str
    time: Utc | None = None
    """when it happened; left out while the board's clock could not be trusted"""
    data: Payload
    seq: Annotated[int, Field(ge=1)]
    """counts the events of a device over all boots, without a gap"""
    uptime: Seconds
    """of this boot, with sleep"""
    bootid: BootId
    historical: Yes | None = None
    """it waited out an outage or an earlier boot"""


def source_pattern(kind: str) -> str:
    """Whose events of this type are: `/<site>/<device>/<component>`."""
    group = kind.split(".")[0]
    return f"^/{NAME}/{NAME}/{SOURCES.get(group, f'{group}-[1-9][0-9]?')}$"


def event_model(kind: str) -> type[Payload]:
    """The whole CloudEvent of a type such as `door.opened`."""
    data = EVENTS[kind]
    constant: Any = Literal[PREFIX + kind]
    return create_model(
        "".join(part.capitalize() for part in kind.replace("_", ".").split(".")) + "Event",
        __base__=CloudEvent,
        __doc__=data.__doc__ if data is not Nothing else kind,
        source=(Annotated[str, StringConstraints(pattern=source_pattern(kind))], ...),
        type=(constant, ...),
        data=(data, ...),
    )
