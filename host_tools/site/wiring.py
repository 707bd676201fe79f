"""All pins of a device, or of a board with everything plugged in, against the facts of the chip."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from host_tools.site.base import EXPANDER_PIN, pin_name, pin_number
from host_tools.site.chips import pin_problem, spans
from host_tools.site.expected import Loc
from host_tools.site.explain import Explained
from host_tools.site.kinds.court import RadarSocket, TofSocket
from host_tools.site.kinds.kind import Socket
from host_tools.site.uses import Wire

if TYPE_CHECKING:
    from host_tools.site.boards import Board


@dataclass
class Wiring:
    """Who uses which pin. `shared`: pins that two sockets of a board may have, though never at once."""

    board: "Board"
    shared: frozenset[int] = frozenset()
    users: dict[int, str] = field(default_factory=dict)
    uarts: dict[int, str] = field(default_factory=dict)

    def add(self, who: str, place: Loc, wire: Wire) -> Iterator[Explained]:
        """One more pin; yields what is wrong with it, at `place` of the file."""
        facts = self.board.board
        pin = pin_number(wire.pin)
        reason = pin_problem(self.board.chip, pin, wire.use, facts.octal_memory, self.board.pulled)
        if reason is None and pin in self.users and pin not in self.shared:
            reason = f"{pin_name(pin)} is already used by {self.users[pin]}"
        if reason is None and pin >= EXPANDER_PIN:
            reason = self._without_expander(pin, wire)
        if reason is None and wire.use.wakes and self.board.sleeps and pin not in self.board.chip.wake:
            reason = (
                f"{pin_name(pin)} cannot wake the {self.board.chip.name}, and this board sleeps: "
                f"use GPIO {spans(self.board.chip.wake)}"
            )
        if reason is not None:
            yield Explained(place, reason)
        self.users.setdefault(pin, who)

    def _without_expander(self, pin: int, wire: Wire) -> str | None:
        expander = self.board.expander
        name = pin_name(pin)
        if expander is None:
            return f"{name} is a pin of a port expander, and board `{self.board.name}` has none ([expander])"
        if wire.use.timed and expander.enable is None:
            return f"{name} can move no lock: the expander has no `enable` line that the RMT bounds in time"
        if not wire.use.output and expander.interrupt is None:
            return f"{name} can be no input: without an `interrupt` line of the expander it is seen late"
        return None

    def add_socket(self, who: str, place: Loc, socket: Socket) -> Iterator[Explained]:
        """What sockets need beside their pins: a UART, the I2C bus."""
        if isinstance(socket, RadarSocket):
            uarts = self.board.chip.uarts
            if not 0 < socket.uart < uarts:
                allowed = spans(frozenset(range(1, uarts)))
                told = f"the {self.board.chip.name} has UART {allowed} for sensors: 0 is the console"
                yield Explained(place, f"{told} (got {socket.uart})")
            elif socket.uart in self.uarts:
                yield Explained(place, f"UART {socket.uart} is already used by {self.uarts[socket.uart]}")
            self.uarts.setdefault(socket.uart, who)
        if isinstance(socket, TofSocket) and self.board.i2c is None:
            told = f"needs the I2C bus, and board `{self.board.name}` has none ([i2c])"
            yield Explained(place, told)


def timed_outputs(board: "Board", wires: Iterable[Wire]) -> list[str]:
    """The outputs that need an RMT channel each; what hangs on the expander shares its enable line."""
    direct: list[str] = []
    gated = False
    for wire in wires:
        if not wire.use.timed:
            continue
        if pin_number(wire.pin) >= EXPANDER_PIN:
            gated = True
        else:
            direct.append(pin_name(pin_number(wire.pin)))
    if gated and board.expander is not None and board.expander.enable is not None:
        direct.append(pin_name(board.expander.enable))
    return direct


def bus_is_needed(board: "Board", sockets: Iterable[Socket]) -> bool:
    """Whether anything talks over I2C."""
    return board.rtc is not None or any(
        isinstance(socket, TofSocket) or any(pin_number(wire.pin) >= EXPANDER_PIN for wire in socket.wires())
        for socket in sockets
    )
