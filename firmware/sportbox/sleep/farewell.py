"""The uplink of a board that sleeps, which can say goodbye."""

from micropython import const

from sportbox.uplink import Uplink

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

    from sportbox.net.message import Message


class Farewell(Uplink):
    _farewell: "Callable[[], None] | None" = None

    def farewell(self, info: "dict[str, object]", done: "Callable[[], None]") -> None:
        """The last words before sleep; `done` once the broker has them."""
        self.retain("info", info)
        self._farewell = done

    def stay(self) -> None:
        """No sleep after all."""
        self._farewell = None
        self._online_due = True

    def idle(self) -> bool:
        """True if nothing but events waits to be sent."""
        due = self._online_due or self._telemetry_due or self.more
        return not (self._answers or self._dirty or due or self._logs)

    def fresh_from(self, seq: int) -> None:
        """What comes after this number happened in this wake, though it was on flash before."""
        self._historical_seq = seq

    def next_message(self) -> "Message | None":
        if self._farewell is not None and self.idle():
            farewell, self._farewell = self._farewell, None
            return self._message("availability", b"sleeping", True, 1, farewell)
        return super().next_message()
