"""What a crash leaves behind: task, error and stack, kept over the restart and told after it.

It is kept in RTC memory, and on flash for the case that the power goes, too. Both hold one crash, bounded,
the newest; on flash it is written once. When it was told it stays in another file, for who asks later: one,
the newest, too.
"""

import io
import json
import os
import sys

from micropython import const

from sportbox.core.clock import rfc3339
from sportbox.drivers import rtcmem
from sportbox.store import record

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

    from sportbox.box import Box

_ERROR_MAX = const(120)
_STACK_MAX = const(600)
_KEY = "crash"
_TOLD = "-told"  # behind the path


def describe(task: str, error: "BaseException") -> "dict[str, object]":
    """The event's data. The end of the stack is where it happened."""
    text = io.StringIO()
    sys.print_exception(error, text)
    return {
        "task": task,
        "error": ("%s %s" % (type(error).__name__, error))[:_ERROR_MAX],
        "stack": text.getvalue()[-_STACK_MAX:],
    }


def crashed(box: "Box", path: str, task: str, error: "BaseException") -> None:
    """A task or a part fell, and the board goes on: tells it."""
    text = "%s %s" % (type(error).__name__, error)
    box.log.write("error", "task %s: %s" % (task, text))
    note = describe(task, error)
    box.app.event("device", "device.crashed", note)
    time_s = box.clock.now(box.uptime.ms()) if box.clock.trusted() else 0
    remember(path, note, box.history.boots, rfc3339(time_s) if time_s else None)


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


def remember(path: str, note: "dict[str, object]", boot: int, time: "str | None") -> None:
    """It was told, or will be: for who asks later. `boot` is the number of that in which it happened, `time`
    when, if that is known."""
    kept = dict(note)
    kept["boot"] = boot
    if time:
        kept["time"] = time
    try:
        record.write(path + _TOLD, json.dumps(kept).encode())
    except (OSError, MemoryError) as error:
        print("sportbox: the note about", note["task"], "is not kept:", error)


def newest(path: str) -> "dict[str, object] | None":
    """The newest crash that is known, told or not; None if there was none."""
    return _untold(path) or _read(path + _TOLD)


def _untold(path: str) -> "dict[str, object] | None":
    return rtcmem.load().get(_KEY) or _read(path)


def _read(path: str) -> "dict[str, object] | None":
    try:
        stored = record.read(path)
    except record.Corrupt:
        return None  # half a note, when the power went too: nothing to tell
    note = None if stored is None else json.loads(stored)
    return note if isinstance(note, dict) else None


def tell(path: str, reset: str, boot: int, event: "Callable[[str, str, dict[str, object]], None]") -> None:
    """Reports the crash before this boot, which is number `boot`, if there was one. Raises OSError."""
    note = _untold(path)
    if note is None and reset == "watchdog":  # the loop itself stood still, so nobody could note anything
        note = {"task": "loop", "error": "watchdog"}
    if note is not None:
        event("device", "device.crashed", note)
        remember(path, note, boot - 1, None)
        drop(path)
