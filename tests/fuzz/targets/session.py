"""What a broker, or whoever poses as one, sends to the MQTT session. Input: a byte of options, then the
stream.

A second reading of the stream, by the standard and not by the firmware's code, says which orders are in it:
those reach the desk and no others. Afterwards, on the same connection or on the next one, an order arrives.
"""

import asyncio

from sportbox.net import session as module
from sportbox.net.message import Message, Settings
from sportbox.net.packets import Packets
from sportbox.net.session import Session

BARE = 1  # option: the stream begins with the CONNACK, else after the SUBACK
CLOSES = 2  # at its end the connection is closed, else it falls silent
SECOND = 4  # an update is on its way
PIECES = (1, 3, 17, 256, 4096)  # by the upper bits: as how many bytes at a time it comes
ROOM = 1024
_PASSES_MAX = 30000
_GOOD = b"good one, afterwards"
_OPTIONS = {
    "keepalive_s": 30,
    "connect_ms": 5000,
    "ack_ms": 5000,
    "backoff_cap_ms": 4000,
    "window": 8,
    "packet_max": ROOM,
}


def publish(topic, payload, qos=1, retain=0, pid=7):
    body = bytes([len(topic) >> 8, len(topic) & 255]) + topic
    body += (bytes([pid >> 8, pid & 255]) if qos else b"") + payload
    return bytes([0x30 | qos << 1 | retain]) + length(len(body)) + body


def length(size):
    found = bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    found.append(size)
    return bytes(found)


_ANSWERS = ((0x40, 2), (0xD0, 0), (0x90, 3))  # the last one while an update is on its way
_MIXED = b"\xd0\x00" + publish(b"cmd", b"one") + b"\x40\x02\x00\x02" + publish(b"cmd", b"two", 0, 1)
SEEDS = [
    b"\x00" + publish(b"cmd", b"order"),
    b"\x26" + publish(b"data", b"piece" * 9) + publish(b"cmd", b"order") + b"\x90\x03\x00\x03\x01",
    b"\x4a" + _MIXED + publish(b"other", b"x"),
    b"\x60" + publish(b"cmd", b"x" * 3000) + publish(b"cmd", b"order"),
    b"\x80" + publish(b"cmd", b"x" * 900) * 5,
    b"\x01\x20\x02\x00\x00\x90\x03\x00\x01\x01" + _MIXED,
    b"\x03\x20\x02\x00\x05",
    b"\x03\x20\x02\x00\x00\x90\x03\x00\x01\x80",
    b"\x80" + b"\x40\x02\x00\x09" * 300,
    b"\x00\x32\xff\xff\xff\x7f\x00\x03cmd",
    b"\x02\x32\xff\xff\xff\xff\x01",
]


class _Now:
    """`asyncio` whose pauses take no time."""

    Event = asyncio.Event
    CancelledError = asyncio.CancelledError

    class core:
        _io_queue = None  # for a socket without TLS

    @staticmethod
    def current_task():
        return None

    @staticmethod
    def create_task(task):
        return asyncio.create_task(task)

    @staticmethod
    async def sleep_ms(ms):
        await asyncio.sleep(0)


class Line:
    """A connection, as the session's stream and socket."""

    def __init__(self, session, stream, piece, bare, closes):
        self._session = session
        self._left = memoryview(stream)
        self._piece = piece  # bytes at a time
        self._greets = 0 if bare else 2
        self._closes = closes
        self._more = asyncio.Event()
        self.silent = False
        self.written = bytearray()
        self.s = self

    def comes(self, data):
        self._left = memoryview(bytes(self._left) + data)
        self._more.set()

    async def readinto(self, view):
        if self._greets:
            return self._greet(view)
        while not len(self._left):
            if self._closes:
                return 0
            self._more.clear()
            self.silent = True
            await self._more.wait()
        count = min(len(self._left), len(view), self._piece)
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _greet(self, view):
        self._greets -= 1
        pid = self._session._subscribe_pid
        answer = b"\x20\x02\x00\x00" if self._greets else b"\x90\x03" + bytes([pid >> 8, pid & 255, 1])
        view[: len(answer)] = answer
        return len(answer)

    out_buf = b""  # takes everything at once

    def write(self, data, size=None):
        size = len(data) if size is None else size
        self.written += data[:size]
        return size

    async def drain(self):
        await asyncio.sleep(0)

    def close(self):
        pass


class Second:
    def takes(self, packet, topic_at, payload_at):
        assert topic_at + 2 <= payload_at <= len(packet) <= ROOM
        return bytes(packet[topic_at : topic_at + 6]) == b"\x00\x04data"

    def subscribed(self, code):
        assert 0 <= code <= 255


try:
    from types import coroutine
except ImportError:  # MicroPython, where each generator is one

    def coroutine(generator):
        return generator


