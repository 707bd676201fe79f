"""Data of events of the box: its doors, its locks, and who was let in or not."""

from typing import Literal

from host_tools.data.fields import Act, ClaimedJti, Count, Failed, Jti, Payload, Rejected, Seconds, Sub, Yes


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
