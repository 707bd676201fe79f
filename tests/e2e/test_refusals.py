"""Orders that a board must not carry out, over a real broker: each is refused with its reason, and no coil
moves (the world counts every pulse)."""

import base64
import json
import time
import uuid
from pathlib import Path

import jwt
import pytest

from host_tools.broker import BrokerProcess, Kind
from tests.brokers import wait_until
from tests.faults.helpers import Bench, Board, jti_of, patched_firmware
from tests.faults.helpers_check import check_events
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_stage import side_by_side

TOKEN_MAX = 1536
PACKET_MAX = 2048
HOUR_S = 3600
DAY_S = 24 * HOUR_S
LEEWAY_S = 60
RETAINED = ("rejected", "retained")
NO_PULSE = {"lock-1": 0, "lock-2": 0}


def new_board(bench: Bench, broker: BrokerProcess) -> Board:
    """Without power yet. Its firmware asks for the time every second, and not only after five."""
    often = {"sportbox/system/timekeeper.py": {"_SYNC_RETRY_MS": 1000}}
    firmware = patched_firmware(bench.folder, constants=often)
    return bench.add("box-1", (broker.host, broker.port), firmware=firmware)


def started(bench: Bench, broker: BrokerProcess, heard: Listener) -> Board:
    board = new_board(bench, broker)
    board.boot()
    heard.wait_ready(board)
    return board


