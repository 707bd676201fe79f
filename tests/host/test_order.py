"""`order` and `configure` against a real broker, with a board that plays what the test tells it to."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.commands import configure
from host_tools.commands.configure import _Known
from host_tools.site import order
from host_tools.site.boardlog import Key
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_issued import config_of
from host_tools.site.load import load_site
from host_tools.site.order import Limits
from host_tools.site.resolve import config_hash, device_config
from host_tools.site.setting import read_change
from host_tools.token import unverified_claims
from tests.host.helpers import ROSTOCK
from tests.host.played_board import TOPICS, MakeBoard, PlayedBoard

Json = dict[str, Any]

INFO = {"bootid": "0" * 12, "nonce": "0" * 16, "config": "0123456789ab", "boot": 3, "reset": "hard"}
CRASH = {"task": "main", "error": "E \x1b[31m", "stack": "a\nb", "boot": 2, "time": "2026-11-29T12:00:00Z"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "Limits", functools.partial(Limits, present_s=1.0, again_s=0.05))


class Plays:
    """Answers an order with the results, and an event between."""

    def __init__(self, *results: tuple[str, str | None], event: Json | None = None, **info: Any) -> None:
        self.results = results
        self.event = event
        self.info = info
        self.claims: Json = {}

    def __call__(self, board: PlayedBoard, jti: str | None) -> None:
        self.claims = unverified_claims(board.commands[-1].payload.decode()) or {}
        for number, (result, reason) in enumerate(self.results):
            board.ack(jti, result, reason)
            if number == 0 and self.event is not None:
                kind = "device.selftest" if "passed" in self.event else "device.crash_report"
                event = {"type": f"sportbox.{kind}", "data": {**self.event, "jti": jti}}
                board.publish(TOPICS.event, json.dumps(event).encode())
        if self.info:
            info = {**INFO, **self.info}
            if info.get("renewal") == "its":
                info["renewal"] = hashlib.sha256(str(jti).encode()).hexdigest()[:12]
            board.publish(TOPICS.info, json.dumps(info).encode(), retain=True)


def run(
    capsys: pytest.CaptureFixture[str], broker: BrokerProcess, folder: Path, *words: str
) -> tuple[int, str, str]:
    command, *rest = words
    status = main([command, str(ROSTOCK), "box-1", *rest, "--broker", broker.url, "--state", str(folder)])
    told = capsys.readouterr()
    return status, told.out, told.err


def online(board: MakeBoard, plays: Plays, **info: Any) -> PlayedBoard:
    made = board(plays)
    made.publish(TOPICS.info, json.dumps({**INFO, **info}).encode(), retain=True)
    return made


DONE = (("accepted", None), ("done", None))


def test_identify(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plays = Plays(*DONE)
    online(board, plays)
    status, out, _ = run(capsys, broker, tmp_path, "order", "identify")
    assert (status, out) == (0, "box-1 blinks for ten seconds, and sounds if it has a buzzer\n")
    claims = plays.claims
    assert (claims["act"], claims["cmp"], claims["nonce"]) == ("identify", "device", "0" * 16)


def test_reboot_waits_until_it_is_back(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    online(board, Plays(*DONE, bootid="1" * 12, boot=4))
    status, out, _ = run(capsys, broker, tmp_path, "order", "reboot")
    assert status == 0
    assert out.endswith("boot 4, reset hard\n")


def test_selftest(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"heap_free": 70_000, "flash_free": 1, "rssi": -90, "clock": "ntp", "queue": 0}
    failed = (("accepted", None), ("failed", "selftest"))
    online(board, Plays(*failed, event={"passed": False, "failed": ["wifi", "x\x1b[31m"], **figures}))
    status, out, _ = run(capsys, broker, tmp_path, "order", "selftest")
    assert status == 1
    assert out.startswith("box-1: out of order: wifi, x\\x1b[31m\n")
    assert "it hears its Wi-Fi badly" in out
    status, out, _ = run(capsys, broker, tmp_path, "order", "selftest", "--json")
    told = json.loads(out)
    assert (status, told["result"], told["failed"], told["rssi"]) == (1, "failed", ["wifi", "x\x1b[31m"], -90)


@pytest.mark.parametrize(
    ("crash", "words"), [(None, "knows of no crash"), (CRASH, "main fell, in boot 2, 2026-")]
)
def test_crash(
    crash: Json | None,
    words: str,
    broker: BrokerProcess,
    board: MakeBoard,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    online(board, Plays(*DONE, event={"crash": crash}))
    status, out, _ = run(capsys, broker, tmp_path, "order", "crash")
    assert status == 0
    assert words in out
    assert "\x1b" not in out


def test_an_order_that_is_refused(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    online(board, Plays(("rejected", "signature")))
    status, out, err = run(capsys, broker, tmp_path, "order", "identify")
    assert (status, out) == (1, "")
    assert "error: `box-1` refuses it: signature\nhint: the board has other keys" in err


def test_a_nonce_of_before_a_restart_is_no_failure(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Restarted(Plays):
        def __call__(self, board: PlayedBoard, jti: str | None) -> None:
            self.results = DONE if len(board.commands) == 2 else (("rejected", "clock"),)
            super().__call__(board, jti)

    plays = Restarted(nonce="1" * 16)
    online(board, plays)
    assert run(capsys, broker, tmp_path, "order", "identify")[0] == 0
    assert plays.claims["nonce"] == "1" * 16


def test_boards_that_are_not_there(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, broker, tmp_path, "order", "identify")
    assert status == 3
    assert "`box-1` has never been at this broker" in err
    made = online(board, Plays(*DONE), firmware="safe")
    status, _, err = run(capsys, broker, tmp_path, "order", "identify")
    assert status == 1
    assert "safe mode" in err
    made.publish(TOPICS.availability, b"sleeping", retain=True)
    status, _, err = run(capsys, broker, tmp_path, "order", "identify")
    assert status == 3
    assert "wake_by" in err


def test_configure(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plays = Plays(*DONE, config="0123456789ab+", renewal="its", bootid="1" * 12)
    online(board, plays)
    status, out, err = run(capsys, broker, tmp_path, "configure", "telemetry_s=7", "--json")
    told = json.loads(out)
    assert status == 0
    assert told == {
        "device": "box-1",
        "set": {"telemetry_s": 7},
        "secret": [],
        "result": "done",
        "reason": None,
        "config": "0123456789ab+",
    }
    assert plays.claims["args"] == {"set": {"telemetry_s": 7}}
    status, out, err = run(capsys, broker, tmp_path, "configure", "telemetry_s=7")
    assert (status, out) == (0, "box-1 uses it: telemetry_s = 7\n")
    assert "to keep it" in err


def test_the_hash_is_told_where_it_is_known_what_the_board_has(tmp_path: Path) -> None:
    """It is noted before the board gets it, so that `site plan` shows the difference."""
    site_file = tmp_path / "site.yaml"
    site_file.write_text(ROSTOCK.read_text())
    site = load_site(site_file)
    config = device_config(site, "box-1")
    known = _Known(site_file, site, "box-1")
    key = Key("ops-1", b"k" * 32)
    first = known.args(read_change(["telemetry_s=7"]), key, {"config": config["hash"]})["set"]
    assert first == {"telemetry_s": 7, "hash": config_hash({**config, "telemetry_s": 7})}
    assert list(tmp_path.iterdir()) == [site_file], "no inventory is made for a simulation"
    inventory = Inventory.open(site_file)
    told = known.args(read_change(["telemetry_s=7"]), key, {"config": config["hash"]})["set"]["hash"]
    assert config_of(inventory, told) == {**config, "telemetry_s": 7, "hash": told}
    second = known.args(read_change(["log_level=debug"]), key, {"config": told})["set"]
    assert second["hash"] == config_hash({**config, "telemetry_s": 7, "log_level": "debug"})
    for had in ({}, {"config": "ba9876543210"}, {"config": told + "+"}):
        assert known.args(read_change(["window=4"]), key, had) == {"set": {"mqtt": {"window": 4}}}
    change = read_change(["window=4"], "a new password")
    assert "hash" not in known.args(change, key, {"config": told})["set"]


def test_a_board_that_went_back(
    broker: BrokerProcess, board: MakeBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "wifi"
    secret.write_text("a new password\n")
    secret.chmod(0o600)
    plays = Plays(("accepted", None), ("failed", "unreachable"), bootid="1" * 12)
    online(board, plays)
    status, out, err = run(capsys, broker, tmp_path, "configure", "--wifi-password-file", str(secret))
    assert status == 1
    assert out == "box-1 has what it had before: with what is new it did not reach the broker\n"
    assert set(plays.claims["args"]) == {"set_sealed"}
    assert "a new password" not in out + err


def test_a_board_that_went_to_another_broker_answers_there(
    broker: BrokerProcess,
    board: MakeBoard,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configure, "FINAL_S", 0.5)
    online(board, Plays(("accepted", None)))
    status, out, err = run(capsys, broker, tmp_path, "configure", "broker.host=new.example")
    assert (status, out) == (3, "")
    assert "hint: its answer goes to the broker that it was told of: sportbox watch" in err


@pytest.mark.parametrize(
    "words",
    [["order", "dance"], ["order"], ["configure"], ["configure", "telemetry_s=0"], ["configure", "x=1"]],
)
def test_bad_input(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([words[0], str(ROSTOCK), "box-1", *words[1:]]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "error: " in told.err
