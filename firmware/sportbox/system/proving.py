"""What becomes of an update after the restart: a new firmware proves itself, and what was decided is told.

Loaded at a start that finds something to do in the record of the slots (store/slots.py), and when an update
fails before; gone when that is told.
"""

from micropython import const

from sportbox.store import slots
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.box import Box
    from sportbox.store.slots import State

_TRIAL_S = const(120)  # with Wi-Fi
_NO_WIFI_S = const(600)
_MODULES = (
    "sportbox.system.proving",
    "sportbox.system.finishing",
    "sportbox.store.slots",
)


class Proof:
    """All tasks run, the broker is reached and has the events of this start: only then the new slot stays."""

    may_abort = False

    def fail(self, reason: str) -> None:
        """Nobody can: it decides by itself."""

    def give_way(self) -> None:
        """To locks. What it holds is little."""

    def __init__(self, box: "Box", state: "State", base: str = "") -> None:
        update = state["update"]
        self._box = box
        self._state = state
        self._base = base
        self._is_trial = update is not None and update["state"] == "trial"
        self._slot = slots.running(state)
        if self._is_trial and box.identity["slot"] == state["slot"]:  # it could not be counted
            update["state"], update["reason"] = "failed", "flash"
            self._slot, self._is_trial = state["slot"], False
        self._seq = -1  # of the newest event of this start
        self._wifi_s = self._no_wifi_s = 0

    def tick(self, now_ms: int) -> None:
        """Once a second; what cannot be written is tried again."""
        try:
            self._tick(now_ms)
        except OSError:
            self._box.outbox.write_errors += 1
        except MemoryError:
            self._box.uplink.short += 1

    def _tick(self, now_ms: int) -> None:
        app = self._box.app
        if app.restart_at_ms is not None or (self._is_trial and not self._is_decided(now_ms)):
            return
        if self._slot == self._state["slot"]:
            tell(self._box, self._state, self._base)
        elif not app.busy():  # runs in what was given up
            app.restart_at_ms = now_ms

    def _is_decided(self, now_ms: int) -> bool:
        """Decides as soon as it can be, and writes that down. Raises OSError."""
        box = self._box
        if self._seq < 0:
            self._seq = box.outbox.acked_seq + box.outbox.queue_events()
        is_up = box.session.up and not box.supervisor.stuck(now_ms)
        if box.wifi.up:
            self._wifi_s += 1
        else:
            self._no_wifi_s += 1
        if is_up and box.outbox.acked_seq >= self._seq:
            decided = {"slot": self._slot, "spare": True, "state": "done", "reason": None}
        elif self._wifi_s >= _TRIAL_S or self._no_wifi_s >= _NO_WIFI_S:
            decided = {"state": "failed", "reason": "unreachable"}
        else:
            return False
        new = dict(self._state)
        new["update"] = dict(self._state["update"])
        for name, value in decided.items():
            (new if name in new else new["update"])[name] = value
        slots.write(new, self._base)
        self._state = new
        self._is_trial = False
        return True


def tell(box: "Box", state: "State", base: str = "") -> None:
    """The one final answer and an event, then nothing is left of it. Raises OSError."""
    app, update = box.app, state["update"]
    if update is not None:
        slots.write(state, base)
    slots.clear(base)
    if state["fell"]:
        _event(box, "failed", None, "boot_loop")
        state["fell"] = ""
    if update is not None:
        result = "done" if update["state"] == "done" else "failed"
        if not app.desk.settle(update["jti"], result, update["reason"]):  # another firmware took the order
            app.answer(update["jti"], result, update["reason"], None)
        _event(box, result, update["version"], update["reason"])
        state["update"] = None  # told, even if it has to be written down again
    slots.write(state, base)
    app.update = None
    box.identity["update"] = None
    box.publish_info()
    forget(*_MODULES)


def _event(box: "Box", state: str, version: "str | None", reason: "str | None") -> None:
    box.app.event("device", "device.update", {"state": state, "version": version, "reason": reason})
