"""Orders are judged by how they were made; the firmware's own check agrees, with the very reason."""

import importlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from host_tools.storm.crowd.forging import FORGERIES
from host_tools.storm.crowd.orders import Orders, Sent
from host_tools.storm.stage import wall_s
from host_tools.storm.weather.people_menu import FORGED
from host_tools.token import TOKEN_MAX_BYTES, unverified_claims
from tests.storm.played_stage import BOX, FIELD, Played

tokens: Any = importlib.import_module("sportbox.core.token")

NONCE = "n1"
COMPONENTS = ("lock-1", "lock-2", "device", "", "gate-1")


def refusal_of(stage: Played, raw: bytes, *, trusted: bool = True, now_s: int | None = None) -> str:
    """As the firmware has it, without its replay log; "" if it takes the order."""
    keys = {kid: tokens.Key(kid[:-2], secret) for kid, secret in stage.keys.items()}
    if len(raw) > TOKEN_MAX_BYTES:
        return "too_large"
    clock_s = wall_s(stage.agenda.now_us) if now_s is None else now_s
    try:
        token = tokens.parse(raw)
        tokens.Access("test-site/box-1", keys).check(token, clock_s, trusted, NONCE)
    except tokens.Refused as refused:
        return str(refused.args[0])
    component = token.text("cmp")
    return "" if component in COMPONENTS else "malformed"


@pytest.fixture
def stage(run_dir: Path) -> Played:
    return Played.at(run_dir / "board")


def orders_on(stage: Played, clock: str = "ntp") -> Orders:
    orders = Orders(stage)
    stage.says_info(clock, NONCE)
    return orders


@pytest.mark.parametrize("why", FORGED)
@pytest.mark.parametrize("lock", ["lock-1", None])
def test_a_forged_order_is_refused_for_what_is_wrong_with_it(
    why: str, lock: str | None, run_dir: Path
) -> None:
    """In all its ways, on a board that knows the time and on one that does not."""
    stage = Played.at(run_dir / "board", BOX if lock else FIELD)
    orders = orders_on(stage)
    for number in range(150):
        sent = orders.forged(random.Random(f"{why}/{number}"), why, lock)
        claims = unverified_claims(sent.raw.decode("latin-1"))
        in_the_dark = refusal_of(stage, sent.raw, trusted=False, now_s=0)
        if why == "clock":
            assert (sent.good, in_the_dark, refusal_of(stage, sent.raw)) == (None, "clock", "")
            continue
        assert sent.good is False and sent.why == why
        assert refusal_of(stage, sent.raw) == why, claims
        assert in_the_dark == (why if not FORGERIES[why].by_clock else "clock"), claims


@pytest.mark.parametrize("why", FORGED)
def test_a_refusal_names_the_jti_as_the_board_does(why: str, stage: Played) -> None:
    orders = orders_on(stage)
    for number in range(100):
        sent = orders.forged(random.Random(number), why, "lock-1")
        wanted = None if len(sent.raw) > TOKEN_MAX_BYTES else tokens.claimed_jti(sent.raw)
        assert sent.jti == wanted


def test_every_reason_has_a_forgery(stage: Played) -> None:
    assert set(FORGED) == set(FORGERIES)


@pytest.mark.parametrize("clock", ["ntp", "rtc", "floor", "unknown"])
def test_a_good_order_is_taken_and_carries_the_nonce(clock: str, stage: Played) -> None:
    orders = orders_on(stage, clock)
    sent = orders.good(random.Random(1), "unlock", "lock-2")
    assert (sent.good, sent.why, sent.nonce) == (True, "", NONCE)
    assert refusal_of(stage, sent.raw, trusted=clock in ("ntp", "rtc")) == ""


def judged(orders: Orders, **how: Any) -> tuple[bool | None, str]:
    sent = orders.good(random.Random(1), "unlock", "lock-2", **how)
    return sent.good, sent.why


