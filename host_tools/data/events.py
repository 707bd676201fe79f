"""Every type of event with its data (events_box.py, events_occupancy.py, events_device.py), and the
CloudEvent around them.

`EVENTS` is the list: docs/PROTOCOL.md's table and the firmware are compared with it by a test.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, create_model

from host_tools.data import events_box as box
from host_tools.data import events_device as device
from host_tools.data import events_occupancy as occupancy
from host_tools.data.fields import NAME, BootId, Payload, Seconds, Utc, Yes

PREFIX = "sportbox."


class Nothing(Payload):
    """No data."""


EVENTS: dict[str, type[Payload]] = {
    "door.opened": box.DoorOpened,
    "door.closed": box.DoorClosed,
    "door.ajar": box.DoorAjar,
    "door.forced": box.DoorForced,
    "door.fault": box.DoorFault,
    "lock.unlocked": box.LockUnlocked,
    "lock.locked": box.LockLocked,
    "lock.not_opened": box.LockNotOpened,
    "lock.jammed": box.LockJammed,
    "lock.blocked": box.LockBlocked,
    "lock.fault": box.LockFault,
    "release.pressed": Nothing,
    "release.cleared": box.ReleaseCleared,
    "access.accepted": box.AccessAccepted,
    "access.rejected": box.AccessRejected,
    "access.done": box.AccessDone,
    "access.failed": box.AccessFailed,
    "keypad.locked": box.KeypadLocked,
    "occupancy.changed": occupancy.OccupancyChanged,
    "gate.passed": occupancy.GatePassed,
    "gate.reset": occupancy.GateReset,
    "gate.fault": occupancy.GateFault,
    "device.booted": device.DeviceBooted,
    "device.clock": device.DeviceClock,
    "device.dropped": device.DeviceDropped,
    "device.crashed": device.DeviceCrashed,
    "device.tamper": device.DeviceTamper,
    "device.battery": device.DeviceBattery,
    "device.fault": device.DeviceFault,
    "device.renewal": device.DeviceRenewal,
    "device.update": device.DeviceUpdate,
    "device.selftest": device.DeviceSelftest,
    "device.crash_report": device.DeviceCrashReport,
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
