"""The relay in front of a broker: its end is quiet, and is the end of all that goes through it."""

import socket

import pytest

from tests.faults.helpers_gate import Gate

PATIENCE_S = 10.0


def test_a_gate_that_closes_ends_its_connections_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker, Gate(*broker.getsockname()) as gate:
        broker.settimeout(PATIENCE_S)
        with socket.create_connection(gate.address, PATIENCE_S) as board:
            through, _ = broker.accept()
            with through:
                through.settimeout(PATIENCE_S)
                board.sendall(b"CONNECT")
                assert through.recv(7) == b"CONNECT"
                gate.close()
                assert board.recv(1) == b""
                assert through.recv(1) == b""
    assert [record.getMessage() for record in caplog.records] == []
