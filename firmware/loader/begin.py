"""What main.py asks at every start: which slot is to run (docs/adr/0021-two-slots.md).

Whatever is wrong with an update, with the record or with the flash: the slot that was proven runs. No pin is
touched here. A wake from deep sleep costs one read of the record. `base` is the folder that stands for `/` in
tests.
"""

import sys

import machine
from fallen import forget
from micropython import const
from sportbox.drivers import rtcmem
from sportbox.store import slots

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.store.slots import State

_BOOTS = const(3)  # of a trial
_STARTS = const(5)  # in a row that never got well, of each slot
_WATCHDOG_MS = const(30000)  # longer than anything takes that is loaded before the firmware's own


def begin(base: str = "") -> "str | None":
    """The folder of the slot, None if nothing is to run."""
    state = slots.read(base)
    try:
        slot = _choose(state, base)
    except Exception as error:
        sys.print_exception(error)
        slot = state["slot"]
    forget()
    return None if slot is None else base + "/" + slot


def _choose(state: "State", base: str) -> "str | None":
    cause = machine.reset_cause()
    step = step_of(state)
    if step == "ready":
        _install(cause, base)
    if step == "trial":
        return _try(state, cause, base)
    if cause == machine.DEEPSLEEP_RESET:
        return str(state["slot"])
    starts = _starts(cause)
    if starts < _STARTS:
        return str(state["slot"])
    if starts < 2 * _STARTS and state["spare"]:
        return _fall(state, base) if starts == _STARTS else str(state["slot"])
    import safe

    safe.run("starts")
    return None


def step_of(state: "State") -> str:
    update = state["update"]
    return str(update["state"]) if update else ""


def _install(cause: int, base: str) -> None:
    """Ends with a reset; raises where the flash takes nothing any more."""
    from install import install

    watchdog = machine.WDT(timeout=_WATCHDOG_MS)
    install(watchdog.feed, cause == machine.WDT_RESET, base)
    machine.reset()


def _try(state: "State", cause: int, base: str) -> str:
    """A boot counts before the slot runs: one that ends in any way is used up. The watchdog ends what hangs
    before the firmware has armed its own."""
    rtcmem.drop("starts")
    update = state["update"]
    if update["boots"] >= _BOOTS:
        fail(state, "watchdog" if cause == machine.WDT_RESET else "unproven", base)
        return str(state["slot"])
    update["boots"] += 1
    slots.write(state, base)
    machine.WDT(timeout=_WATCHDOG_MS)
    return slots.other(state["slot"])


def fail(state: "State", reason: str, base: str) -> None:
    """If the flash does not take it, the boots of the trial are used up without it, too."""
    state["update"]["state"] = "failed"
    state["update"]["reason"] = reason
    try:
        slots.write(state, base)
    except OSError as error:
        print("sportbox: cannot write", slots.PATH, error)


def _starts(cause: int) -> int:
    """How many starts before this one never got well. The firmware forgets them when it is."""
    before = rtcmem.load().get("starts", 0)
    starts = 0 if cause in (machine.PWRON_RESET, machine.SOFT_RESET) else before + 1
    if starts != before:
        note("starts", starts)
    return starts


def _fall(state: "State", base: str) -> str:
    """On with the other slot, by one write."""
    slot = str(state["slot"])
    state = dict(state, fell=slot, slot=slots.other(slot))
    slots.write(state, base)
    return str(state["slot"])


def note(key: str, value: object) -> None:
    """In RTC memory."""
    notes = rtcmem.load()
    notes[key] = value
    try:
        rtcmem.save(notes)
    except ValueError:
        rtcmem.save({key: value})  # what else was kept there is worth less
