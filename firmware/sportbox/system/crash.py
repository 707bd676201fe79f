"""What a crash leaves behind: task, error and stack, kept over the restart and told after it.

It is kept in RTC memory, and on flash for the case that the power goes, too. Both hold one crash, bounded,
the newest; on flash it is written once and removed when it was told.
"""

import io
import json
import os
import sys

from micropython import const

from sportbox.drivers import rtcmem
from sportbox.store import record

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_ERROR_MAX = const(120)
_STACK_MAX = const(600)
_KEY = "crash"


def describe(task: str, error: "BaseException") -> "dict[str, object]":
    """The event's data. The end of the stack is where it happened."""
    text = io.StringIO()
    sys.print_exception(error, text)
    return {
        "task": task,
        "error": ("%s %s" % (type(error).__name__, error))[:_ERROR_MAX],
        "stack": text.getvalue()[-_STACK_MAX:],
    }


def keep(path: str, note: "dict[str, object]") -> None:
    """To be told after the restart that follows."""
    notes = rtcmem.load()
    notes[_KEY] = note
    try:
        rtcmem.save(notes)
    except ValueError:
        rtcmem.save({_KEY: note})  # what else was kept there is worth less
    record.write(path, json.dumps(note).encode())


def drop(path: str) -> None:
    """It was told, or did not happen after all."""
    rtcmem.drop(_KEY)
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != 2:  # ENOENT: it was never written
            raise


def note_stuck(path: str, task: str) -> None:
    """This task makes no progress, so the watchdog will bite soon; an empty name: it goes on after all."""
    try:
        if task:
            keep(path, {"task": task, "error": "no progress"})
        else:
            drop(path)
    except OSError as error:
        print("sportbox: the note about", task, "is lost:", error)  # worn flash; RTC memory has it


def tell(path: str, reset: str, event: "Callable[[str, str, dict[str, object]], None]") -> None:
    """Reports the crash before this boot, if there was one. Raises OSError."""
    note = rtcmem.load().get(_KEY)
    if note is None:
        try:
            stored = record.read(path)
        except record.Corrupt:
            stored = None  # half a note, when the power went too: nothing to tell
        note = None if stored is None else json.loads(stored)
    if note is None and reset == "watchdog":  # the loop itself stood still, so nobody could note anything
        note = {"task": "loop", "error": "watchdog"}
    if note is not None:
        event("device", "device.crashed", note)
        drop(path)
