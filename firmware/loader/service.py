"""What main.py runs instead of the firmware while the board is held or not provisioned: nothing moves.

A file of its own, so that it costs a running board no memory. The host's side: host_tools/port/."""

import asyncio
import json
import os

import machine
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

HOLD = "/hold"  # once: stay at the prompt
MARKER = "/provisioning"  # what is on this flash is not whole
HOLD_MS = 300_000  # a board that nobody feeds any more restarts by itself
SIGN_S = 3  # a terminal that is opened later shall see it, too
BLINK_MS = 100
CUT_OFF = "it was cut off; run `sportbox provision` again"
_ENOENT = 2


def serve() -> None:
    """Hold mode when the host asked for it, else the sign."""
    try:
        os.remove(HOLD)
    except OSError as error:
        if error.errno != _ENOENT:
            print("sportbox: cannot remove", HOLD, error)
    else:
        machine.WDT(timeout=HOLD_MS)
        forget_starts()
        print("sportbox: held for service")
        return
    try:
        marker = read_marker()
    except OSError as error:  # it may pass
        print("sportbox: cannot read", MARKER, error)
        from fallen import pause

        asyncio.run(pause())
        machine.reset()
    asyncio.run(sign(marker.get("why") or CUT_OFF, marker.get("led")))


def forget_starts() -> None:
    """Somebody is there: the restarts of such a session are no boot loop."""
    from fallen import forget
    from sportbox.drivers import rtcmem

    rtcmem.drop("starts")
    forget()  # whoever comes to the prompt gets the slot's modules


def read_marker() -> "dict[str, Any]":
    """Of a provisioning that was cut off. Being there is what counts, not what is in it. Raises OSError."""
    try:
        with open(MARKER) as file:
            content = json.load(file)
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {}


async def sign(why: "Any", led: "Any" = None) -> None:
    """Say so for ever, and blink. Ends with Ctrl-C."""
    lamp, lit = None, 1
    try:
        if led:
            lit = led["active"]
            lamp = machine.Pin(led["pin"], machine.Pin.OUT, value=not lit)
    except (KeyError, TypeError, ValueError) as error:
        print("sportbox: no LED:", error)
    while True:
        print("sportbox: not provisioned:", why)
        for _ in range(SIGN_S):
            for level in (lit, not lit) * 2:
                if lamp is not None:
                    lamp.value(level)
                await asyncio.sleep_ms(BLINK_MS)
            await asyncio.sleep_ms(1000 - 4 * BLINK_MS)
