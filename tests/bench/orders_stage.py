"""The stage of the orders: the project's firmware on two boards, what a builder would write instead, and the
stop-watch that gives them orders."""

import contextlib
import functools
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.sim import layout
from tests.bench.bench import Bench, Unmeasured
from tests.bench.taps import Tap
from tests.bench.vms import last_line, program, running
from tests.bench.wire import Wire
from tests.components import door, lock
from tests.faults.helpers import Address, Board, jti_of
from tests.faults.helpers import Bench as Boards
from tests.faults.helpers_listen import Listener

ANSWER_S = 5.0
IDLE_S = 0.008
"""At most between an answer and the next order: idle means that all have come to rest."""
LOAD_S = 0.02
"""50 orders a second from others, each answered, too."""
LONGEST_S = 0.8
"""For one contestant and round; a slow one has fewer orders."""
LOCKS = 3
PAHO = Path(__file__).with_name("paho_answer.py")
SETTLE_S = 5.0
LOOK_S = 0.002
READY_S = 0.05


@dataclass(frozen=True)
class Order:
    """What is published, and what its answer has in it."""

    payload: bytes
    sign: bytes


@dataclass(frozen=True)
class Site:
    """The orders that one contestant can be given."""

    base: str
    make: Callable[[], Order]


def answer_times(
    wire: Wire, site: Site, qos: int, count: int, load: bool, chance: random.Random
) -> list[float]:
    """Seconds from before an order is sent until its answer is read, one order after the other. Under load,
    others' orders are sent at the same time, and this one at any moment between two of them. An answer that
    does not come in time counts with what was waited."""
    times: list[float] = []
    orders = [site.make() for _ in range(count)]
    others = [site.make() for _ in range(int(LONGEST_S / LOAD_S) + 1)] if load else []
    begin_s = time.monotonic()
    load_s = begin_s

    def wait(until_s: float, sign: bytes | None) -> float | None:
        """Read, and send what is due of the load, until this answer is there."""
        nonlocal load_s
        while True:
            if others and time.monotonic() >= load_s:
                wire.publish(site.base + "/cmd", others.pop().payload, qos)
                load_s += LOAD_S
            heard = wire.next(min(until_s, load_s) if others else until_s)
            if heard is not None and sign is not None and sign in heard.payload:
                return heard.at_s
            if time.monotonic() >= until_s:
                return None

    for order in orders:
        wait(time.monotonic() + chance.uniform(0, LOAD_S if load else IDLE_S), None)
        sent_s = wire.publish(site.base + "/cmd", order.payload, qos)
        came_s = wait(sent_s + ANSWER_S, order.sign)
        times.append((came_s or time.monotonic()) - sent_s)
        if time.monotonic() - begin_s > LONGEST_S:
            break
    return times


def refused(board: Board) -> Order:
    """Rightly signed, for this board and lock, and over: found out last of all."""
    now = int(time.time())
    token = board.token(iat=now - 3600, nbf=now - 3600, exp=now - 1800)
    return Order(token.encode(), jti_of(token).encode())


def echoed(make: Callable[[], Order]) -> Order:
    """The same bytes for a contestant that sends their end back."""
    payload = make().payload
    return Order(payload, payload[-43:])


