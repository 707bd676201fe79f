"""What becomes of a firmware that fell before it could look after itself (docs/adr/0021-two-slots.md).

Nothing of the slot is trusted any more: the loader's own modules are loaded anew. `base` is the folder that
stands for `/` in tests."""

import asyncio
import gc
import io
import sys

import machine
from micropython import const

_PAUSE_S = const(5)  # before a restart: time to read the console, and no storm of restarts
_ERROR_MAX = const(120)
_STACK_MAX = const(300)
MODULES = ("begin", "fallen", "install", "pull", "safe", "wire")  # whatever has loaded them


def forget() -> None:
    """What is loaded of the loader, and of the slot: they have modules of the same names."""
    for name in list(sys.modules):
        if name.startswith(("sportbox", "umqtt")) or name in MODULES:
            del sys.modules[name]
    gc.collect()


def fallen(error: Exception, base: str = "") -> None:
    """Ends with a restart; where the board is not provisioned, only with Ctrl-C. A slot that is there and of
    which a file cannot be loaded is a start that counts: at their end is safe mode, which can mend it."""
    kind = type(error).__name__
    text = io.StringIO()
    sys.print_exception(error, text)
    if kind != "NotProvisioned":
        print(text.getvalue(), end="")
    forget()
    from begin import fail, note, step_of
    from sportbox.drivers import rtcmem
    from sportbox.store import record, slots

    state = slots.read(base)
    is_there = state["spare"] or record.exists(base + "/" + state["slot"] + slots.MARK)
    if "crash" not in rtcmem.load():  # the firmware's own note says more
        told = ("%s %s" % (kind, error))[:_ERROR_MAX]
        note("crash", {"task": "start", "error": told, "stack": text.getvalue()[-_STACK_MAX:]})
    if step_of(state) == "trial":
        fail(state, "crash", base)
    elif kind == "NotProvisioned" or (kind == "ImportError" and not is_there):
        from service import sign

        asyncio.run(sign(error))
    asyncio.run(pause())
    machine.reset()


async def pause() -> None:
    await asyncio.sleep(_PAUSE_S)
