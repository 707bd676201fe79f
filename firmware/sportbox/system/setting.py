"""A changed part of the configuration, by order: `configure` with `set`, and `set_sealed` for what is secret.
Loaded when one comes (docs/adr/0023-configure.md).

It is checked here, against the same limits as in a site file (host_tools/site; a test compares them). What is
taken waits in the record of a renewal for the restart: then there is memory to put it into the files.
"""

import binascii
import hashlib
import json

from micropython import const

from sportbox.core.token import hmac_sha256
from sportbox.store import newfiles, record, renewal
from sportbox.system.log import LEVELS
from sportbox.system.orders import restart_soon

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.app import App
    from sportbox.core.lock import Order

_HEX = "0123456789abcdef"
_HOST = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"
_ASCII = "".join([chr(code) for code in range(32, 127)])
_ADDRESS = {"host": (1, 253, _HOST), "port": (1, 65535)}

# (least, most) of a whole number; (shortest, longest, of which characters) of a text; words; one of a list
LIMITS: "dict[str, Any]" = {
    "hash": (12, 12, _HEX),
    "telemetry_s": (1, 86400),
    "log_level": LEVELS,
    "broker": _ADDRESS,
    "ntp": _ADDRESS,
    "mqtt": {
        "keepalive_s": (5, 3600),
        "connect_ms": (500, 60000),
        "ack_ms": (500, 60000),
        "backoff_cap_ms": (100, 3600000),
        "window": (1, 32),
        "packet_max": (1024, 16384),
    },
    "outbox": {
        "ordinary_bytes": (8192, 1048576),
        "reserve_bytes": (8192, 262144),
        "batch_ms": (0, 60000),
    },
}
SEALED: "dict[str, Any]" = {
    "wifi": {"ssid": (1, 32, ""), "password": [(0, 0, ""), (8, 63, _ASCII), (64, 64, _HEX + "ABCDEF")]}
}


def refusal(app: "App", order: "Order", base: str = "") -> str:
    """Of an order that will be taken the `set` is what changes, by file."""
    change = _change(order)
    if change is None:
        return "malformed"
    if app.busy() or record.exists(base + renewal.READY):
        return "busy"
    if app.update is not None or app.box.slots is not None:
        return "busy"
    if app.receiver is not None and app.receiver.is_going():
        return "busy"
    order.args = {"set": change}
    return ""


def take(app: "App", order: "Order", base: str = "") -> None:
    """What becomes of it the boots to come will tell."""
    digest = binascii.hexlify(hashlib.sha256(order.jti.encode()).digest()).decode()
    state = newfiles.new("change", digest, order.jti)
    state["change"] = order.args["set"]
    order.args = {}  # the log of orders would keep it
    order.secret = b""
    try:
        renewal.clear(base)
        record.make_dir(base + renewal.NEXT)
        renewal.write(base + renewal.READY, state)
    except MemoryError:
        app.desk.final(order, "failed", "busy")  # later there may be enough
    except OSError:
        app.desk.final(order, "failed", "flash")
    else:
        restart_soon(app)


def _change(order: "Order") -> "dict[str, Any] | None":
    """By file, None if it is not what may be changed."""
    args = order.args
    parts, sealed = args.get("set", {}), {}
    if "set_sealed" in args:
        sealed = _open(order.secret, args["set_sealed"])
    if ("set" in args and not fits(parts, LIMITS)) or ("set_sealed" in args and not fits(sealed, SEALED)):
        return None
    change = {"/config.json": parts}
    if sealed:
        change["/secrets.json"] = sealed
    return change


def _open(secret: bytes, sealed: "Any") -> "Any":
    """What was sealed for this board; None for what was not."""
    from sportbox.system.receiving import unseal

    plain = unseal(hmac_sha256(secret, b"sportbox/seal/1"), sealed) if isinstance(sealed, str) else None
    try:
        return None if plain is None else json.loads(plain)
    except (ValueError, RuntimeError):  # RuntimeError: nested too deep
        return None


def fits(value: "Any", limits: "Any") -> bool:
    """Whether a value, or each of a group, is one that may be set."""
    if isinstance(limits, dict):
        if not isinstance(value, dict) or not value:
            return False
        return all([name in limits and fits(value[name], limits[name]) for name in value])
    if isinstance(limits, list):
        return any([fits(value, one) for one in limits])
    if limits is LEVELS:
        return value in LEVELS
    if len(limits) == 2:
        return type(value) is int and limits[0] <= value <= limits[1]
    if not isinstance(value, str) or not limits[0] <= len(value) <= limits[1]:
        return False
    return not limits[2] or all([char in limits[2] for char in value])