class Board(Session):
    """Connects to the lines in turn."""

    _read_on = coroutine(Session._read_on)

    def __init__(self):
        self.orders, self.lines, self.sent, self.done = [], [], 0, 0
        self.now_ms = 1000
        super().__init__(
            Settings("127.0.0.1", 1, _OPTIONS),
            Packets("client", 30, None, None),
            "cmd",
            ("will", "offline"),
            self.message,
            lambda payload, retained: self.orders.append((payload, retained)),
            lambda: None,
            lambda why: None,
            lambda host: None,
            lambda: self.now_ms,
            lambda: 0,
            self,
        )

    def message(self):
        """One for each life."""
        if self.sent:
            return None
        self.sent = 1
        return Message().fill("t", b"x", False, 1, self.acked)

    def acked(self):
        self.done += 1

    async def _connect(self):
        self._socket = self.lines[0]

    async def open(self, socket, hello):
        socket.write(hello)
        return self.lines.pop(0)


def one(data):
    if data:
        module.asyncio = _Now
        run(play(data))


_LOOP = []


def run(task):
    """In one loop for all inputs: a new one costs CPython more than an input."""
    if not _LOOP:
        _LOOP.append(asyncio.new_event_loop())
    _LOOP[0].run_until_complete(task)


async def play(data):
    options, stream = data[0], data[1:]
    board = Board()
    if options & SECOND:
        board.second = Second()
    piece = PIECES[min(options >> 5, len(PIECES) - 1)]
    line = Line(board, stream, piece, options & BARE, options & CLOSES)
    board.lines = [line, Line(board, b"", 1, False, False)]
    life = asyncio.create_task(board.run())
    board.set_link(True)
    try:
        await until(lambda: line.silent or board.failures or life.done())
        if not options & BARE:
            wanted, is_broken = orders_in(stream, options & SECOND)
            assert board.orders == wanted, (board.orders, wanted)
            assert not is_broken or board.failures, "goes on after what no broker sends"
        if line.silent and not board.failures:
            await check_silence(board)
        if not options & BARE and not board.lines:
            assert board.failures, "a connection that nobody gave up"
        await check_works(board, line, life)
    finally:
        life.cancel()
        try:
            await life
        except asyncio.CancelledError:
            pass


async def until(told):
    for _ in range(_PASSES_MAX):
        if told():
            return
        await asyncio.sleep(0)
    raise AssertionError("no end")


async def check_silence(board):
    """Six seconds later a connection that is not sound has ended."""
    board.now_ms += 6000
    board.check(board.now_ms)
    for _ in range(6):
        await asyncio.sleep(0)
    sound = board.up and board._fill == 0 and (board.done or not board.sent)
    assert sound or board.failures, "deaf, and nobody notices"


async def check_works(board, line, life):
    at_once = board.failures == 0
    if not at_once:
        good = board.lines[0] if board.lines else None
        line = good or board._stream
        await until(lambda: (board.up and board._stream is line) or life.done())
    assert not life.done() and 0 <= board._fill <= ROOM
    assert board.done <= 1
    before = len(board.orders)
    line.comes(publish(b"cmd", _GOOD, pid=0x1234))
    await until(lambda: len(board.orders) > before or life.done())
    assert board.orders[before:] == [(_GOOD, False)], board.orders[before:]
    await until(lambda: b"\x40\x02\x12\x34" in line.written or life.done())
    assert not life.done()


def orders_in(stream, has_second):
    """(payload or None if too long, retained) of each whole order before the first fault, by MQTT 3.1.1, and
    whether there is one."""
    found = []
    at = 0
    while at < len(stream):
        size, begin = 0, at + 1
        while True:
            if begin >= len(stream):
                return found, False
            size |= (stream[begin] & 127) << 7 * (begin - at - 1)
            begin += 1
            if not stream[begin - 1] & 128:
                break
            if begin - at > 4:
                return found, True
        kind, body = stream[at], stream[begin : begin + size]
        if len(body) < size:
            break
        if kind >> 4 != 3:
            if (kind, size) not in _ANSWERS[: 3 if has_second else 2]:
                return found, True
        elif not _order(kind, body, begin - at + size, found):
            return found, True
        at = begin + size
    return found, False


def _order(kind, body, total, found):
    """False if it is no PUBLISH that a server may send."""
    qos = kind >> 1 & 3
    skipped = 2 if qos else 0
    if len(body) < 2 or qos > 1:
        return False
    end = 2 + (body[0] << 8 | body[1])
    if end + skipped > len(body) or end + skipped + total - len(body) > ROOM:
        return False
    if qos and body[end : end + 2] == b"\x00\x00":
        return False
    if body[2:end] == b"cmd":
        found.append((body[end + skipped :] if total <= ROOM else None, kind & 1 == 1))
    return True