class Stage:
    """A broker, and the project's firmware on two boards: one reached directly, one through a tap that notes
    when an order has passed."""

    def __init__(self, boards: Boards, address: Address, tap: Tap, folder: Path) -> None:
        self.address = address
        self.tap = tap
        self.folder = folder
        parts = {f"{name}-{n}": make(n) for n in range(1, LOCKS + 1) for name, make in KINDS.items()}
        quiet: dict[str, Any] = {"telemetry_s": 3600, "components": parts}
        self.board = boards.add("box-1", address, **quiet)
        self.tapped = boards.add("box-2", tap.address, **quiet)
        self.pins = {name: facts["pin"] for name, facts in parts.items() if facts["kind"] == "lock"}
        with Listener(*address, folder) as heard:
            for board in (self.board, self.tapped):
                board.boot()
                heard.wait_ready(board)

    def firmware(self, qos: int, count: int, load: bool, seed: int) -> list[float]:
        site = Site(self.board.base, functools.partial(refused, self.board))
        with Wire(*self.address, "watch", f"{site.base}/ack", qos) as wire:
            return answer_times(wire, site, qos, count, load, random.Random(seed))

    def peer(self, kind: str, qos: int, count: int, load: bool, seed: int) -> list[float]:
        site = Site("peer", functools.partial(echoed, functools.partial(refused, self.board)))
        host, port = self.address
        log = self.folder / "peers.log"
        words = [host, str(port), "peer", str(qos)]
        answering = (
            program([sys.executable, str(PAHO), *words], log)
            if kind == "paho"
            else running("answering.py", kind, *words, log=log)
        )
        with Wire(host, port, "watch", "peer/ack", qos) as wire, answering as process:
            wait_ready(wire, kind, qos)
            times = answer_times(wire, site, qos, count, load, random.Random(seed))
            if process.poll() is not None:
                raise Unmeasured(f"{kind} ended in the middle: {last_line(log)}")
            return times

    def unlocks(self, qos: int) -> list[float]:
        """To the answer `accepted`, a lock after the other; each is opened and closed again."""
        board = self.board
        times = []
        with Wire(*self.address, "watch", f"{board.base}/ack", qos) as wire:
            for name in self.pins:
                token = board.token(name)
                sent_s = wire.publish(f"{board.base}/cmd", token.encode(), qos)
                times.append(accepted(wire, jti_of(token)) - sent_s)
                use(board, name)
        return times

    def _pulse_s(self, pin: int, since_s: float) -> float:
        """When the pulse began that was not there before."""
        channel = layout.RMT + pin * layout.RMT_SIZE
        rmt = self.tapped.sim.view.world.record(channel, layout.RMT_FIELDS)
        while time.monotonic() < since_s + SETTLE_S:
            begin_s = rmt.start_us / 1e6
            if begin_s > since_s:
                return begin_s
            time.sleep(LOOK_S)
        raise Unmeasured("an unlock was accepted, and no pulse came")

    def coils(self) -> list[float]:
        """From the last byte of an order, on its way from the broker to the board, to the pulse."""
        board = self.tapped
        times = []
        with Wire(*self.address, "watch", f"{board.base}/ack") as wire:
            for name, pin in self.pins.items():
                token = board.token(name)
                self.tap.passed_s.clear()
                wire.publish(f"{board.base}/cmd", token.encode(), 1)
                accepted(wire, jti_of(token))
                times.append(self._pulse_s(pin, self.tap.passed_s[0]) - self.tap.passed_s[0])
                use(board, name)
        return times


KINDS = {"lock": lock, "door": door}


def wait_ready(wire: Wire, kind: str, qos: int) -> None:
    """Until a peer answers, and has answered all that it was asked."""
    for _ in range(int(ANSWER_S / READY_S)):
        wire.publish("peer/cmd", b"ready?", qos)
        if wire.next(time.monotonic() + READY_S) is not None:
            break
    else:
        raise Unmeasured(f"{kind} answers nothing")
    while wire.next(time.monotonic() + READY_S) is not None:
        pass


def accepted(wire: Wire, jti: str) -> float:
    """When that answer was read."""
    end_s = time.monotonic() + ANSWER_S
    while heard := wire.next(end_s):
        if jti.encode() in heard.payload:
            if b"accepted" not in heard.payload:
                raise Unmeasured(f"an unlock was answered {heard.payload!r}")
            return heard.at_s
    raise Unmeasured(f"an unlock was not answered within {ANSWER_S:g} s")


def use(board: Board, name: str) -> None:
    """Somebody opens and closes the door; then the lock takes an order again."""
    door_name = name.replace("lock", "door")
    end_s = time.monotonic() + SETTLE_S
    while not board.set(door_name, "pull")["moved"]:
        if time.monotonic() > end_s:
            raise Unmeasured(f"{name} did not let {door_name} go")
        time.sleep(LOOK_S)
    while board.energised(name):
        if time.monotonic() > end_s:
            raise Unmeasured(f"{name} stays energised")
        time.sleep(LOOK_S)
    board.set(door_name, "closed")


@contextlib.contextmanager
def stage_of(bench: Bench) -> Iterator[Stage]:
    folder = bench.folder / "orders"
    folder.mkdir()
    boards = Boards(folder)
    try:
        with bench.mosquitto() as address, Tap(*address) as tap:
            yield Stage(boards, address, tap, folder)
    finally:
        boards.stop()
