"""One TCP connection between a board and a server: what each of its ends learns, and when."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from host_tools.storm.network.way import DATA, FIN, ROOM, RST, SYN, Way

if TYPE_CHECKING:
    from host_tools.storm.network.client import Client
    from host_tools.storm.network.net import Net

News = tuple[int, str, bytes]
"""Socket, what, data: "connected", "data", "end", "room", or "error" with a number of the ESP32."""

RESET = b"104"
REFUSED = b"111"
ABORTED = b"113"
TIMED_OUT = b"116"
UNREACHABLE = b"118"

BOARD_ROOM = 5760
"""Bytes that a board's lwIP keeps until they are acknowledged (TCP_SND_BUF of the ESP32's builds)."""
SERVER_ROOM = 64 * 1024

_BOARD_RETRY_MAX_US = 12_800_000
_BOARD_PATIENCE_US = 60_000_000
_CONNECT_PATIENCE_US = 75_000_000
_SERVER_RETRY_MAX_US = 102_400_000
_SERVER_PATIENCE_US = 924_000_000  # tcp_retries2 of Linux
_ORPHAN_PATIENCE_US = 100_000_000  # tcp_orphan_retries: when the program has closed it already


def _ignore_data(_data: bytes) -> None:
    pass


def _ignore() -> None:
    pass


class Pipe:
    """The server's end of a connection: send, close, reset, pause, resume, and on_data, on_close to be set.

    `why` says to on_close what happened: "end" (a FIN), "reset" or "timeout".
    """

    __slots__ = (
        "_arrival",
        "_board_is_gone",
        "_board_is_open",
        "_down",
        "_is_accepted",
        "_is_connected",
        "_is_paused",
        "_net",
        "_sock",
        "_up",
        "_waiting",
        "_waiting_size",
        "_wants_room",
        "client",
        "is_cut",
        "is_open",
        "on_close",
        "on_data",
        "on_late",
        "sent",
        "why",
    )

    def __init__(self, net: "Net", sock: int) -> None:
        self._net = net
        self._sock = sock
        self._up = Way(
            net, self, self._at_server, self._board_gives_up, _BOARD_RETRY_MAX_US, _CONNECT_PATIENCE_US
        )
        self._down = Way(
            net, self, self._at_board, self._server_gives_up, _SERVER_RETRY_MAX_US, _SERVER_PATIENCE_US
        )
        self.is_cut = False
        self.client: Client | None = None  # if a broker took it
        self.is_open = False  # the server's end
        self.why = ""
        self.sent = 0
        self.on_data: Callable[[bytes], None] = _ignore_data
        self.on_close: Callable[[], None] = _ignore
        self.on_late: Callable[[], None] = _ignore  # there is data for a connection that is closed
        self._arrival: Callable[[], bool] | None = None
        self._is_accepted = False
        self._is_connected = False
        self._board_is_open = True
        self._board_is_gone = False  # its stack knows nothing of this connection
        self._wants_room = False
        self._is_paused = False
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_size = 0

    @property
    def is_over(self) -> bool:
        return not self.is_open and not self._board_is_open

    @property
    def is_at_rest(self) -> bool:
        """It stands, nothing is on its way, and nobody holds it up."""
        if self.is_cut or self._is_paused or self._wants_room or self._up.is_busy or self._down.is_busy:
            return False
        return self._is_connected and self._board_is_open and self.is_open

    # --- the server ---

    def send(self, data: bytes) -> None:
        """More than a socket's buffer holds breaks the connection off: the board does not read."""
        if not self.is_open:
            return
        if self._down.size + len(data) > SERVER_ROOM:
            self.reset()
            self.why = "reset"
            self.on_close()
            return
        self.sent += len(data)
        net = self._net
        if net.split and len(data) > 1 and net.rng.random() < net.split:
            cut = net.rng.randrange(1, len(data))
            self._down.push(DATA, data[:cut])
            data = data[cut:]
        self._down.push(DATA, data)

    @property
    def arrived(self) -> int:
        """How many of the bytes that were sent are there, or will never be."""
        return self.sent - self._down.size

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._down.push(FIN)
            self._down.patience_us = _ORPHAN_PATIENCE_US

    def reset(self) -> None:
        """A RST is sent once; if it is lost, the board learns of it by the next that it sends."""
        if self.is_open:
            self.is_open = False
            self._down.push(RST)
            self._down.is_orphan = True

    def vanish(self) -> None:
        """The server's machine went down: the board learns of it by the next that it sends."""
        self.is_open = False
        self._down.sender_vanishes()

    def pause(self) -> None:
        """The server does not read any more: what comes waits in its kernel."""
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        for what, data in waiting:
            if self.is_open:
                self._read(what, data)

    def accepted(self, accept: Callable[["Pipe"], None]) -> None:
        self._is_accepted = self.is_open = True
        self._up.patience_us = _BOARD_PATIENCE_US
        self._down.push(SYN)
        accept(self)

    def break_off(self) -> None:
        if self.is_open:
            self._down.push(RST)
            self._end("reset")

    def _at_server(self, what: int, data: bytes) -> bool:
        if what == SYN:
            return self._arrival is None or self._arrival()
        if not self.is_open:
            if what == DATA:
                self._down.push(RST)
                self.on_late()
            return True
        if self._is_paused:
            if self._waiting_size + len(data) > SERVER_ROOM:
                return False
            self._waiting.append((what, data))
            self._waiting_size += len(data)
        if self._wants_room:
            self._wants_room = False
            self._down.push(ROOM)
        if not self._is_paused:
            self._read(what, data)
        return True

    def _read(self, what: int, data: bytes) -> None:
        if what == DATA:
            self.on_data(data)
        else:
            self._end("end" if what == FIN else "reset")

    def _end(self, why: str) -> None:
        self._down.sender_vanishes()
        if self._is_paused:  # it is told when it reads again
            self._waiting.append((RST, b""))
            return
        self.is_open = False
        self.why = why
        self.on_close()

    def _server_gives_up(self) -> None:
        if self.is_open:
            self._end("timeout")

    # --- the board ---

    def knock(self, arrival: Callable[[], bool]) -> None:
        self._arrival = arrival
        self._up.push(SYN)

    def board_sends(self, data: bytes) -> int:
        if not self._board_is_open:
            return len(data)  # it has been told
        if not self._is_connected:
            return 0
        room = BOARD_ROOM - self._up.size
        if room < len(data):
            self._wants_room = True
            data = data[: max(0, room)]
        if data:
            self._up.push(DATA, data)
        return len(data)

    def board_closes(self) -> None:
        """What it has sent is still sent again until it is there, and then the FIN."""
        if not self._board_is_open:
            return
        self._board_is_open = False
        if self._is_accepted:
            self._up.push(FIN)
        else:
            self._board_is_gone = True
            self._up.clear()

    def board_dies(self) -> None:
        self._board_is_open = False
        self._board_is_gone = True
        self._up.sender_vanishes()

    def board_fails(self, number: bytes) -> None:
        if self._board_is_open:
            self._net.news.append((self._sock, "error", number))
        self._board_is_open = False
        self._board_is_gone = True
        self._up.is_orphan = True

    def _board_gives_up(self) -> None:
        self.board_fails(TIMED_OUT)

    def _at_board(self, what: int, data: bytes) -> bool:
        if self._board_is_gone:
            if not self._net.alive:
                return False
            if what != RST:
                self._up.push(RST)
            return True
        if what == RST:
            self._up.clear()
            self.board_fails(RESET)
        elif not self._board_is_open:
            pass
        elif what == DATA:
            self._net.news.append((self._sock, "data", data))
        elif what == FIN:
            self._net.news.append((self._sock, "end", b""))
        elif what == ROOM:
            self._net.news.append((self._sock, "room", b""))
        else:
            self._is_connected = True
            self._net.news.append((self._sock, "connected", b""))
        return True
