"""A part of the configuration changed by order: in use after a restart, or back by itself with the reason."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess, free_port
from host_tools.mqtt import Address, Topics
from host_tools.sim.flash import read_files
from host_tools.site.boardlog import Key
from host_tools.site.order import Ask, Told, give
from host_tools.site.renew.blob import seal
from tests.faults.helpers import SITE, Bench, Board, jti_of, patched_firmware
from tests.faults.helpers_listen import Listener

Json = dict[str, Any]
Answers = list[tuple[str, str | None]]

WIFI = "sportbox/net/wifi.py"
CONNECT = "            self._wlan.connect(self._ssid, self._password)\n"
REFUSED = '            if self._password == "wrong password":\n                return False\n'
"""As an access point does; a simulated one knows no passwords."""
CONSTANTS = {
    "sportbox/system/orders.py": {"_LEAVE_MS": 200},
    "sportbox/system/renewal.py": {"_TRIAL_S": 3, "_NO_WIFI_S": 3},
}
ACCEPTED = ("accepted", None)
DONE = ("done", None)
BACK = ("failed", "unreachable")


@dataclass
class Stage:
    bench: Bench
    broker: BrokerProcess
    heard: Listener
    firmware: Path

    def board(self, name: str, **changes: Any) -> Board:
        where = (self.broker.host, self.broker.port)
        board = self.bench.add(name, where, firmware=self.firmware, telemetry_s=5, **changes)
        board.boot()
        return board

    def nonce(self, board: Board) -> str:
        nonce: str = self.heard.latest(board, "info")["nonce"]
        return nonce

    def order(self, board: Board, args: Json, component: str | None = None, **changes: Any) -> str:
        claims = {"kid": "ops-1", "act": "configure", "nonce": self.nonce(board), "args": args, **changes}
        token = board.token(component, **claims)
        self.heard.send(board, token)
        return token

    def given(self, board: Board, ask: Ask) -> Told:
        """As the host's tools give an order."""
        address, topics = Address(self.broker.host, self.broker.port), Topics(SITE, board.name)
        return asyncio.run(give(address, topics, Key("ops-1", board.keys["ops-1"]), ask, print))

    def answers(self, board: Board, token: str, timeout_s: float = 40.0) -> Answers:
        """All, once the final one is there; each once, for it is given again after a restart."""
        jti = jti_of(token)
        final = ("done", "failed", "rejected")
        self.heard.wait(
            lambda h: [r for r, _ in h.acks(board, jti) if r in final], f"{board.name}'s answer", timeout_s
        )
        return list(dict.fromkeys(self.heard.acks(board, jti)))

    def renewals(self, board: Board) -> list[Json]:
        self.heard.wait(lambda h: h.events(board, "device.renewal"), "the event")
        found = {e["id"]: e["data"] for e in self.heard.events(board, "device.renewal")}
        return list(found.values())


@pytest.fixture
def stage(bench: Bench, mosquitto: BrokerProcess, run_dir: Path) -> Iterator[Stage]:
    firmware = patched_firmware(bench.folder, {WIFI: [(CONNECT, REFUSED + CONNECT)]}, CONSTANTS)
    with Listener(mosquitto.host, mosquitto.port, run_dir) as heard:
        yield Stage(bench, mosquitto, heard, firmware)


def sealed(board: Board, content: Json) -> str:
    text = seal(board.keys["ops-1"], json.dumps(content).encode())
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def config_of(board: Board) -> Json:
    config: Json = json.loads(read_files(board.sim.folder)["/config.json"])
    return config


def test_taken_over_and_back(stage: Stage) -> None:
    """Three boards: another rhythm of telemetry; a port where no broker is; a password that is wrong."""
    heard = stage.heard
    names = ("box-1", "box-2", "box-3")
    boards = [stage.board(name) for name in names]
    for board in boards:
        heard.wait_ready(board)
    quick, nowhere, locked_out = boards
    password = sealed(locked_out, {"wifi": {"password": "wrong password"}})
    orders = [
        stage.order(nowhere, {"set": {"broker": {"port": free_port()}}}, "device"),
        stage.order(locked_out, {"set": {"log_level": "debug"}, "set_sealed": password}),
    ]
    change = {"set": {"telemetry_s": 1, "hash": "ba9876543210"}}
    told = stage.given(quick, Ask("configure", lambda info: change, is_change=True))
    assert (told.result, told.info["config"]) == ("done", "ba9876543210")
    since = len(heard.of(quick, "telemetry"))
    heard.wait(lambda h: len(h.of(quick, "telemetry")) > since + 3, "telemetry each second", 12)
    assert stage.answers(nowhere, orders[0]) == [ACCEPTED, BACK]
    assert stage.answers(locked_out, orders[1]) == [ACCEPTED, BACK]
    for board, result in ((quick, DONE), (nowhere, BACK), (locked_out, BACK)):
        (data,) = stage.renewals(board)
        assert (data["result"], data["reason"]) == result
        board.cut()
        files = read_files(board.sim.folder)
        assert not [path for path in files if path.startswith("/next")]
        kept = [content for path, content in files.items() if not path.endswith(".mpy")]
        assert not any(b"wrong password" in content for content in kept)
    assert config_of(quick) == {**quick.config, "telemetry_s": 1, "hash": "ba9876543210"}
    for board in (nowhere, locked_out):
        assert config_of(board) == board.config
        assert heard.latest(board, "info")["config"] == board.config["hash"]


def test_what_is_refused(stage: Stage) -> None:
    board = stage.board("box-1")
    stage.heard.wait_ready(board)
    change = {"set": {"telemetry_s": 2}}

    def refused(args: Json, component: str | None = None, **changes: Any) -> str | None:
        ((result, reason),) = stage.answers(board, stage.order(board, args, component, **changes))
        assert result == "rejected"
        return reason

    for args in (
        {"set": {"telemetry_s": 0}},
        {"set": {"wifi": {"password": "a plain password"}}},
        {"set": {"no_such": 1}},
        {"set": {}},
        {**change, "reset": "clock"},
        {"set_sealed": "AAAA"},
        {"set_sealed": base64.urlsafe_b64encode(seal(b"x" * 32, b'{"wifi": {"ssid": "x"}}')).decode()},
    ):
        assert refused(args) == "malformed", args
    assert refused(change, "lock-1") == "malformed"
    assert refused(change, kid="booking-1") == "role"
    assert refused(change, nonce=None) == "clock"
    assert refused(change, nonce="0" * 16) == "clock"
    unlock = board.token("lock-1")
    stage.heard.send(board, unlock)
    stage.heard.wait_ack(board, unlock, "accepted")
    assert refused(change) == "busy"  # somebody is to open that door
    board.set("door-1", "pull")
    board.set("door-1", "closed")
    stage.heard.wait(lambda h: h.latest(board, "lock-1/state")["state"] == "locked", "the end of the lend")
    order = stage.order(board, change)
    assert stage.answers(board, order) == [ACCEPTED, DONE]
    stage.heard.send(board, order)
    jti = jti_of(order)
    stage.heard.wait(lambda h: h.acks(board, jti)[-1][0] == "rejected", "the refusal of the second one")
    stage.heard.wait(lambda h: h.latest(board, "info")["config"].endswith("+"), "the mark")
    board.cut()
    assert config_of(board)["telemetry_s"] == 2
