"""The director's end of a board's socket: frames as `vm/_storm.py` writes and reads them.

A board asks with 24 bytes and its data, little endian: what (u8), nought (u8), size of the data (u16), socket
(i32), its time in us (u64), until when it would sleep (u64); the data of a LEAP (leaping.py) is when the next
ping is due and how often they come, both in us (u64). It is answered with 24 bytes: time (u64), horizon
(u64), result (i32), how many news follow (u16), flags (u16); each of the news is the socket (i32), what (u8),
nought (u8), the size of its data (u16), and the data. Between the two the board stands still.
"""

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from host_tools.storm.machine.silence import HANGS_S, LOOK_S, Silence

IDLE, OPEN, CONNECT, SEND, CLOSE, PAUSE, LEAVE, LEAP = 1, 2, 3, 4, 5, 6, 7, 8
NEWS = {"connected": 1, "data": 2, "end": 3, "error": 4, "room": 5, "foreign": 6}
BELL = 1
PIECE_BYTES = 1024  # of data at a time: a heap in use has no larger holes for certain
FOREVER_US = 1 << 60
_HEAD = struct.Struct("<BBHiQQ")
_TAIL = struct.Struct("<QQiHH")
_NEWS = struct.Struct("<iBBH")
_PIECE_MAX = 1 << 16
_TIMEVAL = struct.Struct("@ll")

News = tuple[int, str, bytes]


class Frame(NamedTuple):
    what: int
    sock: int
    now_us: int
    until_us: int
    data: bytes


class Line:
    """`pid` is the VM's. After so much processor time without a word, `hangs_s`, it hangs."""

    def __init__(self, end: socket.socket, pid: int, hangs_s: float = HANGS_S) -> None:
        self._end = end
        self._pid = pid
        self._hangs_s = hangs_s
        self._there = b""
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(0, int(LOOK_S * 1e6)))

    def ask(self) -> Frame | None:
        """What the board wants; None: it has ended. Raises Hangs, Stalled."""
        head = self._read(_HEAD.size)
        if head is None:
            return None
        what, _, size, sock, now_us, until_us = _HEAD.unpack(head)
        data = self._read(size) if size else b""
        return None if data is None else Frame(what, sock, now_us, until_us, data)

    def answer(self, now_us: int, horizon_us: int, result: int, news: Sequence[News], rings: bool) -> None:
        flags = BELL if rings else 0
        pieces = [_TAIL.pack(now_us, horizon_us, result, len(news), flags)]
        for sock, what, data in news:
            pieces.append(_NEWS.pack(sock, NEWS[what], 0, len(data)))
            pieces.append(data)
        try:
            self._end.sendall(b"".join(pieces))
        except OSError:  # it has ended: the next ask() says so
            return

    def close(self) -> None:
        self._end.close()

    def _read(self, size: int) -> bytes | None:
        """As much as there is comes at once: mostly that is one frame."""
        silence: Silence | None = None
        while len(self._there) < size:
            try:
                piece = self._end.recv(_PIECE_MAX)
            except BlockingIOError:
                silence = silence or Silence(self._pid, self._hangs_s)
                silence.look()
                continue
            except ConnectionError:
                return None
            if not piece:
                return None
            self._there += piece
        found, self._there = self._there[:size], self._there[size:]
        return found


def cut_up(news: Sequence[News]) -> list[News]:
    """In pieces that a frame can carry."""
    found: list[News] = []
    for sock, what, data in news:
        for at in range(0, max(1, len(data)), PIECE_BYTES):
            found.append((sock, what, data[at : at + PIECE_BYTES]))
    return found
