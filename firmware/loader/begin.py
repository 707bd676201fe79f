"""What main.py asks at every start: which slot is to run. And what becomes of a firmware that fell before it
could look after itself."""

import asyncio
import gc
import sys

import machine
from micropython import const
from sportbox.store import slots

_PAUSE_S = const(5)  # before a restart: time to read the console, and no storm of restarts


def begin() -> "str | None":
    """The folder of the slot, None if nothing is to run."""
    slot = "/" + slots.running(slots.read())
    forget()
    return slot


def forget() -> None:
    """What is loaded of the loader, and of the slot: the next import looks again."""
    for name in list(sys.modules):
        if name.startswith(("sportbox", "umqtt")) or name == "begin":
            del sys.modules[name]
    gc.collect()


def fallen(error: Exception) -> None:
    """The slot's firmware could not begin. What is missing or wrong stays so: the sign of a board that is not
    provisioned. Flash that cannot be read may pass: a restart."""
    forget()
    if isinstance(error, OSError):
        print("sportbox: cannot start:", error)
        asyncio.run(asyncio.sleep(_PAUSE_S))
        machine.reset()
    if type(error).__name__ != "NotProvisioned":
        sys.print_exception(error)
    from service import sign

    asyncio.run(sign(error))
