"""A stage on which the world is real, and the board and its network are played: they write down what is done
to them, and answer what a test tells them to."""

import json
import random
from pathlib import Path
from typing import Any

from host_tools.sim import times
from host_tools.sim.rules import BoardWorld
from host_tools.sim.world import World
from host_tools.storm.agenda import Agenda
from host_tools.storm.crowd.people import People
from host_tools.storm.stage import Heard, Stage
from host_tools.storm.trace import Trace
from host_tools.storm.wall import VirtualClock
from host_tools.storm.weather.faults import begin, end
from host_tools.storm.weather.plan import HOUR_US, Act, Fault, Plan
from tests.components import (
    EXPANDER,
    I2C,
    RTC,
    court,
    door,
    gate,
    inside,
    latch,
    lock,
    motor,
    release,
    tamper,
    wiegand,
)

Json = dict[str, Any]

BOX: Json = {
    "lock-1": motor(1),
    "door-1": door(1, release="release-1", inside="inside-1"),
    "release-1": release(1),
    "inside-1": inside(1),
    "tamper-1": tamper(),
    "lock-2": lock(2, latch=latch(2)),
    "door-2": door(2),
    "keypad-1": wiegand("lock-2"),
}
FIELD: Json = {"gate-1": gate(), "court-1": court(radar=True, tof=True, gate="gate-1")}


class PlayedBoard:
    def __init__(self, world: World) -> None:
        self.world = world
        self.done: list[tuple[Any, ...]] = []
        self.is_on = True
        self.boots = 1

    def cut(self) -> None:
        assert self.is_on
        self.is_on = False
        self.world.power_off()
        self.done.append(("cut",))

    def restore(self) -> None:
        assert not self.is_on
        self.is_on = True
        self.boots += 1
        self.world.put("power", 1)
        self.world.put("halted", 1)
        self.done.append(("restore",))

    def brownout(self) -> None:
        self.boots += 1
        self.done.append(("brownout",))

    def cut_at_op(self, n: int) -> None:
        self.done.append(("cut_at_op", n))

    def bad_sector(self, n: int | None) -> None:
        self.done.append(("bad_sector", n))

    def fill_flash(self, left: int | None) -> None:
        self.done.append(("fill_flash", left))

    def rot(self, count: int) -> None:
        self.done.append(("rot", count))

    def deny_heap(self, us: int, least_bytes: int, share: float) -> None:
        self.done.append(("deny_heap", us, least_bytes, share))

    def jump_wall(self, s: int) -> None:
        self.done.append(("jump_wall", s))

    def drift_ppm(self, n: int) -> None:
        self.done.append(("drift_ppm", n))


class PlayedNet:
    def __init__(self) -> None:
        self.latency_us = (1_000, 20_000)
        self.loss = 0.0
        self.partition = False
        self.refuse = False
        self.slow_bytes_s: int | None = None
        self.done: list[str] = []

    def half_open(self) -> None:
        self.done.append("half_open")

    def reset_all(self) -> None:
        self.done.append("reset_all")

    def address_lost(self) -> None:
        self.done.append("address_lost")


class PlayedBroker:
    def __init__(self) -> None:
        self.mode = "ok"
        self.is_up = True
        self.is_frozen = False
        self.heard: list[Heard] = []
        self.published: list[tuple[str, bytes, bool]] = []

    def subscribe(self, callback: Heard) -> None:
        self.heard.append(callback)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        assert qos == 1
        self.published.append((topic, payload, retain))

    def stop(self, keep_sessions: bool) -> None:
        assert self.is_up
        self.is_up = self.is_frozen = False

    def start(self) -> None:
        assert not self.is_up
        self.is_up = True

    def freeze(self) -> None:
        assert self.is_up and not self.is_frozen
        self.is_frozen = True

    def thaw(self) -> None:
        assert self.is_up and self.is_frozen
        self.is_frozen = False


class PlayedTimeServer:
    def __init__(self) -> None:
        self.up = True
        self.lie_s = 0
        self.kod = False
        self.garbage = False


class PlayedDns:
    def __init__(self) -> None:
        self.up = True
        self.garbage = False
        self.fails = False


def config_of(components: Json) -> Json:
    chips = {"i2c": I2C, "expander": EXPANDER, "rtc": RTC}
    return {
        "site": "test-site",
        "device": "box-1",
        "chip": "esp32s3",
        "ntp": {"host": "time.example", "port": 123},
        "components": components,
        "power": None,
        **chips,
    }


class Played(Stage):
    """Its virtual time begins with the test, and its plan is empty unless one is given."""

    board: PlayedBoard
    net: PlayedNet
    broker: PlayedBroker
    time_server: PlayedTimeServer

    @classmethod
    def at(cls, folder: Path, components: Json = BOX, plan: Plan | None = None, **config: Any) -> "Played":
        agenda = Agenda()
        times.use(VirtualClock(agenda))
        folder.mkdir(exist_ok=True)
        page = World.create(folder, b"\x24\xdc\xc3\1\2\3")
        facts = {**config_of(components), **config}
        world = BoardWorld("box-1", page, facts)
        world.wire()
        world.furnish()
        page.put("power", 1)
        page.put("halted", 1)
        return cls(
            agenda=agenda,
            trace=Trace(agenda),
            rng=random.Random(1),
            net=PlayedNet(),
            broker=PlayedBroker(),
            time_server=PlayedTimeServer(),
            dns=PlayedDns(),
            world=world,
            config=facts,
            keys={"booking-1": b"b" * 32, "ops-1": b"o" * 32},
            board=PlayedBoard(page),
            plan=plan or Plan("7", 24, "box-1", (), ()),
            codes={"lock-2": b"c" * 20},
        )

    # --- what a test does ---

    def run(self, seconds: float) -> None:
        self.agenda.run_until(self.agenda.now_us + round(seconds * 1_000_000))

    def begin(self, number: int, kind: str, /, lasts_us: int = HOUR_US, **args: Any) -> Fault:
        fault = Fault(number, self.agenda.now_us, lasts_us, kind, args)
        begin(fault, self)
        return fault

    def end(self, fault: Fault) -> None:
        end(fault, self)

    def act(self, people: People, kind: str, /, lasts_us: int = 5_000_000, **args: Any) -> None:
        people.act(Act(20_000, self.agenda.now_us, lasts_us, kind, args))

    def says(self, what: str, **content: Any) -> None:
        """The board publishes."""
        for callback in self.broker.heard:
            callback(f"sportbox/v1/test-site/box-1/{what}", json.dumps(content).encode(), False)

    def says_info(self, clock: str = "ntp", nonce: str = "n1", replay_log: str = "ok") -> None:
        self.says("info", clock=clock, nonce=nonce, replay_log=replay_log)

    def says_availability(self, what: str) -> None:
        for callback in self.broker.heard:
            callback("sportbox/v1/test-site/box-1/availability", what.encode(), False)

    def answers(self, jti: str, *results: str) -> None:
        for result in results:
            self.says("ack", jti=jti, result=result, reason=None, time=None)

    def notes(self, *kinds: str) -> list[Json]:
        """What the trace says of these kinds, without the times."""
        found = [record for record in self.trace.records if record["kind"] in kinds]
        return [{name: value for name, value in record.items() if name != "us"} for record in found]

    def level(self, pin: int) -> int:
        return self.world.world.input_level(pin)