def test_without_a_nonce_it_depends_on_the_clock(stage: Played) -> None:
    orders = orders_on(stage, "floor")
    assert judged(orders, with_nonce=False) == (None, "clock")
    stage.says_info("ntp")
    assert judged(orders, with_nonce=False) == (True, "")


def test_nobody_is_sure_before_the_board_has_said_anything(stage: Played) -> None:
    orders = Orders(stage)
    sent = orders.good(random.Random(1), "unlock", "lock-2")
    assert (sent.good, sent.nonce) == (None, None)


def test_a_nonce_of_an_earlier_start_is_not_sure_to_be_taken(stage: Played) -> None:
    orders = orders_on(stage)
    stage.end(stage.begin(1, "power_cut"))
    assert judged(orders) == (None, "clock")
    stage.says_info("unknown", "n2")
    assert judged(orders) == (True, "")


def test_what_the_broker_kept_is_not_sure_to_be_of_this_start(stage: Played) -> None:
    orders = Orders(stage)
    kept = json.dumps({"nonce": "old", "clock": "ntp", "replay_log": "ok"}).encode()
    for callback in stage.broker.heard:
        callback("sportbox/v1/test-site/box-1/info", kept, True)
    assert judged(orders) == (None, "clock")
    stage.says_info()
    for callback in stage.broker.heard:  # a broker that was started again tells it again
        callback("sportbox/v1/test-site/box-1/info", kept, True)
    sent = orders.good(random.Random(1), "unlock", "lock-2")
    assert (sent.good, sent.nonce) == (True, NONCE)


@pytest.mark.parametrize(("cause", "newest"), [(1, False), (2, False), (4, True)])
def test_last_words_of_an_earlier_start_are_no_news(cause: int, newest: bool, stage: Played) -> None:
    """They were on their way when it ended. A sleep is no end."""
    orders = Orders(stage)
    stage.trace.note("connect", conn=1, client="box-1")
    stage.trace.note("boot", n=2, cause=cause)
    stage.board.boots += 1
    stage.trace.note("publish", conn=1, topic="info")
    stage.says_info(nonce="old")
    assert judged(orders)[0] is (True if newest else None)
    stage.trace.note("connect", conn=2, client="box-1")
    stage.trace.note("publish", conn=2, topic="info")
    stage.says_info()
    assert judged(orders) == (True, "")


def test_after_a_jump_of_the_wall_clock_only_a_nonce_is_sure(stage: Played) -> None:
    orders = orders_on(stage)
    stage.run(1)
    stage.begin(1, "jump_wall", jump_s=3600)
    assert judged(orders, with_nonce=False) == (None, "clock")
    assert judged(orders) == (True, "")
    stage.run(1)
    stage.says_info("ntp")
    assert judged(orders, with_nonce=False) == (True, "")


def test_while_the_time_server_lies_neither_old_nor_new_is_sure(stage: Played) -> None:
    orders = orders_on(stage)
    lie = stage.begin(1, "time_lie", lie_s=3600)
    stage.end(lie)
    assert judged(orders) == (None, "clock")
    rng = random.Random(1)
    assert [orders.forged(rng, why, "lock-1").good for why in ("expired", "not_yet")] == [None, None]
    assert orders.forged(rng, "signature", "lock-1").good is False


def test_after_a_lie_tokens_that_may_be_taken_for_forgotten_ones_are_not_sure(stage: Played) -> None:
    orders = orders_on(stage)
    orders.send(orders.good(random.Random(2), "unlock", "lock-1"))
    stage.holds.lied = True
    orders.clock_is_right()
    assert judged(orders) == (None, "replayed")
    stage.run(1000)
    assert judged(orders) == (True, "")


def test_an_unreadable_replay_log_refuses_everything(stage: Played) -> None:
    orders = orders_on(stage)
    stage.says_info(replay_log="unreadable")
    assert judged(orders) == (None, "replayed")


