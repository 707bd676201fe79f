"""The stage of the edges: a board behind a tap, another one behind TLS, and what a builder would write."""

import contextlib
import functools
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_tools.site.ca import new_authority
from host_tools.update.pack import pack
from tests.bench.bench import Bench, Unmeasured
from tests.bench.taps import Tap
from tests.bench.vms import last_line, running
from tests.bench.wire import Wire
from tests.components import court, door
from tests.faults.helpers import SITE, Address, Board, jti_of
from tests.faults.helpers import Bench as Boards
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_safe import SERIES, Blocks, args_of
from tests.faults.helpers_tls import Server, TlsBroker, certified

DEBOUNCE_MS = 5
"""The least that a site file may say."""
DOOR = "door-1"
HEARD_S = 15.0
APART_S = 0.02
COURTS = 8
COURT_PIN = 30
COURT_MS = 20
BOARDS = ("box-esp32s3",)
MPY = b"M\x06\x00\x1f"
FILES, FILE_BYTES = 3, 30_000
HELD_AT = 85_000
"""So far an update goes; then it is given up."""
TRIES = 20
AGAIN_S = 0.2
"""What an update before it has left behind is tidied up with the next tick."""


def components() -> dict[str, Any]:
    parts = {DOOR: door(1, lock=None, debounce_ms=DEBOUNCE_MS)}
    for n in range(1, COURTS + 1):
        pir = {"pin": COURT_PIN + n, "active": 1}
        parts[f"court-{n}"] = court(pir=pir, hold_ms=COURT_MS)
    return parts


