"""Which of the two slots of firmware runs, and how far an update has come: one record, `/slots`.

    slot    "a" or "b": runs when nothing is on trial
    spare   True: the other one is whole and was proven once, so there is a way back
    fell    "" or the slot that was left because of a boot loop; the firmware tells it once
    update  None, or what is under way: "jti", "sha256", "size", "version", "down" (may go back to an older
            version), "state", "boots" (of the trial so far), "reason"

States of an update: `pull` (its bundle comes), `ready` (it is whole; the loader installs it), `trial`, then
`done` or `failed`, and gone once that was told. Every step is one write of the record, so a power cut leaves
the step before or the step after. Both the loader and the firmware have this module. `base` is the folder
that stands for `/` in tests.
"""

import json
import os

from micropython import const

from sportbox.store import record

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    State = dict[str, Any]

PATH = "/slots"
FOLDER = "/update"
BUNDLE = "/update/bundle"
MARK = "/sportbox/__init__.mpy"  # below a slot: written last


def read(base: str = "") -> "State":
    """The record; for one that is missing or cannot be believed, what the slots themselves tell. Then each is
    the other's way back if both are whole: which one was proven is not known."""
    try:
        stored = record.read(base + PATH)
        state = None if stored is None else json.loads(stored)
    except (record.Corrupt, ValueError):
        state = None
    if isinstance(state, dict) and state.get("slot") in ("a", "b"):
        return {
            "slot": state["slot"],
            "spare": state.get("spare") is True,
            "fell": state.get("fell") or "",
            "update": state.get("update"),
        }
    whole = [slot for slot in ("a", "b") if record.exists(base + "/" + slot + MARK)]
    return {"slot": whole[0] if whole else "a", "spare": len(whole) == 2, "fell": "", "update": None}


def write(state: "State", base: str = "") -> None:
    """Raises OSError."""
    record.write(base + PATH, json.dumps(state).encode())


def other(slot: str) -> str:
    return "b" if slot == "a" else "a"


def running(state: "State") -> str:
    """The slot of this boot."""
    update = state["update"]
    if update is not None and update["state"] == "trial":
        return other(state["slot"])
    return str(state["slot"])


def clear(base: str = "") -> None:
    """Removes what was received. Raises OSError."""
    for remove, path in ((os.remove, BUNDLE), (os.rmdir, FOLDER)):
        try:
            remove(base + path)
        except OSError as error:
            if error.errno != 2:  # ENOENT
                raise
