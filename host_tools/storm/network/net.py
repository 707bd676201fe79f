"""The network between one board and its servers, on virtual time, as the board's lwIP sees it."""

from collections.abc import Callable
from functools import partial
from random import Random

from host_tools.storm.agenda import Agenda
from host_tools.storm.network.pipe import ABORTED, REFUSED, UNREACHABLE, News, Pipe
from host_tools.storm.trace import Trace

_LATENCY_US = (5_000, 40_000)
_PIPES_MAX = 16  # then those are forgotten of which both ends are


def _yes() -> bool:
    return True


Accept = Callable[[Pipe], None]
Answer = Callable[[bytes], bytes | None]


class Net:
    """The board's sockets call it; servers listen on it; faults turn its knobs, at any time."""

    def __init__(self, agenda: Agenda, trace: Trace, rng: Random) -> None:
        self.agenda = agenda
        self.trace = trace
        self.rng = rng
        self.latency_us = _LATENCY_US
        self.loss = 0.0  # of segments, which are sent again, and of datagrams, which are not
        self.split = 0.02  # of what a server sends comes in two pieces
        self.partition = False  # nothing passes, and nobody is told
        self.wifi = True  # False: as if partitioned, and a connect fails at once
        self.has_address: Callable[[], bool] = _yes  # False: a connect fails at once
        self.carries: Callable[[], bool] = _yes  # False: the station is not joined, whatever it says
        self.refuse = False
        self.slow_bytes_s: int | None = None
        self.alive = False  # the board has a network stack that answers
        self.news: list[News] = []
        self._addresses = 0  # that the board has had before
        self._listeners: dict[tuple[str | None, int], Accept | None] = {}
        self._answers: dict[int, Answer] = {}
        self._streams: set[int] = set()  # not connected yet
        self._pipes: dict[int, Pipe] = {}
        self._datagrams: dict[int, int] = {}  # to which port

    # --- servers ---

    def listen(self, host: str | None, port: int, accept: Accept | None) -> None:
        """`host` None: all that nobody else has taken. `accept` None: it refuses from now on."""
        self._listeners[(host, port)] = accept

    def datagrams(self, port: int, answer: Answer) -> None:
        self._answers[port] = answer

    # --- the board ---

    def open(self, sock: int, is_stream: bool) -> None:
        self.alive = True
        if is_stream:
            self._streams.add(sock)
        else:
            self._datagrams[sock] = 0

    def connect(self, sock: int, host: str, port: int) -> None:
        if sock in self._datagrams:
            self._datagrams[sock] = port
        elif sock in self._streams:
            self._streams.discard(sock)
            if not self.wifi or not self.has_address():
                self.news.append((sock, "error", UNREACHABLE))
                return
            if len(self._pipes) >= _PIPES_MAX:
                self._pipes = {number: pipe for number, pipe in self._pipes.items() if not pipe.is_over}
            pipe = self._pipes[sock] = Pipe(self, sock)
            pipe.knock(partial(self._knocked, pipe, host, port))

    def send(self, sock: int, data: bytes) -> int:
        """How many of the bytes were taken; after fewer than all there will be "room"."""
        pipe = self._pipes.get(sock)
        if pipe is not None:
            return pipe.board_sends(data)
        if sock in self._streams:
            return 0
        port = self._datagrams.get(sock)
        if port is not None and self.passes():
            self.agenda.after(self.latency(), partial(self._asked, sock, port, data, self._addresses))
        return len(data)

    def close(self, sock: int) -> None:
        self._streams.discard(sock)
        self._datagrams.pop(sock, None)
        pipe = self._pipes.get(sock)
        if pipe is not None:
            pipe.board_closes()

    def has_news(self) -> bool:
        return bool(self.news)

    def take(self, board_events: list[News] | None = None) -> list[News]:
        """What has reached the board by now, and forgets it; added to `board_events` if there are."""
        news, self.news = self.news, []
        if board_events is None:
            return news
        board_events += news
        return board_events

    def board_died(self) -> None:
        """A power cut or a reset: what it had sent already goes on its way, and nothing more comes."""
        self.alive = False
        self.news = []
        self._streams.clear()
        self._datagrams.clear()
        for pipe in self._pipes.values():
            pipe.board_dies()

    # --- faults ---

    def half_open(self) -> None:
        """Nothing passes on the connections that there are, for ever, and nobody is told."""
        for pipe in self._pipes.values():
            pipe.is_cut = True

    def reset_all(self) -> None:
        """Something in between tells both ends that their connection is gone."""
        for pipe in list(self._pipes.values()):
            pipe.break_off()

    def address_lost(self) -> None:
        """The board has another address, or none: its stack ends what it has, and nobody tells the servers
        (lwIP: tcp_netif_ip_addr_changed). Answers to the old address find nobody."""
        self._addresses += 1
        for pipe in self._pipes.values():
            pipe.is_cut = True
            pipe.board_fails(ABORTED)

    # --- how things travel ---

    def at_rest(self, sock: int) -> Pipe | None:
        """That connection, if nothing is on its way there and no fault would hold it up."""
        if self.loss or self.slow_bytes_s or self.latency_us != _LATENCY_US or not self._is_through():
            return None
        pipe = self._pipes.get(sock)
        return pipe if pipe is not None and pipe.is_at_rest else None

    def latency(self) -> int:
        low_us, high_us = self.latency_us
        return low_us + int(self.rng.random() * (high_us - low_us))

    def passes(self) -> bool:
        """Whether one packet gets through now."""
        return self._is_through() and (not self.loss or self.rng.random() >= self.loss)

    def _is_through(self) -> bool:
        return not self.partition and self.wifi and self.carries()

    def _knocked(self, pipe: Pipe, host: str, port: int) -> bool:
        """A SYN is there. False: nobody answers at that address."""
        listeners = self._listeners
        key = (host, port) if (host, port) in listeners else (None, port)
        accept = listeners.get(key)
        if accept is not None and not self.refuse:
            pipe.accepted(accept)
            return True
        if any(name is None or name == host for name, _ in listeners):
            pipe.board_fails(REFUSED)
            return True
        return False

    def _asked(self, sock: int, port: int, data: bytes, address: int) -> None:
        answer = self._answers.get(port)
        if answer is None or not self._is_through():
            return
        reply = answer(data)
        if reply is not None and self.passes():
            self.agenda.after(self.latency(), partial(self._answered, sock, reply, address))

    def _answered(self, sock: int, reply: bytes, address: int) -> None:
        if sock in self._datagrams and self._is_through() and address == self._addresses:
            self.news.append((sock, "data", reply))
