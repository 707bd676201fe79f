"""What firmware meets on a simulated board: Wi-Fi, sockets, the time server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from host_tools.sim.timeserver import answer
from tests.sim.boards import Bench, facts, said

START = """
import json, machine, network, asyncio, socket, time
wlan = network.WLAN(network.STA_IF)
async def joined():
    while not wlan.isconnected():
        await asyncio.sleep_ms(5)
"""
JOIN = (
    START
    + """
async def main():
    wlan.active(True)
    wlan.connect("net", "password")
    await joined()
    await run()
"""
)
RUN = "asyncio.run(main())\n"


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def test_joining_takes_a_while_and_nothing_passes_before(bench: Bench) -> None:
    main = """
def refused():
    try:
        socket.socket().connect(("127.0.0.1", 1))
    except OSError as e:
        return e.errno
async def main():
    states = [wlan.status()]
    wlan.active(True)
    wlan.connect("net", "password")
    states.append(wlan.status())
    early = refused()
    start = time.ticks_ms()
    await joined()
    took = time.ticks_diff(time.ticks_ms(), start)
    states.append(wlan.status())
    print(json.dumps({"states": states, "early": early, "late": refused(), "took": took,
                      "rssi": wlan.status("rssi"), "address": socket.getaddrinfo("127.0.0.1", 80)[0][-1]}))
"""
    seen = bench.result(START + main + RUN)
    assert seen["states"] == [1000, 1001, 1010]
    assert seen["early"] == 118, "EHOSTUNREACH of the ESP32"
    assert seen["late"] == 111, "ECONNREFUSED: the network is there"
    assert seen["took"] >= 50
    assert seen["rssi"] < 0
    assert seen["address"] == ["127.0.0.1", 80]


def test_a_name_is_not_found_without_a_network(bench: Bench) -> None:
    main = """
try:
    socket.getaddrinfo("broker.example", 1883)
except OSError as e:
    print(json.dumps({"error": e.errno}))
"""
    assert bench.result(START + main)["error"] == -202


ECHO = (
    JOIN
    + """
async def run():
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    print("connected")
    while True:
        data = await reader.read(100)
        print("got", data, wlan.isconnected())
        if not data:
            break
        writer.write(data)
        await writer.drain()
"""
)


def test_a_connection_outlives_a_loss_of_wifi(bench: Bench) -> None:
    with listening() as server:
        board = bench.boot(ECHO.replace("PORT", str(server.getsockname()[1])) + RUN)
        peer, _ = server.accept()
        with peer:
            peer.settimeout(20)
            peer.sendall(b"one")
            assert peer.recv(100) == b"one"
            board.set("wifi", "down")
            peer.sendall(b"two")
            peer.settimeout(0.3)
            with pytest.raises(TimeoutError):
                peer.recv(100)
            assert "two" not in board.log()
            peer.settimeout(20)
            board.set("wifi", "up")
            assert peer.recv(100) == b"two"
    assert "got b'two' True" in board.log()


def test_a_read_notices_the_end_at_once(bench: Bench) -> None:
    with listening() as server:
        board = bench.boot(ECHO.replace("PORT", str(server.getsockname()[1])) + RUN)
        peer, _ = server.accept()
        peer.close()
        said(board, "got b''")


@contextmanager
def time_server() -> Iterator[tuple[int, list[Any]]]:
    """Its port, and who asked."""
    asked: list[Any] = []
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)

        def serve() -> None:
            while not stop.is_set():
                try:
                    data, peer = server.recvfrom(100)
                except TimeoutError:
                    continue
                asked.append(peer)
                server.sendto(answer(data, 0, 0) or b"", peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            stop.set()
            thread.join()


ASK_TIME = (
    JOIN
    + """
async def ask():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    query = bytearray(48)
    query[0] = 0x1B
    s.sendto(query, ("127.0.0.1", PORT))
    for _ in range(60):
        await asyncio.sleep_ms(5)
        try:
            data, peer = s.recvfrom(48)
            return [len(data), peer[0]]
        except OSError as e:
            error = e.errno
    return [error]
async def run():
    machine.RTC().datetime((2031, 5, 6, 0, 7, 8, 9, 0))
    print(json.dumps({"answer": await ask(), "now": time.time()}))
    while time.time() > 900000000:
        await asyncio.sleep_ms(5)
    print(json.dumps({"answer": await ask(), "now": time.time()}))
"""
)


def test_a_lost_clock_is_lost_and_the_time_server_silent(bench: Bench) -> None:
    with time_server() as (port, asked):
        ntp = {"host": "127.0.0.1", "port": port}
        board = bench.boot(ASK_TIME.replace("PORT", str(port)) + RUN, ntp=ntp)
        said(board, "answer")
        assert facts(board)["answer"] == [48, "127.0.0.1"]
        board.set("clock", "lost")
        said(board, "answer", times=2)
        seen = facts(board)
    assert seen["answer"] == [11], "nothing came: EAGAIN"
    assert seen["now"] < 60, "the RTC is back at 2000-01-01"
    assert len(asked) == 1


def test_the_time_servers_answer_is_what_sntp_asks_for() -> None:
    query = bytearray(48)
    query[0] = 4 << 3 | 3
    query[40:48] = b"our time"
    reply = answer(bytes(query), 1_700_000_000_500_000_000, 1_700_000_000_750_000_000)
    assert reply is not None
    assert (reply[0], reply[1]) == (4 << 3 | 4, 2)
    assert reply[24:32] == b"our time"
    assert int.from_bytes(reply[32:36], "big") == 1_700_000_000 + 2_208_988_800
    assert reply[36] == 0x80 and reply[44] == 0xC0, "the fractions of a second"
    assert answer(reply, 0, 0) is None, "servers do not answer servers"
    assert answer(b"short", 0, 0) is None
