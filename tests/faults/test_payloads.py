"""What anybody can send who may publish on `cmd`, without a key: it is refused, and nothing else happens."""

from pathlib import Path

from tests.brokers import BrokerProcess
from tests.faults.helpers import Bench
from tests.faults.helpers_listen import Listener
from tests.faults.test_full_boards import equipment

DOTS = b"." * 1536


def test_dots_take_no_memory(bench: Bench, mosquitto: BrokerProcess, run_dir: Path) -> None:
    """A piece of memory for each part would be more than the largest box has. Retained they come again with
    each connection: they must not end it."""
    with Listener(mosquitto.host, mosquitto.port, run_dir) as heard:
        board = bench.add("box-1", (mosquitto.host, mosquitto.port), **equipment("box-1"))
        heard.send(board, DOTS, retain=True)
        board.boot()
        heard.wait_ready(board)
        heard.send(board, DOTS)
        for reason in ("retained", "malformed"):
            heard.wait(lambda _, why=reason: ("rejected", why) in heard.acks(board, None), f"{reason!r}")
        heard.send(board, b"", retain=True)
        token = board.token("lock-1")
        heard.send(board, token)
        heard.wait_ack(board, token, "accepted")
        assert [message.payload for message in heard.of(board, "availability")] == [b"online"]
