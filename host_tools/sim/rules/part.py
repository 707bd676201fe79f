"""What the rules of each kind of thing have in common."""

import time
from typing import TYPE_CHECKING, Any

from host_tools.errors import BadInput

if TYPE_CHECKING:
    from host_tools.sim.rules import BoardWorld

Json = dict[str, Any]

SEEN_S = 1.0
SEEN_LOOK_S = 0.001


def opposite(level: int) -> int:
    return 1 - level


class Rule:
    """One thing that `sim set` moves. `facts` are those of its component in config.json."""

    values: tuple[str, ...] = ()
    """What it can be set to; messages show them."""

    def __init__(self, board: "BoardWorld", name: str, facts: Json) -> None:
        self.board = board
        self.world = board.world
        self.name = name
        self.facts = facts

    @property
    def called(self) -> str:
        """Its name in `sim set`."""
        return self.name

    def wire(self) -> None:
        """Write into the page what hangs where: at each `create`, for the configuration may be another
        one."""

    def furnish(self) -> None:
        """The state of a new board: doors closed, nobody there."""

    def show(self) -> Any:
        """What is physically so."""

    def set(self, value: str) -> Json:
        """Somebody does something; answers what is so afterwards."""
        raise NotImplementedError

    def check(self, value: str) -> None:
        """Raises BadInput that says what is allowed."""
        if value not in self.values:
            self.refuse(value, f"is not one of {', '.join(self.values)}", self.values[0])

    def refuse(self, value: str, why: str, example: str) -> None:
        board = self.board.name
        raise BadInput(
            f"{board} {self.called}: {value!r} {why}",
            hint=f"sportbox sim set {board} {self.called} {example}",
        )

    def drive(self, contact: Json, is_active: bool) -> None:
        """A contact {pin, active}."""
        active = int(contact["active"])
        self.world.drive(contact["pin"], active if is_active else opposite(active))

    def is_watched(self) -> bool:
        """The board has looked at all that has moved so far. One that only polls has not."""
        return bool(self.world.has_power() and self.world.get("edges_seen") == self.world.get("edges"))

    def ring(self, was_watched: bool) -> None:
        """What was driven is there to be seen. If the board watched before that, waits until it has looked:
        on a busy computer that may take a while."""
        self.world.ring()
        end_s = time.monotonic() + SEEN_S
        while was_watched and not self.is_watched() and time.monotonic() < end_s:
            time.sleep(SEEN_LOOK_S)
