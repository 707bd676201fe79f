"""What a slot begins with: reads what the board is to be, and builds it. Needed once; what raises here is
left to the loader, which called."""

import gc
import os
import sys

import machine
from micropython import const

from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from sportbox.compose import Facts
    from sportbox.system.renewal import Trial

DATA = "/data"
PAUSE_S = 5  # before a restart after a crash: time to read the console, and no storm of restarts


def start() -> "Coroutine[Any, Any, None]":
    """The board, to be run for ever. Raises NotProvisioned."""
    trial, config, secrets = read()
    # `sportbox provision` waits for it
    print("sportbox: starts as %s/%s" % (config.get("site"), config.get("device")))
    forget("sportbox.run")
    if (config.get("power") or {}).get("sleep") is not None:
        from sportbox.sleep.nap import start

        # comes back only with a reason for the radio, as the trial of new files is one
        rest = None if trial else start(config, DATA)
        from sportbox.sleep.napping import NappingBox

        return NappingBox(config, secrets, rest, trial).run()
    gc.threshold(2048)  # a slower start (a second on an ESP32), and three times as much free in one piece
    from sportbox.box import Box

    return Box(config, secrets, trial).run()


def read() -> "tuple[Trial | None, Facts, Facts]":
    """What the board is to be; the trial of new files, if one runs. Raises NotProvisioned."""
    from sportbox.compose import load

    trial = None
    if exists("/next"):
        from sportbox.system.renewal import resume

        trial = resume()
    root = "" if trial is None else trial.root
    return trial, load(root + "/config.json"), load(root + "/secrets.json")


def exists(path: str) -> bool:
    """Also true where the flash does not tell."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno != 2  # ENOENT
    return True


async def fell(error: Exception) -> None:
    """What ended a running board restarts it. A configuration that does not fit the board is no fault of the
    firmware: the loader shall not give it up for that."""
    import asyncio

    if type(error).__name__ == "NotProvisioned":
        print("sportbox: not provisioned:", error)
        from sportbox.drivers import rtcmem

        rtcmem.drop("starts")
    else:
        sys.print_exception(error)
        try:
            note(error)
        except Exception as lost:
            print("sportbox: the note about it is lost:", lost)
    await asyncio.sleep(PAUSE_S)
    machine.reset()


def note(error: Exception) -> None:
    """For the report after the restart. With little memory left it may fail: what it needs is loaded here."""
    gc.collect()
    from sportbox.system.crash import describe, keep

    keep(DATA + "/crash", describe("main", error))
