"""Orders that ask a board at work how it is: `selftest` and `crash`. Loaded when one comes.

What they find is an event with the `jti` of the order. Nothing moves, and nobody has to wait: more, with a
technician at its place, finds `sportbox selftest` (the package sportbox.selftest).
"""

import os

from micropython import const

from sportbox.store import record
from sportbox.system.health import heap_free

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.core.lock import Order

    Data = dict[str, object]

_DATA = "/data"
_CRASH = "/data/crash"
_HEAP_LEAST = const(6144)
_PIECE = const(1024)  # in one: what a pulse takes, and a file that is opened
_FLASH_LEAST = const(32768)
_RSSI_LEAST_DBM = const(-85)
_ILL = ("fault", "jammed", "unknown")


def refusal(app: "App", order: "Order") -> str:
    return "malformed" if order.args else ""


def take(app: "App", order: "Order") -> None:
    data: "Data" = {"jti": order.jti}
    reason = None
    try:
        if order.act == "crash":
            from sportbox.system import crash

            data["crash"] = crash.newest(_CRASH)
            app.event("device", "device.crash_report", data)
        else:
            failed = examine(app, data)
            data["passed"], data["failed"] = not failed, failed
            app.event("device", "device.selftest", data)
            reason = "selftest" if failed else None
    except MemoryError:
        reason = "busy"  # later there may be enough
    app.desk.final(order, "failed" if reason else "done", reason)


def examine(app: "App", figures: "Data", folder: str = _DATA) -> "list[str]":
    """What is out of order: names of checks and of components. What was measured goes to `figures`."""
    outbox, replay = app.box.outbox, app.box.replay
    free = heap_free()
    space = _space(folder)
    rssi = app.box.wifi.rssi_dbm()
    figures["heap_free"] = free
    figures["flash_free"] = space
    figures["rssi"] = rssi
    figures["clock"] = app.clock.trust
    figures["queue"] = outbox.queue_events()
    checks = (
        ("heap", free >= _HEAP_LEAST and _has_piece()),
        ("flash", _can_write(folder)),
        ("space", space >= _FLASH_LEAST),
        ("clock", app.clock.trusted()),
        ("wifi", rssi is None or rssi >= _RSSI_LEAST_DBM),
        ("outbox", not outbox.write_errors),
        ("replay_log", replay.readable and not replay.torn),
    )
    failed = [name for name, is_well in checks if not is_well]
    for part in app.parts:
        gate = getattr(part, "gate", None)  # does not know how many are inside until it was empty once
        for name, _, state in part.states():
            if state.get("state") in _ILL and (gate is None or gate.lost):
                failed.append(name)
    return failed + app.idle


def _has_piece() -> bool:
    try:
        bytearray(_PIECE)
    except MemoryError:
        return False
    return True


def _space(folder: str) -> int:
    """Bytes of the flash that are free, 0 if it does not tell."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 0
    return int(facts[0] * facts[3])


def _can_write(folder: str) -> bool:
    path = folder + "/tried"
    sample = os.urandom(64)
    try:
        record.write(path, sample)
        is_same = record.read(path) == sample
        os.remove(path)
    except (OSError, record.Corrupt):
        return False
    return is_same
