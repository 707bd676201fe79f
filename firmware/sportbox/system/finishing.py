"""The bundle of an update is there, or never will be: its digest, the wait for a moment in which a restart
hurts nobody, and what is said when it comes to nothing. What is decided is on flash before it is told."""

import asyncio

from micropython import const

from sportbox.store import slots

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.box import Box
    from sportbox.store.bundle import Incoming

_WAIT_MS = const(3600000)
_STEP_MS = const(5)


class Finish:
    may_abort = True

    def __init__(self, box: "Box", incoming: "Incoming", base: str = "") -> None:
        self._box = box
        self._base = base
        self._incoming: "Incoming | None" = incoming
        self._state = slots.read(base)
        self._failed = ""
        self._hashing = False
        self._why = ""  # it waits
        self._wait_ms = 0

    def fail(self, reason: str) -> None:
        self._failed = self._failed or reason

    def give_way(self) -> None:
        """To locks. What it holds is little."""

    def tick(self, now_ms: int) -> None:
        """Once a second; what cannot be written is tried again."""
        box = self._box
        try:
            if self._failed:
                self._end()
            elif box.app.restart_at_ms is not None:
                return
            elif self._incoming is None:
                self._wait(now_ms)
            elif not self._hashing:
                asyncio.create_task(self._hash(self._incoming))
                self._hashing = True  # only once the task is there
        except OSError:
            box.outbox.write_errors += 1
        except MemoryError:
            box.uplink.short += 1

    async def _hash(self, incoming: "Incoming") -> None:
        """Of the whole, in steps that keep nobody waiting."""
        outcome = None
        try:
            while outcome is None:
                await asyncio.sleep_ms(_STEP_MS)
                outcome = incoming.hash_step()
        except OSError:
            outcome = "flash"
        except MemoryError:  # from the beginning, with the next tick
            return
        finally:
            self._hashing = False
        self._incoming = None
        self.fail(outcome)

    def _wait(self, now_ms: int) -> None:
        """Until no door is open, no order runs and the power is good."""
        app = self._box.app
        why = "power" if app.short_of_power else _who(app)
        if not why:
            self._install(now_ms)
            return
        if not self._why:
            self._wait_ms = now_ms
        if why != self._why:
            self._tell("waiting", why)
            self._why = why
        if now_ms - self._wait_ms >= _WAIT_MS:
            self.fail("power" if why == "power" else "busy")

    def _install(self, now_ms: int) -> None:
        update = self._state["update"]
        update["state"] = "ready"
        try:
            slots.write(self._state, self._base)
        except OSError:
            self.fail("flash")
            return
        self._tell("installing", None)
        self._box.app.restart_at_ms = now_ms

    def _end(self) -> None:
        """Raises OSError."""
        update = self._state["update"]
        if update is not None:  # else it was told, and not yet written down
            update["state"], update["reason"] = "failed", self._failed
        from sportbox.system.proving import tell

        tell(self._box, self._state, self._base)

    def _tell(self, state: str, reason: "str | None") -> None:
        data = {"state": state, "version": self._state["update"]["version"], "reason": reason}
        self._box.app.event("device", "device.update", data)


def _who(app: "App") -> str:
    """Would be disturbed by a restart: a `door` that is open, a `lend`; or an empty string."""
    if not app.busy():
        return ""
    doors = [getattr(part, "door", None) for part in app.parts]
    return "door" if any([door is not None and door.is_open() for door in doors]) else "lend"
