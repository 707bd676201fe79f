"""Safe mode on simulated boards against real brokers: all that is left when no firmware runs."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cryptography.x509 import load_der_x509_certificate

from host_tools.broker import BrokerProcess
from host_tools.sim.flash import read_files
from host_tools.site import ca
from host_tools.update.build import build
from host_tools.update.form import Range, sha256
from tests.faults.helpers import SITE, Bench, Board, jti_of, wait_until
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_safe import (
    HEARD,
    Blocks,
    break_slots,
    order,
    received,
    record_of,
    safe_firmware,
    small_bundle,
    state_of,
    wait_safe,
    wall_s,
)
from tests.faults.helpers_stage import side_by_side
from tests.faults.helpers_tls import DAY, Server, TlsBroker, certified
from tests.faults.peer import Behaviour, Peer

DAY_S = 86400
NO_TIME = ("255.255.255.255", 123)  # refused at once


def an_update_comes_over_a_power_cut(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    """It goes on where it was, and what is whole is left to the loader."""
    bundle = small_bundle()
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = bench.add("box-1", (broker.host, broker.port), firmware=safe_firmware(bench.folder))
        blocks = Blocks(heard, bundle)
        blocks.spoil = lambda at, data: data if at < 3000 else None
        board.boot()
        info = wait_safe(heard, board)
        assert (info["why"], info["slot"], info["update"]) == ("starts", "a", None)
        heard.wait(lambda heard: heard.of(board, "availability"), "online")
        assert heard.of(board, "availability")[-1].payload == b"online"
        token = order(board, info, bundle)
        heard.send(board, token)
        heard.wait_ack(board, token, "accepted")
        wait_until(lambda: blocks.asked[-1:] >= [3000], "a block that does not come")
        heard.send(board, token)  # the same order while it runs
        heard.wait(lambda heard: len(heard.acks(board, jti_of(token))) == 2, "the same answer")
        other = order(board, info, bundle)
        heard.send(board, other)
        assert heard.wait_ack(board, other, "rejected") == [("rejected", "busy")]
        board.cut()
        heard.wait(lambda heard: heard.of(board, "availability")[-1].payload == b"offline", "the last will")
        assert record_of(board)["update"]["state"] == "pull"
        blocks.asked.clear()
        blocks.spoil = lambda at, data: data
        board.boot()
        assert wait_safe(heard, board, 2)["update"] == {"state": "pull", "version": "0.2.0"}
        wait_safe(heard, board, 3)
        board.cut()
        assert blocks.asked[0] >= 3000
        assert received(board) == bundle
        assert record_of(board)["update"]["state"] == "ready"
        assert heard.acks(board, jti_of(token)) == [("accepted", None)] * 2


def refusals(board: Board, info: dict[str, Any], bundle: bytes) -> list[tuple[str, str]]:
    """(a token or what was taken for one, the reason why it is refused)."""
    nonce = info["nonce"]

    def ops(act: str = "reboot", **changes: Any) -> str:
        return board.token(None, kid="ops-1", act=act, **{"nonce": nonce, **changes})

    args = {"sha256": sha256(bundle), "size": len(bundle), "version": "0.2.0"}
    return [
        (ops(nonce=None), "clock"),
        (ops(nonce="0" * 16), "clock"),
        (ops("unlock", cmp="lock-1"), "busy"),
        (ops("configure", args={"reset": "clock"}), "busy"),
        (board.token("lock-1", nonce=nonce), "busy"),
        (board.token(None, act="update", nonce=nonce, args=args), "role"),
        (ops(secret=b"x" * 32), "signature"),
        (ops(aud=f"{SITE}/box-2"), "audience"),
        (ops(cmp="lock-1"), "malformed"),
        (ops(exp=4 * DAY_S + 1, iat=0, nbf=0), "lifetime"),
        (ops("update"), "malformed"),
        (ops("update", args={**args, "size": "1"}), "malformed"),
        (ops("update", args={**args, "size": 0}), "malformed"),
        (ops("update", args={**args, "version": "2"}), "malformed"),
        (ops("update", args={**args, "sha256": "0" * 63}), "malformed"),
        (ops("update", args={**args, "allow_downgrade": 1}), "malformed"),
        (ops("update", args={"abort": True}), "busy"),
    ]


def test_only_orders_of_this_start_count(bench: Bench, run_dir: Path, mosquitto: BrokerProcess) -> None:
    bundle = small_bundle("box-2")
    with Listener(mosquitto.host, mosquitto.port, run_dir, HEARD) as heard:
        board = bench.add("box-1", (mosquitto.host, mosquitto.port), firmware=safe_firmware(run_dir))
        board.boot()
        info = wait_safe(heard, board)
        for token, reason in refusals(board, info, bundle):
            heard.send(board, token)
            assert heard.wait_ack(board, token, "rejected") == [("rejected", reason)]
        for raw, reason, retain in ((b"x" * 3000, "too_large", False), (b"x.y", "malformed", False)):
            count = len(heard.acks(board, None))
            heard.send(board, raw, retain=retain)
            heard.wait(lambda heard, n=count: len(heard.acks(board, None)) > n, f"an answer: {reason}")
            assert heard.acks(board, None)[-1] == ("rejected", reason)
        board.set("wifi", "down")
        wait_until(lambda: "Wi-Fi lost" in board.sim.log(), "a board that notices")
        board.set("wifi", "up")
        heard.wait(lambda heard: len(heard.of(board, "info")) == 2, "the board again")
        mosquitto.restart()
        heard.wait_subscribed(2)
        heard.wait(lambda heard: len(heard.of(board, "info")) == 3, "the board again")
        assert heard.latest(board, "info")["nonce"] == info["nonce"]  # it was no restart
        token = board.token(None, kid="ops-1", act="reboot", nonce=info["nonce"])
        heard.send(board, token)
        assert heard.wait_ack(board, token, "done") == [("accepted", None), ("done", None)]
        again = wait_safe(heard, board, 2)
        assert again["nonce"] != info["nonce"]
        heard.send(board, token)
        heard.wait_ack(board, token, "rejected")
        assert heard.acks(board, jti_of(token))[-1] == ("rejected", "clock")
        assert set(board.pulses().values()) == {0}


def what_ends_an_update(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    """Each is told with its reason, and the next order is taken."""
    good = small_bundle()
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = bench.add("box-1", (broker.host, broker.port), firmware=safe_firmware(bench.folder))
        blocks = Blocks(heard, good)
        board.boot()
        info = wait_safe(heard, board)
        future = small_bundle(series=Range(first="9.0.0", below="9.1.0"))
        alike = sha256(good)[:16].ljust(64, "0")
        for bundle, digest, damage, reason in (
            (small_bundle("box-9"), "", b"", "board"),
            (future, "", b"", "micropython"),
            (good, "", b"~", "block"),
            (good, alike, b"", "hash"),
        ):
            token = order(board, info, bundle, args={"sha256": digest or sha256(bundle)})
            blocks.bundle = bundle
            blocks.spoil = lambda at, data, end=damage: data[: len(data) - len(end)] + end
            heard.send(board, token)
            assert heard.wait_ack(board, token, "failed")[-1] == ("failed", reason)
        heard.send(board, token)
        heard.wait_ack(board, token, "rejected")
        assert heard.acks(board, jti_of(token))[-1] == ("rejected", "replayed")
        blocks.spoil = lambda at, data: None
        token = order(board, info, good)
        heard.send(board, token)
        heard.wait_ack(board, token, "accepted")
        abort = board.token(None, kid="ops-1", act="update", args={"abort": True}, nonce=info["nonce"])
        heard.send(board, abort)
        assert heard.wait_ack(board, token, "failed")[-1] == ("failed", "aborted")
        heard.wait_ack(board, abort, "accepted", "done")
        board.cut()
        assert received(board) == b""
        assert record_of(board)["update"]["reason"] == "aborted"
        board.boot()
        heard.wait(lambda heard: len(heard.acks(board, jti_of(token))) == 3, "the answer once more")


def both_slots_are_broken_and_then_mended(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    """From the boot loop to the new version, with nothing but the board and a broker."""
    bundle = build(version="0.2.0")
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = bench.add("box-1", (broker.host, broker.port))
        break_slots(board)
        Blocks(heard, bundle)
        board.boot()
        info = wait_safe(heard, board)
        assert info["slot"] == "b"  # the one that was tried last
        token = order(board, info, bundle)
        heard.send(board, token)
        heard.wait_ack(board, token, "accepted")
        heard.wait(
            lambda heard: (heard.latest(board, "info") or {}).get("firmware") == "0.2.0",
            "the new version",
            30,
        )
        assert set(board.pulses().values()) == {0}


def test_safe_mode_behind_tls(bench: Bench, run_dir: Path) -> None:
    """The board proves who it is, and shakes hands with nobody else."""
    authority, stranger = ca.new_authority(SITE), ca.new_authority(SITE)
    bundle = small_bundle()
    firmware = safe_firmware(run_dir)
    with (
        TlsBroker(run_dir / "broker", Server(stranger, boards_of=authority)).launch() as broker,
        Listener(broker.host, broker.port, run_dir, HEARD) as heard,
    ):
        board = certified(bench, "box-1", broker.boards, authority, firmware=firmware, ntp=NO_TIME)
        board.boot()
        wait_until(lambda: "ValueError" in board.sim.log(), "a broker that is refused")
        assert heard.of(board, "info") == []
        broker.show(Server(authority))
        heard.wait_subscribed(2)
        Blocks(heard, bundle)
        token = order(board, wait_safe(heard, board), bundle)
        heard.send(board, token)
        heard.wait_ack(board, token, "accepted")
        wait_until(lambda: state_of(board) == "ready", "the whole bundle")
        board.cut()
        assert received(board) == bundle
        assert "u'box-1'" in broker.log_path.read_text()
        own = load_der_x509_certificate(read_files(board.sim.folder)["/certs/device.der"])
        assert abs(wall_s(board) - own.not_valid_before_utc.timestamp()) < 60  # no server told it the time
        broker.show(Server(authority, begins=DAY))  # younger than all that the board knows
        board.boot()
        wait_until(lambda: wall_s(board) > time.time() + DAY.total_seconds() - 60, "a board that believes it")


def test_a_broker_that_hangs_costs_a_restart(bench: Bench, run_dir: Path) -> None:
    """Wherever it does; then it answers, and the board stays."""
    firmware = safe_firmware(run_dir, _WATCHDOG_MS=700, _PING_MS=150)
    hung: list[dict[str, Any]] = [{"connack": "never"}, {"suback": "never"}, {"pingresp": "never"}]
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(Behaviour(**how))) for how in hung]
        boards = [bench.add(f"box-{n}", (p.host, p.port), firmware=firmware) for n, p in enumerate(peers)]
        for board in boards:
            board.boot()
        for board, peer in zip(boards, peers, strict=True):
            wait_until(lambda b=board: b.sim.log().count("safe mode: starts") >= 2, "another start")
            peer.behaviour = Behaviour()
        for peer in peers:
            seen = len(peer.packets("PINGREQ"))
            peer.wait_for("PINGREQ", seen + 6)  # longer than the watchdog waits
            told = [json.loads(p.payload) for p in peer.packets("PUBLISH") if p.topic.endswith("/info")]
            assert {info["firmware"] for info in told} == {"safe"}
            assert peer.malformed == []


def test_safe_mode_at_a_broker(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        an_update_comes_over_a_power_cut,
        what_ends_an_update,
        both_slots_are_broken_and_then_mended,
    )
