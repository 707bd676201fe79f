"""The self-test on simulated boards: a full box passes with somebody moving things, and each planted fault is
found and named. The boards run side by side."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.port.selftest import Finding, Session
from host_tools.port.selftest_why import why
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config
from tests.components import EXPANDER, I2C, RTC, court, door, gate, latch, lock, motor, release
from tests.faults.helpers import Bench, Board
from tests.faults.helpers_held import held_board, held_firmware

Json = dict[str, Any]
Address = tuple[str, int]

FULL_SITE = Path(__file__).with_name("full-site.yaml")
HARDWARE = ("board", "chip", "components", "i2c", "expander", "rtc", "buzzer", "led", "utc_offsets")
BATTERY = {"pin": 8, "ratio_permille": 2000, "ok_mv": 3600, "low_mv": 3450, "critical_mv": 3300}
PULL_S = 1.0
SHORT_MS = 800
MAKING = threading.Lock()
"""A zygote boots one board at a time."""


class Hand:
    """Does on a simulated board what a technician is asked to, but for what is `idle`."""

    def __init__(self, board: Board, answers: bool = True, idle: tuple[str, ...] = ()) -> None:
        self._board = board
        self._idle = idle
        self._answer: str | None = None
        self._asked: bool | None = None
        self._work: list[threading.Thread] = []
        self.can_answer = answers
        self.prompts: list[tuple[str, str, str]] = []

    def prompt(self, expect: str, component: str, text: str) -> None:
        self.prompts.append((expect, component, text))
        if expect in ("look", "listen"):
            self._answer = "yes" if self.can_answer else None
        elif component not in self._idle:
            thread = threading.Thread(target=self._do, args=(expect, component))
            thread.start()
            self._work.append(thread)

    def _do(self, expect: str, component: str) -> None:
        move = {
            "close": (component, "closed"),
            "press": (component, "press"),
            "let_go": (component, "clear"),
            "move": (component, "occupied"),
            "walk_in": (component, "occupied"),
            "go_away": (component, "free"),
            "go_in": (component, "in"),
            "go_out": (component, "out"),
            "open_housing": (component, "open"),
            "close_housing": (component, "closed"),
            "type": (component, "1234567890*#"),
        }.get(expect)
        if move is not None:
            self._board.set(*move)
        elif expect in ("open", "pull"):
            end = time.monotonic() + PULL_S
            while time.monotonic() < end and not self._board.set(component, "pull")["moved"]:
                time.sleep(0.02)

    def wait(self, left_s: float) -> None:
        return None

    def answer(self) -> str | None:
        answer, self._answer = self._answer, None
        return answer

    def ask(self, component: str, text: str) -> bool | None:
        return self._asked

    def done(self, text: str) -> None:
        return None

    def end(self) -> None:
        for thread in self._work:
            thread.join(PULL_S + 5)


class Scene:
    """One board that is tested."""

    def __init__(self, bench: Bench, name: str, broker: Address, **changes: Any) -> None:
        self.config = changes
        firmware = bench.folder / "held-firmware"
        with MAKING:
            self.board, self.console = held_board(bench, name, broker, firmware, **changes)
        self.findings: list[Finding] = []

    def test(self, *components: str, hand: Hand | None = None, patience_s: float = 1.5) -> "Scene":
        """Checks all; of the steps those of `components`."""
        hand = hand or Hand(self.board)
        session = Session(self.console, hand, (), patience_s)
        plan = session.start()
        self.findings = [session.check(*pair) for pair in plan.checks]
        for name, component in plan.steps:
            if not components or component in components:
                self.findings += session.step(name, component)
        hand.end()
        return self

    def again(self, check: str, component: str) -> Finding:
        """One check, with parts built anew."""
        session = Session(self.console, Hand(self.board))
        session.start()
        return session.check(check, component)

    def failed(self) -> dict[str, str]:
        """Component and why, of what failed."""
        return {one.component: one.why for one in self.findings if one.ok is False}

    def untold(self) -> dict[str, str]:
        return {one.component: one.why for one in self.findings if one.ok is None}

    def cure(self, component: str) -> tuple[str, str]:
        one = next(one for one in self.findings if one.component == component and one.ok is False)
        return why(one.check, component, one.why, one.value, self.config)


def full(device: str) -> Json:
    config = device_config(load_site(FULL_SITE), device)
    return {name: config[name] for name in HARDWARE if config.get(name) is not None}


def a_full_box(bench: Bench, broker: Address) -> None:
    scene = Scene(bench, "box-1", broker, **full("box-1")).test(patience_s=8)
    assert scene.failed() == {} and scene.untold() == {}
    done = {(one.check, one.component) for one in scene.findings}
    assert {("keypad", "keypad-1"), ("gate", "gate-1"), ("tamper", "tamper-1"), ("led", "led")} <= done
    assert {("door", f"door-{n}") for n in range(1, 9)} | {("lock", f"lock-{n}") for n in range(1, 9)} <= done
    for name, facts in scene.board.sim.show()["locks"].items():
        assert not facts["energised"] and not facts["faults"], name
    assert scene.console.free_bytes() > 12_000


def a_full_court(bench: Bench, broker: Address) -> None:
    scene = Scene(bench, "court-1", broker, **full("court-1")).test(patience_s=8)
    assert scene.failed() == {} and scene.untold() == {}
    done = {(one.check, one.component) for one in scene.findings}
    assert {("pir", "pir-1"), ("radar", "radar-1"), ("tof", "tof-1"), ("pir", "pir-2")} <= done


def a_cut_contact_and_a_latch_that_sticks(bench: Bench, broker: Address) -> None:
    """By name, with the pin; and what hangs on them is not put down to anything else."""
    components = {
        "lock-1": lock(1),
        "door-1": door(1),
        "lock-2": lock(2, latch=latch(2), release_ms=SHORT_MS),
        "door-2": door(2),
    }
    scene = Scene(bench, "box-2", broker, components=components)
    scene.board.set("door-1", "cut")
    scene.board.set("lock-2", "jam")
    scene.test(hand=Hand(scene.board, answers=False))
    assert scene.failed() == {"door-1": "never_closed", "lock-2": "not_moved"}
    assert scene.untold() == {"lock-1": "door", "door-2": "lock", "led": "not_confirmed"}
    assert "GPIO 11" in scene.cure("door-1")[1] and "never closed" in scene.cure("door-1")[0]
    assert "GPIO 2" in scene.cure("lock-2")[1]
    assert scene.board.pulses()["lock-1"] == 0, (
        "a lock behind a contact that cannot be believed is left alone"
    )


def a_motor_that_jams_and_a_door_that_nobody_pulls(bench: Bench, broker: Address) -> None:
    components = {
        "lock-3": motor(3, run_ms=600),
        "door-3": door(3),
        "lock-4": lock(4, release_ms=SHORT_MS),
        "door-4": door(4, release="release-4"),
        "release-4": release(4),
    }
    scene = Scene(bench, "box-6", broker, components=components)
    scene.board.set("lock-3", "jam")
    scene.test(hand=Hand(scene.board, idle=("door-4", "release-4")))
    assert scene.failed() == {"lock-3": "jammed", "lock-4": "not_opened", "release-4": "never_pressed"}
    assert scene.untold() == {"door-3": "lock", "door-4": "lock"}
    strike = scene.board.sim.show()["locks"]["lock-4"]
    assert strike["pulses"] == 2 and strike["longest_ms"] <= SHORT_MS + 100


def no_expander_and_a_silent_radar(bench: Bench, broker: Address) -> None:
    hardware = {"i2c": I2C, "expander": EXPANDER, "rtc": RTC}
    components = {
        "lock-1": lock(64),
        "door-1": door(1, pin=72),
        "court-1": court(radar=True, tof=True),
    }
    components["lock-1"]["door"] = "door-1"
    scene = Scene(bench, "box-3", broker, components=components, **hardware)
    for component, fault in (("expander", "lost"), ("rtc", "lost"), ("radar-1", "silent"), ("tof-1", "lost")):
        scene.board.set(component, fault)
    scene.test("door-1", "court-1", patience_s=2)
    assert scene.failed() == {
        "rtc": "no_answer",
        "expander": "no_answer",
        "door-1": "no_answer",
        "radar-1": "never_occupied",
        "tof-1": "never_occupied",
    }
    first = [one.why for one in scene.findings if one.component in ("radar-1", "tof-1")]
    assert first[:2] == ["silent", "no_answer"], "the checks without a hand find them, too"
    assert "GPIO 43" in scene.cure("expander")[1]


def odd_at_rest(bench: Bench, broker: Address) -> None:
    """Found without a hand: a release that reads as pressed, a broken beam, a bolt at both ends, a radar that
    talks rubbish, a nearly empty battery, hardly any reception."""
    components = {
        "lock-3": motor(3),
        "door-3": door(3, release="release-3"),
        "release-3": release(3),
        "gate-1": gate(),
        "court-1": court(pir=False, radar=True),
    }
    power = {"source": "battery", "battery": BATTERY, "sleep": None, "solar": None}
    scene = Scene(bench, "box-7", broker, components=components, power=power)
    scene.board.set("release-3", "press")
    scene.board.set("radar-1", "garbage")
    scene.board.set("battery", "3250")
    world = scene.board.sim.view.world
    world.put("rssi_dbm", -83)
    world.drive(22, 1)
    world.stick(46, 0)
    world.stick(47, 0)
    scene.test("nothing")
    assert scene.failed() == {
        "wifi": "too_weak",
        "battery": "low",
        "radar-1": "garbage",
        "gate-1": "blocked",
        "lock-3": "both_ends",
        "release-3": "pressed",
    }
    assert "beam b" in scene.cure("gate-1")[0] and "-83 dBm" in scene.cure("wifi")[0]
    assert "GPIO 25" in scene.cure("release-3")[1]
    scene.board.set("battery", "0")
    assert scene.again("battery", "battery").why == "implausible"


def no_wifi(bench: Bench, broker: Address) -> None:
    """And a port expander that nothing hangs on: it answers nevertheless."""
    hardware = {"i2c": I2C, "expander": EXPANDER}
    scene = Scene(bench, "box-4", broker, components={"court-1": court()}, **hardware)
    scene.board.set("wifi", "down")
    scene.test("nothing")
    assert scene.failed() == {"wifi": "no_network"}
    assert scene.untold() == {"network": "no_wifi", "broker": "no_wifi"}


def nobody_answers(bench: Bench, broker: Address) -> None:
    """Time server and broker away, a changed file, a file that is gone, no room."""
    scene = Scene(bench, "box-5", ("127.0.0.1", 1), components={"court-1": court()})
    scene.board.set("clock", "lost")
    scene.console.run(
        "import os; os.remove('/a/sportbox/signals.mpy')\n"
        "f = open('/a/sportbox/kit.mpy', 'ab'); f.write(b'x'); f.close()\n"
        "f = open('/filler', 'wb'); block = bytes(4096)\n"
        "for _ in range(os.statvfs('/')[3] - 12): n = f.write(block)\n"
        "f.close()"
    )
    scene.test("nothing")
    why_not = {(one.check, one.why) for one in scene.findings if one.ok is False}
    assert why_not == {
        ("files", "changed"),
        ("flash", "full"),
        ("time", "no_answer"),
        ("broker", "unreachable"),
    }
    files = next(one for one in scene.findings if one.check == "files")
    assert set(files.value["wrong"]) == {"/a/sportbox/kit.mpy", "/a/sportbox/signals.mpy"}


def test_faults_are_found_and_named(bench: Bench, mosquitto: BrokerProcess) -> None:
    scenes = (
        a_full_box,
        a_full_court,
        a_cut_contact_and_a_latch_that_sticks,
        a_motor_that_jams_and_a_door_that_nobody_pulls,
        no_expander_and_a_silent_radar,
        odd_at_rest,
        no_wifi,
        nobody_answers,
    )
    address = (mosquitto.host, mosquitto.port)
    held_firmware(bench.folder)
    with ThreadPoolExecutor(len(scenes)) as pool:
        futures = {scene.__name__: pool.submit(scene, bench, address) for scene in scenes}
    failures = [f"{name}: {e}" for name, future in futures.items() if (e := future.exception()) is not None]
    if failures:
        pytest.fail("\n\n".join(failures))
