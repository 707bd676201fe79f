"""What hangs on the board, seen by the app: a bay, a court, a gate, a keypad, the battery.

A part reads its inputs in `scan`, tells what happened through `Reports`, and says with `deadline` when it
must be looked at again. `build` in each module makes a part from the configuration. A new state is asked for
before the event is told that goes with it: an event may find no memory.
"""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sportbox.core.lock import Order

    State = tuple[str, int, dict[str, object]]


class Part:
    """`name` is the component's. Times are ms of uptime. What a part does not need stays as it is here."""

    name = ""

    def scan(self, now_ms: int) -> None:
        """Reads the inputs and lets time pass. Does no harm at any moment."""

    def deadline(self) -> int | None:
        """When scan() must run again at the latest, None: whenever something else makes it run."""
        return None

    def sampler(self) -> "Callable[[], Awaitable[None]] | None":
        """A task for sensors that must be read at a rhythm of their own; supervised by the box."""
        return None

    def states(self) -> "list[State]":
        """(component, since when, state) of each component of this part."""
        return []

    def memory(self) -> object:
        """What to restore after a power cut, as JSON can hold it."""
        return None

    def restore(self, memory: object, expected: bool) -> None:
        """What `memory` gave before the power cut, None if that is lost; `expected`: an order for one of the
        components was running then."""

    def busy(self) -> bool:
        """True while it should not be disturbed by a restart."""
        return False

    def settles(self) -> bool:
        """True while it finds out how things are: too early to sleep. A restart does no harm then."""
        return False

    def figures(self) -> "dict[str, object]":
        """What it adds to telemetry."""
        return {}

    def shed(self, level: int) -> None:
        """Power is short: 0 all on, 1 low (what only informs may go), 2 critical (doors and locks stay)."""

    def takes(self, component: str) -> bool:
        """True if orders for this component are for this part."""
        return False

    def refusal(self, order: "Order", now_ms: int) -> str:
        """Why the order cannot be taken now, or an empty string."""
        return "malformed"

    def take(self, order: "Order", now_ms: int) -> None:
        """An order that passed the access check and `refusal`; leads to exactly one `Reports.final`."""
        raise NotImplementedError
