"""The storm's network: what a board's sockets are told of every trouble, and when."""

import pytest

from host_tools.storm.network.pipe import BOARD_ROOM, SERVER_ROOM, Pipe
from tests.storm.one_board import MS, Bench, S

PORT = 1883


class Server:
    """Keeps its connections, and what comes on them."""

    def __init__(self, bench: Bench, port: int = PORT) -> None:
        self.pipes: list[Pipe] = []
        self.data: list[bytes] = []
        self.closed: list[str] = []
        bench.net.listen(None, port, self.accept)

    def accept(self, pipe: Pipe) -> None:
        self.pipes.append(pipe)
        pipe.on_data = self.data.append
        pipe.on_close = lambda: self.closed.append(pipe.why)

    @property
    def got(self) -> bytes:
        return b"".join(self.data)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def server(bench: Bench) -> Server:
    return Server(bench)


def connected(bench: Bench) -> int:
    sock = bench.connect()
    bench.run(S)
    assert bench.told(sock) == ["connected"]
    return sock


# --- connecting ---


def test_a_stopped_server_refuses_after_one_way(bench: Bench) -> None:
    bench.net.listen(None, PORT, None)
    bench.net.latency_us = (30 * MS, 30 * MS)
    sock = bench.connect()
    bench.run(29 * MS)
    assert not bench.net.has_news() and not bench.told(sock)
    bench.run(1 * MS)
    assert bench.told(sock) == ["error 111"]


def test_refuse_is_a_knob(bench: Bench, server: Server) -> None:
    bench.net.refuse = True
    sock = bench.connect()
    bench.run(S)
    assert bench.told(sock) == ["error 111"] and not server.pipes


def test_a_connect_into_a_partition_times_out_after_75_s(bench: Bench, server: Server) -> None:
    bench.net.partition = True
    sock = bench.connect()
    assert 74 * S < bench.when_told(sock, "error 116", 80 * S) < 76 * S
    assert not server.pipes


def test_a_connect_goes_on_when_the_partition_ends(bench: Bench, server: Server) -> None:
    bench.net.partition = True
    sock = bench.connect()
    bench.run(5 * S)
    bench.net.partition = False
    bench.run(2 * S)
    assert bench.told(sock) == ["connected"] and len(server.pipes) == 1


def test_nobody_at_an_address_is_silence(bench: Bench) -> None:
    bench.net.listen("10.0.0.1", PORT, None)
    sock = bench.connect(host="10.0.0.99")
    bench.run(70 * S)
    assert bench.told(sock) == []
    bench.run(10 * S)
    assert bench.told(sock) == ["error 116"]


def test_without_wifi_a_connect_fails_at_once(bench: Bench, server: Server) -> None:
    bench.net.wifi = False
    sock = bench.connect()
    assert bench.net.take() == [(sock, "error", b"118")]
    assert not bench.net.has_news()


def test_a_connect_that_was_given_up_is_forgotten(bench: Bench, server: Server) -> None:
    bench.net.partition = True
    sock = bench.connect()
    bench.run(S)
    bench.net.close(sock)
    bench.net.partition = False
    bench.run(100 * S)
    assert not server.pipes and bench.told(sock) == []


def test_a_closed_connect_of_which_the_server_knows_ends(bench: Bench, server: Server) -> None:
    bench.net.latency_us = (100 * MS, 100 * MS)
    sock = bench.connect()
    bench.run(150 * MS)
    bench.net.close(sock)
    bench.run(S)
    assert server.closed == ["end"] and bench.told(sock) == []


def test_nothing_is_taken_before_it_is_connected(bench: Bench, server: Server) -> None:
    sock = bench.connect()
    assert bench.net.send(sock, b"early") == 0


# --- losses ---


