"""Runs the board, or says clearly that it is not provisioned. What ends it otherwise restarts it."""

import asyncio
import gc
import sys

import machine
from sportbox.compose import NotProvisioned, load

PAUSE_S = 5  # before a restart after a crash: time to read the console, and no storm of restarts

gc.threshold(16384)  # what stays of loading gathers at the heap's beginning: the free rest stays whole


async def run() -> None:
    try:
        config, secrets = load("/config.json"), load("/secrets.json")
    except NotProvisioned as error:
        print("sportbox: not provisioned:", error)
        return
    try:
        from sportbox.box import Box

        await Box(config, secrets).run()
    except Exception as error:
        sys.print_exception(error)
        await asyncio.sleep(PAUSE_S)
        machine.reset()


asyncio.run(run())
