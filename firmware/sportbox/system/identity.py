"""By which papers this boot goes: for `info`. Needed once, at the start."""

from micropython import const

from sportbox.core.certificate import serial
from sportbox.store import renewal

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any


def identity(root: str, secrets: "dict[str, Any]") -> "dict[str, object]":
    """Serial number of the certificate below `root`, names of the keys, the renewal taken over last."""
    try:
        with open(root + "/certs/device.der", "rb") as file:
            number: "str | None" = serial(file.read())
    except (OSError, ValueError):
        number = None
    taken = renewal.read(renewal.TAKEN)
    newest = None if taken is None else taken.get("id")
    return {"cert": number, "keys": sorted(secrets["keys"]), "renewal": newest}
