"""Who lives through an outage: a board with the project's firmware, and what a builder would write instead.

Both are given edges, can be killed and started again, and tell afterwards what became of the edges.
"""

import contextlib
import os
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.bench.vms import running
from tests.components import door
from tests.faults.helpers import Address
from tests.faults.helpers import Bench as Boards
from tests.faults.helpers_listen import Listener, Message

DOOR = "door-1"
RESERVE_BYTES = 131_072
"""For urgent events: 600 of them are more than the 16 KiB of a site file that says nothing."""

Who = tuple[str, bool]
"""A contestant, and whether it is killed."""


@dataclass(frozen=True)
class Fate:
    """What became of a player's edges; times in seconds since the broker's return."""

    first_s: float | None
    lost: int
    twice: int
    stall_ms: float


class Player(Protocol):
    name: str
    is_killed: bool
    edges: int

    def start(self) -> None: ...
    def is_ready(self, heard: Listener) -> bool: ...
    def edge(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def is_up_again(self) -> bool: ...
    def delivered(self, heard: Listener) -> int: ...
    def fate(self, heard: Listener, returned_s: float, ended_s: float) -> Fate: ...
    def stop(self) -> None: ...


class Firmware:
    """A door without a lock opens and closes; each is an event of the kind that is on flash at once."""

    def __init__(self, boards: Boards, broker: Address, name: str, is_killed: bool) -> None:
        outbox = {"ordinary_bytes": 49_152, "reserve_bytes": RESERVE_BYTES, "batch_ms": 1000}
        parts: dict[str, Any] = {"components": {DOOR: door(1, lock=None)}, "outbox": outbox}
        self.board = boards.add(name, broker, **parts)
        self.name = name
        self.is_killed = is_killed
        self.edges = 0
        self._view = self.board.sim.view

    def start(self) -> None:
        self.board.boot()

    def is_ready(self, heard: Listener) -> bool:
        info = heard.latest(self.board, "info")
        return info is not None and info["clock"] == "ntp"

    def edge(self) -> None:
        self.edges += 1
        self._view.set(DOOR, "open" if self.edges % 2 else "closed")

    def kill(self) -> None:
        self.board.cut()

    def restart(self) -> None:
        self.board.boot()

    def is_up_again(self) -> bool:
        """Its tasks run: it looks at the door."""
        return self.board.sim.log().count("wifi up") >= 2

    def _events(self, heard: Listener) -> list[Message]:
        about = f"/{DOOR}"
        return [m for m in heard.of(self.board, "event") if m.content["source"].endswith(about)]

    def delivered(self, heard: Listener) -> int:
        return len({m.content["id"] for m in self._events(heard)})

    def fate(self, heard: Listener, returned_s: float, ended_s: float) -> Fate:
        events = self._events(heard)
        ids = Counter(m.content["id"] for m in events)
        online = [
            m.at_s
            for m in heard.of(self.board, "availability")
            if m.payload == b"online" and m.at_s > returned_s
        ]
        first = next((m.at_s for m in events if online and m.at_s > online[0]), None)
        stalls = [m.content["loop_stall_ms"] for m in heard.of(self.board, "telemetry")]
        return Fate(
            None if first is None else first - returned_s,
            self.edges - len(ids),
            ids.total() - len(ids),
            max(stalls),
        )

    def stop(self) -> None:
        self.board.cut()


class Umqtt:
    """enduring.py on a VM. Edges that it has not read when it is killed are gone, as its memory is."""

    def __init__(
        self, kind: str, library: Path, folder: Path, broker: Address, name: str, is_killed: bool
    ) -> None:
        self.name = name
        self.is_killed = is_killed
        self.edges = 0
        self._fifo = folder / f"{name}.edges"
        os.mkfifo(self._fifo)
        self._end = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        self._words = (kind, broker[0], str(broker[1]), name, str(self._fifo))
        self._log = folder / f"{name}.log"
        self._library = library
        self._life = contextlib.ExitStack()

    def start(self) -> None:
        program = running("enduring.py", *self._words, log=self._log, more=(self._library,))
        self._process = self._life.enter_context(program)

    def is_ready(self, heard: Listener) -> bool:
        """It has told of a first edge, or has ended."""
        if not self.edges:
            self.edge()
        return self.delivered(heard) > 0 or self._process.poll() is not None

    def edge(self) -> None:
        self.edges += 1
        os.write(self._end, struct.pack("!H", self.edges))

    def kill(self) -> None:
        self._life.close()
        with contextlib.suppress(BlockingIOError):
            while os.read(self._end, 4096):
                pass

    def restart(self) -> None:
        self.start()

    def is_up_again(self) -> bool:
        return True

    def _told(self, heard: Listener) -> list[tuple[float, int, int]]:
        """(time, number, longest stall in ms) of each message."""
        found = []
        for message in heard.messages:
            if message.topic == f"{self.name}/event":
                number, stall_ms = message.payload.split()
                found.append((message.at_s, int(number), int(stall_ms)))
        return found

    def delivered(self, heard: Listener) -> int:
        return len({number for _, number, _ in self._told(heard)})

    def fate(self, heard: Listener, returned_s: float, ended_s: float) -> Fate:
        told = self._told(heard)
        numbers = {number for _, number, _ in told}
        first = next((at_s for at_s, _, _ in told if at_s > returned_s), None)
        stall_ms = float(max((stall for _, _, stall in told), default=0))
        if first is None:  # it hangs still, or has ended
            stall_ms = max(stall_ms, 1000 * (ended_s - (told[-1][0] if told else returned_s)))
        return Fate(
            None if first is None else first - returned_s,
            self.edges - len(numbers),
            len(told) - len(numbers),
            stall_ms,
        )

    def stop(self) -> None:
        self._life.close()
        os.close(self._end)
