"""Every other payload: states by kind of component, who a board is, figures, orders and their answers."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel, StringConstraints

from host_tools.data.fields import (
    Act,
    BootId,
    ClaimedJti,
    Confidence,
    Count,
    DeviceName,
    Failed,
    Millivolts,
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
)


class State(Payload):
    """The newest state of a component."""

    since: Utc | None
    """null while the board's clock cannot be trusted"""


class LockState(State):
    state: Literal["locked", "unlocking", "unlocked", "locking", "jammed", "fault"]


class DoorState(State):
    state: Literal["closed", "open", "ajar", "forced", "unknown"]


class ReleaseState(State):
    state: Literal["clear", "pressed", "unknown"]


class InsideState(State):
    state: Occupancy
    count: Literal[0] | None
    """a motion sensor knows of nobody or of somebody"""
    confidence: Confidence


class TamperState(State):
    state: Literal["closed", "open", "unknown"]


class CourtState(State):
    state: Occupancy
    count: People | None
    """null where nothing counts, or the sensors contradict it"""
    confidence: Confidence
    lost: Annotated[list[Sensor], Field(min_length=1)] | None = None
    """sensors out of order"""


class GateState(State):
    state: Occupancy
    count: People | None
    """inside; null until it is known"""
    confidence: Confidence


class KeypadState(State):
    state: Literal["ready", "locked", "no_clock"]


STATES: dict[str, type[State]] = {
    "lock": LockState,
    "door": DoorState,
    "release": ReleaseState,
    "inside": InsideState,
    "tamper": TamperState,
    "court": CourtState,
    "gate": GateState,
    "keypad": KeypadState,
}


Mac = Annotated[str, StringConstraints(pattern="^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")]
Nonce = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
KeyNames = Annotated[list[str], Field(max_length=16)]


class UpdateInfo(Payload):
    """An update that is under way."""

    state: Literal["pull", "ready", "trial", "done", "failed"]
    version: Version


class Info(Payload):
    """Who the board is."""

    device: DeviceName
    board: str
    firmware: str
    micropython: str
    mac: Mac
    boot: Annotated[int, Field(ge=1)]
    bootid: BootId
    reset: Reset
    config: str
    """hash of the configuration"""
    clock: Trust
    nonce: Nonce
    """of this boot; for orders while the clock is not trusted"""
    replay_log: Literal["ok", "unreadable"]
    cert: Annotated[str, StringConstraints(pattern="^[0-9a-f]{1,40}$")] | None
    """serial number of the board's certificate; null without one"""
    keys: KeyNames
    """the `kid`s that it knows"""
    renewal: Annotated[str, StringConstraints(pattern="^[0-9a-f]{12}$")] | None
    """the beginning of the id of the newest renewal that was taken over"""
    slot: Literal["a", "b"]
    """of the firmware that runs"""
    update: UpdateInfo | None
    """null if none is under way"""
    wakes: Count | None = None
    """boards that sleep: since the boot"""
    sleeping: bool | None = None
    """boards that sleep"""
    sleep_s: Seconds | None = None
    """the longest until it reports again"""
    wake_by: Utc | None = None
    """that as a time; null while its clock cannot be trusted"""


class SafeInfo(Payload):
    """Who the board is while it is in safe mode."""

    device: DeviceName
    board: str
    firmware: Literal["safe"]
    loader: str
    """the loader's version"""
    why: str
    micropython: str
    mac: Mac
    bootid: BootId
    clock: Literal["unknown"]
    nonce: Nonce
    """of this start; every order must carry it"""
    keys: KeyNames
    slot: Literal["a", "b"]
    update: UpdateInfo | None


class Telemetry(Payload):
    """Figures, in the units of their names."""

    uptime: Seconds
    """with sleep"""
    heap_free: Count
    """bytes"""
    rssi: Annotated[int, Field(ge=-128, le=20, description="dBm")] | None
    battery: Millivolts | None
    solar: Millivolts | None = None
    temperature: Annotated[float, Field(description="of the chip, degrees Celsius")] | None
    boot: Count
    reset: Reset
    queue: Count
    """events that wait"""
    queue_bytes: Count
    accepted: Count
    delivered: Count
    dropped: Count
    loop_stall_ms: Count
    """longest since the last telemetry"""
    loop_stall_max_ms: Count
    connects: Count
    connect_failures: Count
    retries: Count
    """messages sent again"""
    stray_pubacks: Count
    orders: Count
    refusals: Count
    refusals_unreported: Count
    answers_lost: Count
    memory_short: Count
    """how often telemetry, TLS or a piece of an update had to wait for memory"""
    flash_errors: Count
    flash_bytes: Count
    flash_files: Count
    task_restarts: Count
    time_refused: Count


class Answer(Payload):
    """To an order; the same one can come twice."""

    jti: ClaimedJti | None
    """null if none could be read"""
    time: Utc | None
    """null while the board's clock cannot be trusted"""


class Accepted(Answer):
    result: Literal["accepted"]
    reason: None


class Refused(Answer):
    result: Literal["rejected"]
    reason: Rejected


class Done(Answer):
    result: Literal["done"]
    reason: None


class NotDone(Answer):
    result: Literal["failed"]
    reason: Failed


class Ack(RootModel[Accepted | Refused | Done | NotDone]):
    """First `accepted` or `rejected`; after `accepted` exactly one `done` or `failed`."""


class Claims(Payload):
    """What a token says, times in whole Unix seconds. A board ignores other claims."""

    model_config = ConfigDict(extra="allow")

    aud: str | Annotated[list[str], Field(min_length=1, max_length=1)]
    """`<site>/<device>`"""
    jti: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """never used before"""
    iat: int | None = None
    nbf: int | None = None
    exp: int
    """at most 24 h after `nbf`, or `iat` where there is no `nbf`"""
    act: Act
    cmp: str | None = None
    """the lock, for `unlock` and `lock`; the gate, for `configure` of its count"""
    sub: Sub | None = None
    args: dict[str, Any] | None = None
    nonce: str | None = None
    """that of `info`"""
    iss: str | None = None


class PieceWanted(Payload):
    """The next piece of a bundle that the board asks for."""

    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
    """the first 16 digits of the bundle's"""
    at: Annotated[int, Field(ge=0, le=98_304)]
    """where it begins"""
    bytes: Annotated[int, Field(ge=1, le=1_024)]


class Piece(RootModel[Annotated[str, StringConstraints(min_length=13, max_length=1_036)]]):
    """Bytes: the first 8 of the bundle's SHA-256, where the piece begins as a little-endian number of 32
    bits, then the piece."""


class Availability(RootModel[Literal["online", "offline", "sleeping"]]):
    """Plain text; `offline` is the last will, `sleeping` the last word of a board on battery."""


class Token(
    RootModel[
        Annotated[
            str,
            StringConstraints(max_length=1_536, pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"),
        ]
    ]
):
    """A JWS in compact form, HS256, header `kid` = `booking-1` or `ops-1`; its claims: `Claims`."""


class LogLine(
    RootModel[
        Annotated[
            str,
            StringConstraints(
                max_length=1_000, pattern="^([0-9]+[.][0-9]{3} (info|warning|error) |#[0-9]+ )"
            ),
        ]
    ]
):
    """Plain text: uptime in seconds, level, what happened. Of the log on flash, when an order asks for it:
    `#` and a number from 0, then boot, uptime, level, what happened; after the last `#`, how many, `end`."""
