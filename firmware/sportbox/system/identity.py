"""By which papers this boot goes: for `info`. Needed once, at the start."""

import sys

from micropython import const

from sportbox.core.certificate import serial
from sportbox.store import renewal

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.store.slots import State


def identity(root: str, secrets: "dict[str, Any]", state: "State | None") -> "dict[str, object]":
    """Serial number of the certificate below `root`, names of the keys, the renewal taken over last, the slot
    that runs and what is under way of an update. `state` is the record of the slots, if it tells of one."""
    try:
        with open(root + "/certs/device.der", "rb") as file:
            number: "str | None" = serial(file.read())
    except (OSError, ValueError):
        number = None
    taken = renewal.read(renewal.TAKEN)
    newest = None if taken is None else taken.get("id")
    update = None if state is None else state["update"]
    return {
        "cert": number,
        "keys": sorted(secrets["keys"]),
        "renewal": newest,
        "slot": sys.path[0][-1],
        "update": None if update is None else {"state": update["state"], "version": update["version"]},
    }