def test_a_reset_of_the_clock_is_good_whatever_the_clock_says(stage: Played) -> None:
    orders = orders_on(stage, "unknown")
    stage.holds.lied = True
    sent = orders.good(random.Random(1), "configure", "device", role="ops", args={"reset": "clock"})
    assert sent.good is True
    assert refusal_of(stage, sent.raw, trusted=True, now_s=wall_s(stage.agenda.now_us) + 10**8) == ""


def sent_and_answered(stage: Played, orders: Orders, *results: str) -> Sent:
    sent = orders.good(random.Random(1), "unlock", "lock-2")
    orders.send(sent)
    stage.answers(sent.jti or "", *results)
    return sent


def test_a_token_that_has_its_final_answer_is_used(stage: Played) -> None:
    orders = orders_on(stage)
    sent = sent_and_answered(stage, orders, "accepted", "done")
    assert orders.used == [sent]
    again = orders.again(sent)
    assert (again.good, again.why, again.raw) == (False, "replayed", sent.raw)


@pytest.mark.parametrize("results", [(), ("accepted",), ("rejected",)])
def test_before_that_nobody_can_know(results: tuple[str, ...], stage: Played) -> None:
    orders = orders_on(stage)
    sent = sent_and_answered(stage, orders, *results)
    again = orders.again(sent)
    assert (again.good, again.why) == (None, "replayed")


def test_an_order_is_in_the_trace_as_it_was_judged(stage: Played) -> None:
    orders = orders_on(stage)
    sent = sent_and_answered(stage, orders)
    claims = unverified_claims(sent.raw.decode())
    assert claims is not None
    assert stage.notes("order") == [
        {
            "kind": "order",
            "jti": claims["jti"],
            "act": "unlock",
            "component": "lock-2",
            "good": True,
            "why": "",
            "nbf": claims["nbf"],
            "exp": claims["exp"],
            "nonce": NONCE,
            "first": True,
        }
    ]
    assert stage.broker.published == [("sportbox/v1/test-site/box-1/cmd", sent.raw, False)]
    assert claims["iat"] == wall_s(stage.agenda.now_us)


def test_a_retained_order_may_be_taken_once_and_is_taken_away_again(stage: Played) -> None:
    orders = orders_on(stage)
    orders.send_retained(orders.good(random.Random(1), "unlock", "lock-2"))
    down = stage.begin(1, "broker_restart", keep_sessions=True)
    orders.clear_retained()
    stage.run(20)
    assert len(stage.broker.published) == 1
    stage.end(down)
    stage.run(20)
    assert [(payload == b"", retain) for _, payload, retain in stage.broker.published] == [
        (False, True),
        (True, True),
    ]
    notes = [(note["good"], note["why"]) for note in stage.notes("order")]
    assert notes == [(None, "retained"), (False, "malformed")]


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"\xff", b"{}", b'{"jti": 7}', json.dumps(["ack"]).encode()]
)
def test_nonsense_of_a_board_is_passed_over(payload: bytes, stage: Played) -> None:
    orders = orders_on(stage)
    for topic in ("ack", "info"):
        for callback in stage.broker.heard:
            callback(f"sportbox/v1/test-site/box-1/{topic}", payload, False)
            callback(f"sportbox/v1/test-site/box-10/{topic}", b'{"nonce": "x", "clock": "ntp"}', False)
    assert not orders.answers
    assert orders.info is None or orders.info.nonce != "x"


def test_what_another_board_says_is_not_heard(stage: Played) -> None:
    orders = Orders(stage)
    for callback in stage.broker.heard:
        callback("sportbox/v1/test-site/box-10/info", b'{"nonce": "x", "clock": "ntp"}', False)
        callback("info", b'{"nonce": "x", "clock": "ntp"}', False)
    assert orders.info is None


def test_tokens_are_the_same_for_the_same_chance(stage: Played) -> None:
    orders = orders_on(stage)
    first, second = (orders.good(random.Random(4), "unlock", "lock-2") for _ in range(2))
    assert first == second
    for why in FORGED:
        a, b = (orders.forged(random.Random(4), why, "lock-1") for _ in range(2))
        assert a == b