def encoded(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def with_header(board: Board, header: dict[str, object], algorithm: str = "HS256") -> str:
    return jwt.encode(board.claims(), board.keys["booking-1"], algorithm, headers=header)


def tampered(board: Board) -> str:
    """A booking for compartment 1, its claims changed to compartment 2 after signing."""
    head, body, mac = board.token("lock-1").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return ".".join([head, encoded({**claims, "cmp": "lock-2"}), mac])


def padded(board: Board, size: int) -> str:
    """A valid order of exactly `size` bytes or a few more."""
    bare = len(board.token(note=""))
    return board.token(note="x" * ((size - bare) * 3 // 4 + 2))


def flipped_last_bit(token: str) -> str:
    head, body, mac = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(mac + "=="))
    raw[-1] ^= 1
    return ".".join([head, body, base64.urlsafe_b64encode(raw).rstrip(b"=").decode()])


def bad_orders(board: Board) -> list[tuple[str, str, str]]:
    """(what is wrong, token, the reason it must be refused for). All could be read, so all are named."""
    now = int(time.time())
    key = board.keys["booking-1"]
    unsigned = ".".join([encoded({"alg": "none", "kid": "booking-1"}), encoded(board.claims()), "AA"])
    other = "test-site/box-2"
    return [
        ("another key", board.token(secret=b"k" * 32), "signature"),
        ("one bit of the signature", flipped_last_bit(board.token()), "signature"),
        ("claims changed after signing", tampered(board), "signature"),
        ("the ops key under the booking key's name", board.token(secret=board.keys["ops-1"]), "signature"),
        ("no algorithm", unsigned, "signature"),
        ("HS512", with_header(board, {"kid": "booking-1"}, "HS512"), "signature"),
        ("a key version to come", board.token(kid="booking-2", secret=key), "key"),
        ("no key named", with_header(board, {}), "key"),
        ("to lock with a booking key", board.token(act="lock"), "role"),
        ("to reboot with a booking key", board.token(act="reboot", cmp="device"), "role"),
        ("for another box", board.token(aud=other), "audience"),
        ("for two boxes", board.token(aud=[board.audience, other]), "audience"),
        ("for the whole site", board.token(aud="test-site"), "audience"),
        ("for nobody", board.token(aud=None), "audience"),
        ("tomorrow's", board.token(nbf=now + 12 * HOUR_S, exp=now + 13 * HOUR_S), "not_yet"),
        ("just beyond the leeway", board.token(nbf=now + LEEWAY_S + 20), "not_yet"),
        ("issued in the future", board.token(iat=now + HOUR_S, nbf=now), "not_yet"),
        ("yesterday's", board.token(iat=now - DAY_S, nbf=now - DAY_S, exp=now - DAY_S + 900), "expired"),
        ("just over", board.token(nbf=now - 900, exp=now - LEEWAY_S - 3), "expired"),
        ("for 24 hours and a second", board.token(nbf=now, exp=now + DAY_S + 1), "lifetime"),
        ("no end", board.token(exp=None), "malformed"),
        ("no begin", board.token(nbf=None, iat=None), "malformed"),
        ("an end in words", board.token(exp="tomorrow"), "malformed"),
        ("an end with a fraction", board.token(exp=now + 900.5), "malformed"),
        ("an unknown act", board.token(act="explode"), "malformed"),
        ("no act", board.token(act=None), "malformed"),
        ("a door to unlock", board.token("door-1"), "malformed"),
        ("a lock that is not there", board.token("lock-9"), "malformed"),
        ("no component", board.token(cmp=None), "malformed"),
    ]  # fmt: skip


def unreadable_orders(board: Board) -> list[tuple[str, str | bytes, str]]:
    """The same for what gives no `jti`."""
    head = encoded({"alg": "HS256", "kid": "booking-1"})
    return [
        ("empty", b"", "malformed"),
        ("words", "open sesame", "malformed"),
        ("no text", bytes(range(256)), "malformed"),
        ("two parts", ".".join(["a"] * 2), "malformed"),
        ("no base64url", f"{head}.???.AA", "malformed"),
        ("no JSON", f"{head}.{encoded('no JSON')}.AA", "malformed"),
        ("no object", f"{head}.{encoded([1, 2])}.AA", "malformed"),
        ("JSON nested deep", f"{head}.{encoded('[' * 900)}.AA", "malformed"),
        ("no jti", board.token(jti=None), "malformed"),
        ("a jti that is a number", board.token(jti=17), "malformed"),
        ("longer than a packet may be", b"x" * (PACKET_MAX + 1), "too_large"),
        ("much longer", b"y" * 100_000, "too_large"),
    ]


def each_wrong_order_has_its_reason(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    board = started(bench, broker, heard)
    wanted = []
    for what, token, reason in bad_orders(board):
        jti = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["jti"]
        heard.send(board, token)
        wait_answers(heard, board, jti, 1, what)
        assert heard.acks(board, jti) == [("rejected", reason)], what
        wanted.append((jti, reason))
    for number, (what, payload, reason) in enumerate(unreadable_orders(board), 1):
        heard.send(board, payload)
        wait_answers(heard, board, None, number, what)
        assert heard.acks(board, None)[number - 1 :] == [("rejected", reason)], what
        wanted.append((None, reason))
    heard.wait(lambda h: len(h.events(board, "access.rejected")) == len(wanted), "an event for each")
    reported = [(e["data"]["jti"], e["data"]["reason"]) for e in heard.events(board, "access.rejected")]
    assert reported == wanted
    assert board.pulses() == NO_PULSE
    assert heard.latest(board, "lock-1/state")["state"] == "locked"
    telemetry = heard.latest(board, "telemetry")
    assert (telemetry["connects"], telemetry["task_restarts"]) == (1, 0), "an order cost the connection"
    lend(heard, board, board.token())
    check_events(board, heard.messages)


def wait_answers(heard: Listener, board: Board, jti: str | None, count: int, what: str) -> None:
    heard.wait(lambda h: len(h.acks(board, jti)) >= count, f"answer {count} to: {what}")


def lend(heard: Listener, board: Board, token: str) -> None:
    """An order that is good, to its end."""
    pulses = board.pulses()["lock-1"]
    latched = len(heard.events(board, "lock.locked"))
    heard.send(board, token)
    heard.wait_ack(board, token, "accepted")
    wait_until(lambda: bool(board.set("door-1", "pull")["moved"]), "the door to open")
    heard.wait_ack(board, token, "done")
    board.set("door-1", "closed")
    heard.wait(lambda h: len(h.events(board, "lock.locked")) > latched, "the latch to fall")
    assert heard.acks(board, jti_of(token)) == [("accepted", None), ("done", None)]
    assert board.pulses()["lock-1"] == pulses + 1
    assert not board.energised()


def what_is_only_just_right_is_accepted(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    board = started(bench, broker, heard)
    now = int(time.time())
    for token in (
        board.token(nbf=now + LEEWAY_S - 20, iat=now),
        board.token(iat=now - 900, nbf=now - 900, exp=now - LEEWAY_S + 20),
        board.token(iat=now, nbf=now, exp=now + DAY_S),
        board.token(aud=[board.audience]),
        board.token(jti="x" * 64, sub=None, iss=None),
        board.token(act="unlock", kid="ops-1"),
        padded(board, TOKEN_MAX - 8),
    ):
        lend(heard, board, token)


def too_large(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """From one byte too many to more than a packet: refused, and the connection stays."""
    board = started(bench, broker, heard)
    for number, size in enumerate((TOKEN_MAX + 4, PACKET_MAX - 100, PACKET_MAX + 100, 20_000), 1):
        heard.send(board, padded(board, size))
        wait_answers(heard, board, None, number, f"{size} bytes")  # not even looked at, so not named
        assert heard.acks(board, None)[number - 1 :] == [("rejected", "too_large")]
    assert board.pulses() == NO_PULSE
    lend(heard, board, board.token())
    assert heard.latest(board, "telemetry")["connects"] == 1


def the_same_order_again(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """While it runs the same answer, afterwards `replayed`; another one for the same lock is `busy`."""
    board = started(bench, broker, heard)
    token, other = board.token(), board.token()
    for _ in range(3):
        heard.send(board, token)
    heard.send(board, other)
    heard.wait_ack(board, other, "rejected")
    assert heard.acks(board, jti_of(token)) == [("accepted", None)] * 3
    assert heard.acks(board, jti_of(other)) == [("rejected", "busy")]
    assert board.pulses() == {"lock-1": 1, "lock-2": 0}
    wait_until(lambda: bool(board.set("door-1", "pull")["moved"]), "the door to open")
    heard.wait_ack(board, token, "done")
    board.set("door-1", "closed")
    heard.wait(lambda h: h.events(board, "lock.locked"), "the lock to fall")
    heard.send(board, token)
    answers = heard.wait_ack(board, token, "rejected")
    assert answers[3:] == [("done", None), ("rejected", "replayed")]
    heard.send(board, other)  # it was refused, so it was not used up
    heard.wait_ack(board, other, "accepted")
    heard.wait_ack(board, other, "failed")
    assert heard.acks(board, jti_of(other))[1:] == [("accepted", None), ("failed", "not_opened")]
    assert board.pulses() == {"lock-1": 2, "lock-2": 0}
    accepted = [e["data"]["jti"] for e in heard.events(board, "access.accepted")]
    assert accepted == [jti_of(token), jti_of(other)]


def retained(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """A retained order would come again on every connection: it is refused when it does. To a board that is
    there when it is published a broker passes it on like any other (MQTT 3.1.1, 3.3.1.3): it acts, once."""
    board = started(bench, broker, heard)
    token = board.token()
    heard.send(board, token, retain=True)
    heard.wait_ack(board, token, "accepted")
    wait_until(lambda: bool(board.set("door-1", "pull")["moved"]), "the door to open")
    heard.wait_ack(board, token, "done")
    board.cut()
    board.set("door-1", "closed")
    board.boot()
    heard.wait(lambda h: RETAINED in h.acks(board, jti_of(token)), "its refusal")
    heard.wait_ready(board, 2)
    assert board.pulses() == {"lock-1": 1, "lock-2": 0}


def retained_before_the_board_came(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    new = new_board(bench, broker)
    token = new.token()
    heard.send(new, token, retain=True)
    new.boot()
    heard.wait_ready(new)
    heard.wait_ack(new, token, "rejected")
    assert heard.acks(new, jti_of(token)) == [RETAINED]
    assert new.pulses() == NO_PULSE


def refused(heard: Listener, board: Board, token: str) -> str | None:
    """The reason that a token is refused for."""
    heard.send(board, token)
    heard.wait(lambda h: h.acks(board, jti_of(token)), "an answer")
    ((result, reason),) = heard.acks(board, jti_of(token))
    assert result == "rejected", result
    return reason


def wait_clock(heard: Listener, board: Board, trust: str, boot: int) -> str:
    """Until `info` says so; returns the nonce of this boot."""

    def says_so(h: Listener) -> bool:
        info = h.latest(board, "info")
        return info is not None and (info["clock"], info["boot"]) == (trust, boot)

    heard.wait(says_so, f"clock `{trust}` in boot {boot}")
    return str(heard.latest(board, "info")["nonce"])


def a_clock_that_knows_only_a_floor(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    board = started(bench, broker, heard)
    old_nonce = heard.latest(board, "info")["nonce"]
    now = int(time.time())
    board.set("clock", "lost")
    board.cut()
    board.boot()
    nonce = wait_clock(heard, board, "floor", boot=2)
    assert nonce != old_nonce
    assert refused(heard, board, board.token()) == "clock"
    assert refused(heard, board, board.token(nonce=old_nonce)) == "clock"
    assert refused(heard, board, board.token(nonce=uuid.uuid4().hex)) == "clock"
    begin = now - HOUR_S
    long_over = board.token(nonce=nonce, iat=begin, nbf=begin, exp=begin + 600)
    assert refused(heard, board, long_over) == "expired"
    assert board.pulses() == NO_PULSE
    token = board.token(nonce=nonce)
    lend(heard, board, token)
    heard.send(board, token)
    assert heard.wait_ack(board, token, "rejected")[-1] == ("rejected", "replayed")
    answers = [m.content for m in heard.of(board, "ack") if m.content["jti"] == jti_of(token)]
    assert [a["time"] for a in answers] == [None] * 3
    assert heard.latest(board, "door-1/state")["since"] is None
    assert all("time" not in e for e in heard.events(board) if e["data"].get("jti") == jti_of(token))
    board.set("clock", "set")
    assert wait_clock(heard, board, "ntp", boot=2) == nonce
    lend(heard, board, board.token())


def a_clock_that_knows_nothing(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    board = new_board(bench, broker)
    board.set("clock", "lost")
    board.boot()
    nonce = wait_clock(heard, board, "unknown", boot=1)
    assert refused(heard, board, board.token()) == "clock"
    assert refused(heard, board, board.token(nonce="0" * 16)) == "clock"
    assert refused(heard, board, board.token(secret=b"k" * 32, nonce=nonce)) == "signature"
    assert board.pulses() == NO_PULSE
    lend(heard, board, board.token(nonce=nonce))


@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long")  # for HS512 too few
@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_orders_that_are_refused_and_those_just_right(kind: Kind, run_dir: Path) -> None:
    side_by_side(
        run_dir,
        each_wrong_order_has_its_reason,
        what_is_only_just_right_is_accepted,
        too_large,
        the_same_order_again,
        retained,
        retained_before_the_board_came,
        a_clock_that_knows_only_a_floor,
        a_clock_that_knows_nothing,
        kind=kind,
    )
