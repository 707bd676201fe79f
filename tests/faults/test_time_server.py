"""A time server that is wrong: once, always ahead, or behind what is certainly past."""

import time
from pathlib import Path

from host_tools.broker import BrokerProcess
from tests.brokers import wait_until
from tests.faults.helpers import Bench, Board, jti_of
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_stage import side_by_side

YEARS_14_S = 14 * 365 * 86400
SYNC_S = 15.0
"""A time that is refused is asked for again after 5 s."""


def wait_clock(heard: Listener, board: Board, trust: str, boot: int) -> str:
    """Until `info` of that boot shows the trust; the nonce."""

    def shows(listener: Listener) -> bool:
        infos = [message.content for message in listener.of(board, "info")]
        return bool(infos) and (infos[-1]["boot"], infos[-1]["clock"]) == (boot, trust)

    heard.wait(shows, f"clock {trust} in boot {boot}", SYNC_S)
    return str(heard.latest(board, "info")["nonce"])


def lends(heard: Listener, board: Board) -> None:
    token = board.token()
    heard.send(board, token)
    heard.wait_ack(board, token, "accepted")
    wait_until(lambda: bool(board.set("door-1", "pull")["moved"]), "the door to open")
    heard.wait_ack(board, token, "done")
    board.set("door-1", "closed")


def one_wrong_answer_does_no_harm(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    bench.time_server.lies = [YEARS_14_S]
    board = bench.add("box-1", (broker.host, broker.port))
    board.boot()
    wait_clock(heard, board, "ntp", 1)
    lends(heard, board)
    ack = [message.content for message in heard.of(board, "ack")][-1]
    assert ack["time"].startswith(time.strftime("%Y-", time.gmtime()))


def a_server_far_ahead_is_mended_by_an_order(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """It cannot be told from the truth: its floor refuses honest time until an order mends it."""
    bench.time_server.offset_s = YEARS_14_S
    board = bench.add("box-1", (broker.host, broker.port))
    board.boot()
    wait_clock(heard, board, "ntp", 1)
    board.cut()
    bench.time_server.offset_s = 0
    board.boot()
    nonce = wait_clock(heard, board, "floor", 2)
    refused = board.token(nonce=nonce)
    heard.send(board, refused)
    heard.wait_ack(board, refused, "rejected")
    assert heard.acks(board, jti_of(refused)) == [("rejected", "expired")]
    heard.wait(lambda _: heard.latest(board, "telemetry")["time_refused"] > 0, "honest time refused", SYNC_S)

    mend = board.token(None, kid="ops-1", act="configure", args={"reset": "clock"}, nonce=nonce)
    heard.send(board, mend)
    heard.wait_ack(board, mend, "done")
    wait_clock(heard, board, "ntp", 2)
    assert heard.latest(board, "info")["nonce"] != nonce, "it is used up"
    heard.send(board, mend)
    heard.wait(lambda _: heard.acks(board, jti_of(mend))[-1] == ("rejected", "replayed"), "its second time")
    lends(heard, board)


def time_below_the_floor_is_refused(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    board = bench.add("box-1", (broker.host, broker.port))
    board.boot()
    wait_clock(heard, board, "ntp", 1)
    board.cut()
    bench.time_server.offset_s = -3600
    board.boot()
    wait_clock(heard, board, "floor", 2)
    heard.wait(lambda _: heard.latest(board, "telemetry")["time_refused"] > 0, "the lie refused", SYNC_S)
    bench.time_server.offset_s = 0
    wait_clock(heard, board, "ntp", 2)


def test_a_wrong_time_server(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        one_wrong_answer_does_no_harm,
        a_server_far_ahead_is_mended_by_an_order,
        time_below_the_floor_is_refused,
        kind=None,
    )
