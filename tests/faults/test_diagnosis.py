"""Orders that ask a board at work how it is, or where: answers and events of a simulated board."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.sim.flash import read_files
from tests.faults.helpers import Bench, Board, jti_of, patched_firmware, wait_until
from tests.faults.helpers_listen import Listener

Json = dict[str, Any]

BUZZER = 60
BOX = "sportbox/box.py"
LOOP = "            stuck = self.supervisor.stuck(self.uptime.ms())\n"
CRASH = "            if self.history.boots == 2 and self.uptime.ms() > 500: self._no_such()\n"
ACCEPTED = ("accepted", None)
DONE = ("done", None)


class Asked:
    """A board, and who gives it orders of role ops."""

    def __init__(self, board: Board, heard: Listener) -> None:
        self.board = board
        self.heard = heard

    def order(self, act: str, **changes: Any) -> str:
        nonce = self.heard.latest(self.board, "info")["nonce"]
        token = self.board.token("device", **{"kid": "ops-1", "act": act, "nonce": nonce, **changes})
        self.heard.send(self.board, token)
        return token

    def answers(self, token: str) -> list[tuple[str, str | None]]:
        jti = jti_of(token)
        self.heard.wait(lambda h: [r for r, _ in h.acks(self.board, jti) if r != "accepted"], "the answer")
        return self.heard.acks(self.board, jti)

    def event(self, kind: str, token: str) -> Json:
        """The data of the event that the order led to."""
        jti = jti_of(token)

        def found() -> list[Json]:
            return [e["data"] for e in self.heard.events(self.board, kind) if e["data"]["jti"] == jti]

        self.heard.wait(lambda _: found(), kind)
        return found()[0]


@pytest.fixture
def asked(bench: Bench, mosquitto: BrokerProcess, run_dir: Path) -> Iterator[Asked]:
    changes = {BOX: [(LOOP, CRASH + LOOP)], "sportbox/run.py": [("PAUSE_S = 5 ", "PAUSE_S = 0.2 ")]}
    quick = {"sportbox/system/orders.py": {"_LEAVE_MS": 200}}
    firmware = patched_firmware(bench.folder, changes, quick)
    buzzer = {"pin": BUZZER, "active": 1}
    board = bench.add("box-1", (mosquitto.host, mosquitto.port), firmware=firmware, buzzer=buzzer)
    with Listener(mosquitto.host, mosquitto.port, run_dir) as heard:
        board.boot()
        heard.wait_ready(board)
        yield Asked(board, heard)
        board.cut()


def test_identify_is_seen_and_heard_and_a_selftest_moves_nothing(asked: Asked) -> None:
    world = asked.board.sim.view.world
    led = asked.board.config["led"]["pin"]
    wait_until(lambda: world.output_level(led) == 1, "the steady light")
    assert world.output_level(BUZZER) == 0
    assert asked.answers(asked.order("identify")) == [ACCEPTED, DONE]
    for _ in range(2):
        wait_until(lambda: world.output_level(BUZZER) == 1, "the buzzer")
        wait_until(lambda: world.output_level(BUZZER) == 0, "the pause")
        wait_until(lambda: world.output_level(led) == 0, "the light to blink")
        wait_until(lambda: world.output_level(led) == 1, "the light again")
    asked.heard.wait(lambda h: h.latest(asked.board, "court-1/state")["state"] == "free", "the court")
    pulses = asked.board.pulses()
    token = asked.order("selftest")
    assert asked.answers(token) == [ACCEPTED, DONE]
    data = asked.event("device.selftest", token)
    assert (data["passed"], data["failed"], data["clock"]) == (True, [], "ntp")
    world = asked.board.sim.view.world
    world.put("rssi_dbm", -90)
    token = asked.order("selftest")
    assert asked.answers(token) == [ACCEPTED, ("failed", "selftest")]
    data = asked.event("device.selftest", token)
    assert (data["passed"], data["failed"], data["rssi"]) == (False, ["wifi"], -90)
    assert asked.board.pulses() == pulses
    assert "/data/tried" not in read_files(asked.board.sim.folder)
    assert asked.answers(asked.order("selftest", kid="booking-1")) == [("rejected", "role")]
    assert asked.answers(asked.order("selftest", args={"x": 1})) == [("rejected", "malformed")]


def test_a_crash_is_told_again_and_a_reboot(asked: Asked) -> None:
    """The board restarts by order, crashes in that boot, and tells of it in the next, whenever asked."""
    token = asked.order("crash")
    assert asked.answers(token) == [ACCEPTED, DONE]
    assert asked.event("device.crash_report", token)["crash"] is None
    assert asked.answers(asked.order("reboot")) == [ACCEPTED, DONE]
    asked.heard.wait_ready(asked.board, boots=3, timeout_s=30)
    for _ in range(2):
        token = asked.order("crash")
        assert asked.answers(token) == [ACCEPTED, DONE]
        crash = asked.event("device.crash_report", token)["crash"]
        assert (crash["task"], crash["boot"]) == ("main", 2)
        assert "_no_such" in crash["error"] and "sportbox.box" in crash["stack"]
    told = {e["id"]: e for e in asked.heard.events(asked.board, "device.crashed")}
    assert len(told) == 1
