"""Data of events of a board itself."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from host_tools.data.fields import (
    Count,
    Jti,
    Millivolts,
    NotUpdated,
    Payload,
    Reset,
    Trust,
    Utc,
    Version,
    Yes,
)


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
