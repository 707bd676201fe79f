"""Runs the board, or says clearly that it is not provisioned. What ends it otherwise restarts it."""

import asyncio
import gc
import sys

import machine
from sportbox.compose import NotProvisioned, load, sleeps

DATA = "/data"
PAUSE_S = 5  # before a restart after a crash: time to read the console, and no storm of restarts

gc.threshold(16384)  # what stays of loading gathers at the heap's beginning: the free rest stays whole


async def run() -> None:
    try:
        config, secrets = load("/config.json"), load("/secrets.json")
    except NotProvisioned as error:
        print("sportbox: not provisioned:", error)
        return
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


asyncio.run(run())
