"""Mutual TLS against a real Mosquitto: who is who, what a board says of a broker that is not the right one,
and that it goes on working meanwhile."""

import asyncio
from pathlib import Path

import pytest

from host_tools.site import ca
from tests.faults.helpers import Bench, Board, eventually
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_tls import SITE, Server, TlsBroker, certified


@pytest.fixture(scope="module")
def authority() -> ca.Authority:
    return ca.new_authority(SITE)


async def delivered(heard: Listener, board: Board, kind: str, count: int = 1) -> None:
    await eventually(lambda: len(heard.events(board, kind)) >= count, f"{count} {kind} of {board.name}", 15)


def test_a_board_proves_who_it_is(bench: Bench, run_dir: Path, authority: ca.Authority) -> None:
    """The certificate's name is the user; a second authority is trusted beside the first."""
    following = ca.new_authority(SITE)
    with (
        TlsBroker(run_dir / "broker", Server(authority)).launch() as broker,
        Listener(broker.host, broker.port, run_dir) as heard,
    ):
        board = certified(
            bench, "box-1", broker.boards, authority, more={"/certs/ca-next.der": following.certificate_der()}
        )
        board.boot()
        heard.wait_ready(board)
        board.set("door-2", "open")
        asyncio.run(delivered(heard, board, "door.forced"))
        token = board.token(nonce=heard.latest(board, "info")["nonce"])
        heard.send(board, token)
        heard.wait_ack(board, token, "accepted")
        assert "u'box-1'" in broker.log_path.read_text()
        broker.show(Server(following, boards_of=authority))  # the certificate is of the next authority now
        heard.wait_subscribed(2)
        board.set("door-2", "closed")
        asyncio.run(delivered(heard, board, "door.closed"))
        board.set("door-2", "open")
        asyncio.run(delivered(heard, board, "door.forced", 2))
        stalls = [m.content["loop_stall_ms"] for m in heard.of(board, "telemetry")]
        print(f"loop stalls with two handshakes: {stalls} ms")
