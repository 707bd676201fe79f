"""Runs the board, or says clearly that it is not provisioned. What ends it otherwise restarts it.

While the board is held for service, or what is on its flash is not whole, nothing else of it is loaded
(docs/adr/0009-provisioning.md)."""

import asyncio
import gc
import os
import sys

import machine
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.compose import Facts
    from sportbox.system.renewal import Trial

DATA = "/data"
PAUSE_S = 5  # before a restart after a crash: time to read the console, and no storm of restarts

gc.threshold(16384)  # what stays of loading gathers at the heap's beginning: the free rest stays whole


def exists(path: str) -> bool:
    """Also true where the flash does not tell: then nothing runs."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno != 2  # ENOENT
    return True


def read() -> "tuple[Trial | None, Facts, Facts]":
    """What the board is to be; the trial of new files, if one runs. Raises NotProvisioned."""
    from sportbox.compose import load

    trial = None
    if exists("/next"):
        from sportbox.system.renewal import resume

        trial = resume()
    root = "" if trial is None else trial.root
    return trial, load(root + "/config.json"), load(root + "/secrets.json")


async def run() -> None:
    try:
        from sportbox.compose import NotProvisioned

        trial, config, secrets = read()
    except Exception as error:
        from service import refuse

        return await refuse(error)
    # `sportbox provision` waits for it
    print("sportbox: starts as %s/%s" % (config.get("site"), config.get("device")))
    try:
        if (config.get("power") or {}).get("sleep") is not None:
            from sportbox.sleep.nap import start

            # comes back only with a reason for the radio, as the trial of new files is one
            rest = None if trial else start(config, DATA)
            from sportbox.sleep.napping import NappingBox

            await NappingBox(config, secrets, rest, trial).run()
        else:
            gc.threshold(
                2048
            )  # a slower start (a second on an ESP32), and three times as much free in one piece
            from sportbox.box import Box

            await Box(config, secrets, trial).run()
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


if exists("/hold") or exists("/provisioning"):
    from service import serve

    serve()
else:
    asyncio.run(run())