def test_streams_stay_in_order_whatever_is_lost(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.loss = 0.4
    sent = [bytes((i,)) * 20 for i in range(100)]
    for part in sent:
        assert bench.net.send(sock, part) == 20
        server.pipes[0].send(part)
        bench.run(100 * MS)
    bench.net.loss = 0.0
    bench.run(20 * S)
    assert server.got == b"".join(sent) == bench.received(sock)


def test_a_lost_segment_comes_200_then_400_ms_later(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.latency_us = (10 * MS, 10 * MS)
    bench.net.partition = True
    bench.net.send(sock, b"x")
    bench.run(300 * MS)  # lost at 10 and at 210 ms
    bench.net.partition = False
    bench.run(300 * MS)
    assert server.got == b""
    bench.run(10 * MS)
    assert server.got == b"x"


def test_a_partition_tells_nobody_until_the_board_has_sent(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.partition = True
    bench.run(600 * S)
    assert bench.told(sock) == ["connected"] and server.closed == []
    began_us = bench.now_us
    bench.net.send(sock, b"x")
    assert 59 * S < bench.when_told(sock, "error 116", 70 * S) - began_us < 62 * S
    assert server.closed == [] and server.got == b""


def test_a_short_partition_only_delays(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.partition = True
    bench.net.send(sock, b"one")
    server.pipes[0].send(b"two")
    bench.run(20 * S)
    assert server.got == b"" and bench.received(sock) == b""
    bench.net.partition = False
    bench.run(15 * S)
    assert server.got == b"one" and bench.received(sock) == b"two"


def test_wifi_that_is_down_is_a_partition_for_what_is_connected(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.wifi = False
    bench.net.send(sock, b"one")
    bench.run(5 * S)
    bench.net.wifi = True
    bench.run(5 * S)
    assert server.got == b"one" and bench.told(sock) == ["connected"]


def test_what_was_closed_in_a_partition_still_arrives_before_its_end(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.partition = True
    bench.net.send(sock, b"last words")
    bench.net.close(sock)
    bench.run(10 * S)
    bench.net.partition = False
    bench.run(15 * S)
    assert server.got == b"last words" and server.closed == ["end"]


def test_the_server_gives_up_on_its_data_after_a_quarter_of_an_hour(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.partition = True
    server.pipes[0].send(b"x")
    bench.run(900 * S)
    assert server.closed == []
    bench.run(60 * S)
    assert server.closed == ["timeout"] and bench.told(sock) == ["connected"]


def test_connections_overtake_each_other(bench: Bench, server: Server) -> None:
    first, second = connected(bench), connected(bench)
    bench.net.latency_us = (1 * MS, 900 * MS)
    for _ in range(20):
        bench.net.send(first, b"1")
        bench.net.send(second, b"2")
        bench.run(2 * S)
    assert {b"1", b"2"} == set(server.data[::2])


def test_a_slow_network_takes_its_time(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.slow_bytes_s = 100
    bench.net.send(sock, bytes(500))
    bench.net.send(sock, bytes(500))
    bench.run(9 * S)
    assert len(server.got) == 500
    bench.run(2 * S)
    assert len(server.got) == 1000


def test_what_a_server_sends_may_come_in_two_pieces(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.split = 0.5
    for _ in range(40):
        server.pipes[0].send(b"abcd")
        bench.run(S)
    sizes = [len(data) for _, what, data in bench.events if what == "data"]
    assert bench.received(sock) == b"abcd" * 40 and set(sizes) == {1, 2, 3, 4}
    assert server.pipes[0].arrived == server.pipes[0].sent == 160


# --- resets and half-open connections ---


def test_a_reset_is_told_at_once_where_it_gets_through(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    server.pipes[0].reset()
    bench.run(S)
    assert bench.told(sock) == ["connected", "error 104"] and server.closed == []
    assert bench.net.send(sock, b"x") == 1


def test_a_reset_that_was_lost_is_told_when_the_board_sends(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.partition = True
    server.pipes[0].reset()
    bench.run(S)
    bench.net.partition = False
    bench.run(600 * S)
    assert bench.told(sock) == ["connected"]
    bench.net.send(sock, b"x")
    bench.run(S)
    assert bench.told(sock) == ["connected", "error 104"] and server.got == b""


def test_a_machine_that_went_down_says_nothing_until_it_is_sent_to(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    server.pipes[0].vanish()
    bench.run(600 * S)
    assert bench.told(sock) == ["connected"]
    bench.net.send(sock, b"x")
    bench.run(S)
    assert bench.told(sock) == ["connected", "error 104"]


def test_an_end_follows_the_data(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    server.pipes[0].send(b"bye")
    server.pipes[0].close()
    bench.run(S)
    assert bench.told(sock) == ["connected", "data", "end"]
    bench.net.send(sock, b"too late")
    bench.run(S)
    assert bench.told(sock)[-1] == "error 104"


def test_an_end_in_a_long_partition_is_lost_and_then_a_reset(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.partition = True
    server.pipes[0].close()
    bench.run(200 * S)
    bench.net.partition = False
    bench.run(200 * S)
    assert bench.told(sock) == ["connected"]
    bench.net.send(sock, b"x")
    bench.run(S)
    assert bench.told(sock) == ["connected", "error 104"]


def test_half_open_tells_nobody_and_new_connections_work(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    bench.net.half_open()
    server.pipes[0].send(b"x")
    bench.run(600 * S)
    assert bench.told(sock) == ["connected"] and server.closed == []
    other = connected(bench)
    bench.net.send(other, b"x")
    bench.run(S)
    assert server.got == b"x"
    bench.net.send(sock, b"never")
    bench.run(70 * S)
    assert bench.told(sock) == ["connected", "error 116"] and server.got == b"x"


def test_reset_all_tells_both_ends(bench: Bench, server: Server) -> None:
    socks = [connected(bench), connected(bench)]
    bench.net.reset_all()
    bench.run(S)
    assert server.closed == ["reset", "reset"]
    assert all(bench.told(sock) == ["connected", "error 104"] for sock in socks)


# --- power ---


def test_a_dead_board_says_nothing_and_hears_nothing(bench: Bench, server: Server) -> None:
    connected(bench)
    server.pipes[0].send(b"in the air")
    bench.net.board_died()
    bench.run(600 * S)
    assert server.closed == [] and bench.net.take() == []


def test_what_a_board_sent_before_it_died_arrives_unless_it_had_to_be_sent_again(
    bench: Bench, server: Server
) -> None:
    sock = connected(bench)
    bench.net.send(sock, b"sent")
    bench.net.board_died()
    bench.run(S)
    assert server.got == b"sent"
    sock = connected(bench)
    bench.net.partition = True
    bench.net.send(sock, b"lost")
    bench.run(S)
    bench.net.board_died()
    bench.net.partition = False
    bench.run(100 * S)
    assert server.got == b"sent"


def test_a_board_that_is_back_answers_its_old_connections_with_a_reset(bench: Bench, server: Server) -> None:
    connected(bench)
    bench.net.board_died()
    bench.run(S)
    server.pipes[0].send(b"x")
    bench.run(S)
    assert server.closed == []
    connected(bench)
    bench.run(5 * S)
    assert server.closed == ["reset"]


# --- bounds ---


def test_a_board_keeps_what_its_buffer_holds_and_is_told_of_room(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    assert bench.net.send(sock, bytes(BOARD_ROOM - 10)) == BOARD_ROOM - 10
    assert bench.net.send(sock, bytes(100)) == 10
    assert bench.net.send(sock, b"x") == 0
    bench.run(S)
    assert bench.told(sock) == ["connected", "room"] and len(server.got) == BOARD_ROOM
    assert bench.net.send(sock, b"x") == 1


def test_a_paused_server_takes_what_its_kernel_holds_and_reads_it_later(bench: Bench, server: Server) -> None:
    sock = connected(bench)
    server.pipes[0].pause()
    taken = 0
    for i in range(100):
        taken += bench.net.send(sock, bytes((i,)) * 1000)
        bench.run(100 * MS)
    assert server.got == b"" and SERVER_ROOM - 2000 < taken <= SERVER_ROOM + BOARD_ROOM
    bench.net.reset_all()
    assert server.closed == []
    server.pipes[0].resume()
    assert len(server.got) > SERVER_ROOM - 2000 and server.closed == ["reset"]


def test_a_server_that_sends_more_than_a_board_takes_loses_it(bench: Bench, server: Server) -> None:
    connected(bench)
    bench.net.partition = True
    for _ in range(100):
        server.pipes[0].send(bytes(1000))
    assert server.closed == ["reset"]


def test_old_connections_are_forgotten(bench: Bench, server: Server) -> None:
    for _ in range(100):
        sock = connected(bench)
        bench.net.close(sock)
        bench.run(S)
    assert server.closed == ["end"] * 100
    assert len(bench.net._pipes) <= 17


# --- datagrams ---


def test_datagrams_are_answered_lost_or_cut_off(bench: Bench) -> None:
    asked: list[bytes] = []

    def answer(data: bytes) -> bytes | None:
        asked.append(data)
        return None if data == b"silence" else data.upper()

    bench.net.datagrams(53, answer)
    one = bench.ask(53, b"one")
    silent = bench.ask(53, b"silence")
    nobody = bench.ask(54, b"two")
    bench.run(S)
    assert bench.received(one) == b"ONE"
    assert not bench.told(silent) and not bench.told(nobody)
    bench.net.partition = True
    cut = bench.ask(53, b"three")
    bench.run(S)
    bench.net.partition = False
    bench.run(100 * S)
    assert not bench.told(cut) and asked == [b"one", b"silence"]
    bench.net.loss = 0.5
    socks = [bench.ask(53, b"x") for _ in range(200)]
    bench.run(S)
    assert 20 < sum(bench.received(sock) == b"X" for sock in socks) < 80


def test_an_answer_to_a_closed_socket_is_lost(bench: Bench) -> None:
    bench.net.datagrams(53, lambda data: data)
    sock = bench.ask(53, b"one")
    bench.net.close(sock)
    bench.run(S)
    assert not bench.told(sock)


def test_the_same_seed_is_the_same_run() -> None:
    def run(seed: int) -> list[tuple[int, str, bytes]]:
        bench = Bench(seed)
        server = Server(bench)
        bench.net.loss = 0.3
        for i in range(50):
            sock = bench.connect()
            bench.run(300 * MS)
            bench.net.send(sock, bytes((i,)))
            for pipe in server.pipes:
                pipe.send(b"answer")
            bench.run(100 * MS)
        return bench.events

    assert run(3) == run(3) != run(4)
