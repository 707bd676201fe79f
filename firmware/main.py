"""Runs the board, unless it is held for service or not provisioned: then it says so, and nothing moves.

It looks for both before it loads anything else of the firmware, which may be half there. What ends it
otherwise restarts it. host_tools/port/ is the other side (docs/adr/0009-provisioning.md)."""

import asyncio
import gc
import json
import os
import sys

import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DATA = "/data"
HOLD = "/hold"  # once: stay at the prompt
MARKER = "/provisioning"  # what is on this flash is not whole
HOLD_MS = 300_000  # a board that nobody feeds any more restarts by itself
PAUSE_S = 5  # before a restart after a crash: time to read the console, and no storm of restarts
SIGN_S = 3  # a terminal that is opened later shall see it, too
BLINK_MS = 100
_ENOENT = 2

gc.threshold(16384)  # what stays of loading gathers at the heap's beginning: the free rest stays whole


def held() -> bool:
    """True when the host asked for hold mode; it asks once."""
    try:
        os.remove(HOLD)
    except OSError as error:
        if error.errno != _ENOENT:
            print("sportbox: cannot remove", HOLD, error)
        return False
    machine.WDT(timeout=HOLD_MS)
    print("sportbox: held for service")
    return True


def marker() -> "dict[str, Any] | None":
    """The marker of a provisioning that was cut off. Being there is what counts, not what is in it."""
    try:
        with open(MARKER) as file:
            content = json.load(file)
    except OSError as error:
        if error.errno == _ENOENT:
            return None
        return {"why": "%s: %s" % (MARKER, error)}
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


async def run() -> None:
    unfinished = marker()
    if unfinished is not None:
        why = unfinished.get("why") or "it was cut off; run `sportbox provision` again"
        return await sign(why, unfinished.get("led"))
    try:
        from sportbox.compose import NotProvisioned, load, sleeps
    except ImportError as error:
        return await sign(error)
    try:
        config, secrets = load("/config.json"), load("/secrets.json")
    except NotProvisioned as error:
        return await sign(error)
    try:
        if sleeps(config):
            from sportbox.sleep.nap import start

            rest = start(config, DATA)  # comes back only with a reason for the radio
            from sportbox.sleep.napping import NappingBox

            await NappingBox(config, secrets, rest).run()
        else:
            from sportbox.box import Box

            await Box(config, secrets).run()
    except NotProvisioned as error:
        print("sportbox: not provisioned:", error)
        await asyncio.sleep(PAUSE_S)
        machine.reset()
    except Exception as error:
        sys.print_exception(error)
        try:
            note(error)
        finally:
            await asyncio.sleep(PAUSE_S)
            machine.reset()


def note(error: Exception) -> None:
    """For the report after the restart. With little memory left it may fail: what it needs is loaded here."""
    gc.collect()
    from sportbox.system.crash import describe, keep

    keep(DATA + "/crash", describe("main", error))


if not held():
    asyncio.run(run())
