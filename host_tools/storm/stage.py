"""Where a run is played: a board with its world, network and servers, and what faults hold of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from host_tools.sim.rules import BoardWorld
from host_tools.storm.agenda import Agenda, Ticket
from host_tools.storm.trace import Trace
from host_tools.storm.wall import wall_us

if TYPE_CHECKING:
    from host_tools.storm.weather.plan import Plan

Json = dict[str, Any]
SECOND_US = 1_000_000


def wall_s(us: int) -> int:
    """The right Unix time at a moment."""
    return wall_us(us) // SECOND_US


class Board(Protocol):
    """What can be done to a board from outside. `cut_at_op(0)` and `bad_sector(None)` undo, and `restore` of
    a board that is on does nothing."""

    @property
    def is_on(self) -> bool: ...
    @property
    def boots(self) -> int: ...

    def cut(self) -> None: ...
    def restore(self) -> None: ...
    def brownout(self) -> None: ...
    def cut_at_op(self, n: int) -> None: ...
    def bad_sector(self, n: int | None) -> None: ...
    def fill_flash(self, left: int | None) -> None: ...
    def rot(self, count: int) -> None: ...
    def deny_heap(self, us: int, least_bytes: int, share: float) -> None: ...
    def jump_wall(self, s: int) -> None: ...
    def drift_ppm(self, n: int) -> None: ...


class Net(Protocol):
    latency_us: tuple[int, int]
    loss: float
    partition: bool
    refuse: bool
    slow_bytes_s: int | None

    def half_open(self) -> None: ...
    def reset_all(self) -> None: ...
    def address_lost(self) -> None: ...


Heard = Callable[[str, bytes, bool], None]


class Broker(Protocol):
    mode: str

    def subscribe(self, callback: Heard) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None: ...
    def stop(self, keep_sessions: bool) -> None: ...
    def start(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


class TimeServer(Protocol):
    up: bool
    lie_s: int
    kod: bool
    garbage: bool


class Dns(Protocol):
    up: bool
    garbage: bool
    fails: bool


class Holds:
    """Which faults hold what, so that the last of them lets go of it. The newest one counts meanwhile."""

    def __init__(self) -> None:
        self._held: dict[str, dict[int, Any]] = {}
        self._base: dict[str, Any] = {}
        self.tickets: dict[int, list[Ticket]] = {}
        self.jumped_us = 0
        """When the board's wall clock jumped last."""
        self.lied = False
        """The time server has lied, and nobody has put the board right since."""

    def put(self, knob: str, number: int, value: Any) -> None:
        held = self._held.setdefault(knob, {})
        held.pop(number, None)
        held[number] = value

    def drop(self, knob: str, number: int) -> None:
        self._held.get(knob, {}).pop(number, None)

    def values(self, knob: str) -> list[Any]:
        """The oldest first."""
        return list(self._held.get(knob, {}).values())

    def top(self, knob: str, neutral: Any = None) -> Any:
        values = self.values(knob)
        return values[-1] if values else neutral

    def base(self, knob: str, now: Any) -> Any:
        """What it was when it was first asked for."""
        return self._base.setdefault(knob, now)

    def knobs(self) -> list[str]:
        """What is held at this moment."""
        return [knob for knob, held in self._held.items() if held]


@dataclass
class Stage:
    agenda: Agenda
    trace: Trace
    rng: random.Random
    net: Net
    broker: Broker
    time_server: TimeServer
    dns: Dns
    world: BoardWorld
    config: Json
    keys: dict[str, bytes]
    """By `kid`."""
    board: Board
    plan: "Plan"
    codes: dict[str, bytes] = field(default_factory=dict)
    """Of keypad codes, by lock."""
    holds: Holds = field(default_factory=Holds)