class Door:
    """A board's door; each move is an edge, and is waited for at the broker."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._view = board.sim.view
        self._is_open = False

    def move(self) -> float:
        """Gives the time just before."""
        self._is_open = not self._is_open
        now_s = time.monotonic()
        self._view.set(DOOR, "open" if self._is_open else "closed")
        return now_s

    def set(self, component: str, value: str) -> None:
        self._view.set(component, value)

    def heard(self, wire: Wire) -> float:
        """When the event of the newest move came."""
        wanted = f"/{DOOR}".encode()
        kind = b"door.opened" if self._is_open else b"door.closed"
        while heard := wire.next(time.monotonic() + HEARD_S):
            if wanted in heard.payload and kind in heard.payload:
                return heard.at_s
        raise Unmeasured(f"an edge was not heard of within {HEARD_S:g} s")

    def took(self, wire: Wire) -> float:
        """Moves it; seconds until that is heard of, without debouncing."""
        moved_s = self.move()
        return self.heard(wire) - moved_s - DEBOUNCE_MS / 1000


class Stage:
    def __init__(
        self, boards: Boards, address: Address, tap: Tap, secure: TlsBroker, secure_tap: Tap, folder: Path
    ) -> None:
        self.address = address
        self.tap = tap
        self.secure = secure
        self.secure_tap = secure_tap
        self.folder = folder
        parts: dict[str, Any] = {"telemetry_s": 3600, "components": components()}
        board = boards.add("box-1", tap.address, **parts)
        parts["components"] = {DOOR: parts["components"][DOOR]}
        secret = certified(boards, "box-2", secure_tap.address, secure.server.authority, **parts)
        self.nonce = self._boot(board, address)
        self._boot(secret, (secure.host, secure.port))
        self.door = Door(board)
        self.secure_door = Door(secret)

    def _boot(self, board: Board, broker: Address) -> str:
        with Listener(*broker, self.folder) as heard:
            board.boot()
            heard.wait_ready(board)
            return str(heard.latest(board, "info")["nonce"])

    def _wire(self, broker: Address | None = None) -> Wire:
        return Wire(*(broker or self.address), "watch", f"sportbox/v1/{SITE}/+/event")

    # --- the firmware ---

    def quiet(self, count: int) -> list[float]:
        times = []
        with self._wire() as wire:
            for _ in range(count):
                times.append(self.door.took(wire))
                time.sleep(APART_S)
        return times

    def beside_a_batch(self, count: int) -> list[float]:
        times = []
        with self._wire() as wire:
            for n in range(count):
                people = "free" if n % 2 else "occupied"
                for number in range(1, COURTS + 1):
                    self.door.set(f"court-{number}", people)
                if n % 2:
                    time.sleep(COURT_MS / 1000)  # a court is free only then
                times.append(self.door.took(wire))
                time.sleep(APART_S)
        return times

    def beside_an_update(self, count: int) -> list[float]:
        board = self.door.board
        noise = random.Random(1)
        files = {f"noise{n}.mpy": MPY + noise.randbytes(FILE_BYTES) for n in range(FILES)}
        bundle = pack(files, "9.0.0", BOARDS, SERIES, 6)
        times: list[float] = []
        with Listener(*self.address, self.folder, f"{board.base}/ack") as heard, self._wire() as wire:
            blocks = Blocks(heard, bundle)
            blocks.spoil = lambda at, data: data if at < HELD_AT else None
            self._order(heard, args_of(bundle))
            end_s = time.monotonic() + HEARD_S
            while not blocks.asked and time.monotonic() < end_s:
                wire.next(time.monotonic() + APART_S)
            while len(times) < count and (blocks.asked or [HELD_AT])[-1] < HELD_AT:
                times.append(self.door.took(wire))
            self._order(heard, {"abort": True})
            if not times:
                raise Unmeasured("the board pulls no update")
        return times

    def _order(self, heard: Listener, args: dict[str, Any]) -> None:
        board = self.door.board
        for _ in range(TRIES):
            token = board.token(None, kid="ops-1", act="update", args=args, nonce=self.nonce)
            heard.send(board, token)
            heard.wait(functools.partial(Listener.acks, board=board, jti=jti_of(token)), "an answer")
            answer, reason = heard.acks(board, jti_of(token))[0]
            if answer == "accepted":
                return
            time.sleep(AGAIN_S)
        raise Unmeasured(f"the board takes no order for an update: {answer}, {reason}")

    def while_away(self, count: int) -> list[float]:
        times = []
        with self._wire() as wire:
            for _ in range(count):
                self.tap.close()
                self.tap.open()
                times.append(self.door.took(wire))
        return times

    def during_a_handshake(self, count: int) -> list[float]:
        times = []
        tap = self.secure_tap
        with self._wire((self.secure.host, self.secure.port)) as wire:
            for _ in range(count):
                tap.close()
                tap.spoken.clear()
                tap.open()
                if not tap.spoken.wait(HEARD_S):
                    raise Unmeasured("the board does not come back")
                times.append(self.secure_door.took(wire))
        return times

    # --- the others ---

    def peer(self, kind: str, count: int) -> list[float]:
        host, port = self.address
        log = self.folder / "peers.log"
        fifo = self.folder / "edges"
        if not fifo.exists():
            os.mkfifo(fifo)
        edges = os.open(fifo, os.O_RDWR)
        times = []
        try:
            with (
                Wire(host, port, "watch", "peer/event") as wire,
                running("watching.py", kind, host, str(port), "peer", str(fifo), log=log),
            ):
                for number in range(count + 1):
                    begin_s = time.monotonic()
                    os.write(edges, b"!")
                    heard = wire.next(begin_s + HEARD_S)
                    if heard is None:
                        raise Unmeasured(f"{kind} tells of nothing: {last_line(log)}")
                    if number:  # the first one waited until it was there
                        times.append(heard.at_s - begin_s)
                    time.sleep(APART_S)
        finally:
            os.close(edges)
        return times


@contextlib.contextmanager
def stage_of(bench: Bench) -> Iterator[Stage]:
    folder = bench.folder / "edges"
    folder.mkdir()
    boards = Boards(folder)
    server = Server(new_authority(SITE))
    try:
        with (
            bench.mosquitto() as address,
            Tap(*address) as tap,
            TlsBroker(folder / "tls", server).launch() as secure,
            Tap(*secure.boards) as secure_tap,
        ):
            yield Stage(boards, address, tap, secure, secure_tap, folder)
    finally:
        boards.stop()
