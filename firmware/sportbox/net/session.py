"""The MQTT session: one connection at a time, and nothing in it ever blocks the loop.

Two tasks a connection: the reader takes packets apart, and after each lot of them writes what is due; the
writer does so when somebody else has something to send, and waits while the socket takes no more. What is due
goes out as whole packets, several in one write, from one buffer. Deadlines (connect, CONNACK, SUBACK, PUBACK,
PINGRESP, the rest of a packet, a stuck write) are looked at by `check`, once a second; a missed one ends the
connection, and what the broker has not acknowledged goes out again on the next one, never twice on the same.
"""

import asyncio
import errno
import socket

from micropython import const

from sportbox.core.backoff import Backoff
from sportbox.net.message import Insecure, Message, Settings
from sportbox.net.packets import (
    CONNACK,
    PINGRESP,
    PUBACK,
    PUBLISH,
    PUBLISH_MORE,
    SUBACK,
    Malformed,
    Packets,
    field,
    put_publish,
    remaining_length,
)
from sportbox.net.ready import ready

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from typing import Any, Protocol

    from sportbox.net.secure import Secure

    class Second(Protocol):
        def takes(self, packet: memoryview, topic_at: int, payload_at: int) -> bool: ...
        def subscribed(self, code: int) -> None: ...


_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)
_PAUSE_MIN_MS = const(50)
_LEFT_MS = const(1000)
_CONTROL_MAX = const(1024)  # bytes of answers that wait for the writer; then reading pauses
_PID_MAX = const(65535)
_OUT = const(768)  # bytes: nearly every message of a board fits
_SLICE_MS = const(4)  # of writing, then the others have their turn
_POLLIN = const(1)
_CLOSED = const("closed by the broker")
_ACKS_MAX = const(32)  # read in one go
_LATE = const(6)  # times `ack_ms` that a PUBACK may be late while others come: a slow line is no dead one


class Session:
    """`next_message()` is asked for work whenever there is room in the window; `on_up` follows the SUBACK,
    `on_down` the end of a connection; `on_command(payload, retained)` gets None for an oversized one;
    `resolve` turns a host name into an address, `secure` puts TLS over the connection."""

    second: "Second | None" = None  # takes what comes on one topic more

    def __init__(
        self,
        settings: Settings,
        packets: Packets,
        command_topic: str,
        will: "tuple[str, str]",
        next_message: "Callable[[], Message | None]",
        on_command: "Callable[[bytes | None, bool], None]",
        on_up: "Callable[[], None]",
        on_down: "Callable[[str], None]",
        resolve: "Callable[[str], Awaitable[str]]",
        now_ms: "Callable[[], int]",
        random_bits: "Callable[[], int]",
        secure: "Secure | None" = None,
    ) -> None:
        self._settings = settings
        self._packets = packets
        self._command_topic = command_topic
        self._will = will
        self._next_message = next_message
        self._on_command = on_command
        self._on_up = on_up
        self._on_down = on_down
        self._resolve = resolve
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._secure = secure
        self._backoff = Backoff(settings.backoff_cap_ms)
        self.room = settings.packet_max  # for a packet that comes
        self._buffer = bytearray(settings.packet_max)
        self._view = memoryview(self._buffer)
        self._fill = 0
        self._out = bytearray(_OUT)  # in one piece from the start: a heap in use has few large holes
        self._long: bytes | bytearray | None = None  # instead of it, for what is longer
        self._topic = ""  # of the last message, and its field: most are followed by one like them
        self._topic_field = b""
        self._held: Message | None = None  # did not fit behind what is being written
        self._wake = asyncio.Event()
        self._link = asyncio.Event()
        self._task: "asyncio.Task[None] | None" = None
        self._socket: "socket.socket | None" = None
        self._stream: "Any" = None  # asyncio.Stream: MicroPython's is reader and writer in one
        self._why = ""
        self._control: bytes | bytearray = b""
        self._inflight: "dict[int, Callable[[], None] | None]" = {}  # id -> `done`
        self._due_ms: "dict[int, int]" = {}  # the same -> deadline; a pair would be memory for each message
        self._pid = 0
        self._acked = 0  # of the packet ids that were given out, those that wait no longer
        self._acked_ms = 0  # when these became more
        self._subscribe_pid = 0
        self._deadline_ms = 0  # of the phase before `up`, 0: none
        self._rx_deadline_ms = 0
        self._tx_deadline_ms = 0
        self._ping_deadline_ms = 0
        self._last_tx_ms = 0
        self._leaving = False
        self.left = asyncio.Event()  # after leave(): the connection is closed
        self.up = False
        self.beat_ms = 0  # when it last made progress
        self.connects = 0
        self.failures = 0
        self.stray_pubacks = 0
        self.last_error = ""

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def idle(self) -> bool:
        """True if all that was taken is with the broker, and nothing is waited for."""
        waits = self._rx_deadline_ms or self._tx_deadline_ms or self._ping_deadline_ms
        return not (self._inflight or self._control or self._held or waits)

    def subscribe(self, topic: str) -> None:
        """For `second`, which is told what the broker says to it; once on each connection."""
        self._subscribe_pid = self._next_pid()
        self._answer(self._packets.subscribe(topic, self._subscribe_pid))

    def leave(self) -> None:
        """Says goodbye, so that the last will stays quiet; no connection follows, nothing else goes out, and
        no order is taken any more. The broker closes this one when it has read that, so `left` means that it
        has."""
        if self.up:
            self._answer(self._packets.disconnect())
        elif self._task is None:
            self.left.set()
        self._leaving = True

    def set_link(self, is_up: bool) -> None:
        """Wi-Fi came or went; without it there is no point in trying."""
        if is_up:
            self._link.set()
        else:
            self._link.clear()
            self._fail("wifi lost")

    def check(self, now_ms: int) -> None:
        """Once a second: ends a connection of which a deadline is missed, and asks for a PINGREQ."""
        for what, deadline_ms in (
            ("broker silent", self._deadline_ms),
            ("half a packet", self._rx_deadline_ms),
            ("write stuck", self._tx_deadline_ms),
            ("no PINGRESP", self._ping_deadline_ms),
        ):
            if deadline_ms and now_ms >= deadline_ms:
                self._fail(what)
                return
        acked, ack_ms = self._pid - len(self._inflight), self._settings.ack_ms
        if acked != self._acked:
            self._acked, self._acked_ms = acked, now_ms
        for due_ms in self._due_ms.values():
            late_ms = now_ms - due_ms
            if late_ms >= 0 and (now_ms - self._acked_ms >= ack_ms or late_ms >= _LATE * ack_ms):
                self._fail("no PUBACK")
                return
        quiet_ms, keepalive_s = now_ms - self._last_tx_ms, self._settings.keepalive_s
        if self.up and not self._leaving and not self._ping_deadline_ms and quiet_ms >= keepalive_s * 500:
            self._ping_deadline_ms = now_ms + self._settings.ack_ms
            self._answer(self._packets.ping())
        if self.up:  # and it has lasted: what ends each one at once must not call a thousand times an hour
            self._backoff.reset()
            if quiet_ms >= keepalive_s * 1000:
                self._fail("writer stuck")
        if self._task is None or self.up or self._deadline_ms:
            self.beat_ms = now_ms  # pausing, connected, or under a deadline: all is well

    async def run(self) -> None:
        """Connects for ever."""
        while True:
            await self._link.wait()
            self._why = ""
            self._task = asyncio.create_task(self._serve())
            try:
                await self._task
            except asyncio.CancelledError:
                if not self._why:
                    raise
            except Insecure as error:
                self._why = str(error)
            except (OSError, Malformed) as error:
                self._why = "" if self._leaving else "%s %s" % (type(error).__name__, error)
            except MemoryError:  # may be a matter of the moment: the locks go on
                self._why = "no memory"
            finally:
                self._task = None
                self._close()
            while self._leaving:
                self.left.set()
                await asyncio.sleep_ms(_LEFT_MS)
            self.failures += 1
            self.last_error = self._why
            pause_ms = max(_PAUSE_MIN_MS, self._backoff.next(self._random_bits()))
            await asyncio.sleep_ms(pause_ms)

    def _fail(self, why: str) -> None:
        """Ends the connection from outside the reader's task. Each call does: a task that is cancelled twice
        before it runs, as by the alarm of `ready_within`, takes both for one."""
        if self._task is not None:
            self._why = self._why or why
            self._task.cancel()

    def _close(self) -> None:
        self._deadline_ms = self._rx_deadline_ms = self._tx_deadline_ms = self._ping_deadline_ms = 0
        if self._socket is not None:
            if self._stream is not None:
                self._stream.close()
            self._socket.close()
            self._socket = self._stream = None
        self._inflight.clear()
        self._due_ms.clear()  # nothing here asks for memory: it may be what ended the connection
        self._fill = 0
        self._held = self._long = None
        self.up = False
        self._control = b""
        self._on_down(self._why)

    async def _serve(self) -> None:
        settings = self._settings
        self._deadline_ms = self._now_ms() + settings.connect_ms
        await self._connect()
        writer = asyncio.create_task(self._write_loop())
        try:
            self._deadline_ms = self._now_ms() + settings.connect_ms
            hello = self._packets.connect(self._will[0], self._will[1])
            if self._secure is None:
                self._stream = asyncio.StreamReader(self._socket)
                self._answer(hello)
            else:
                assert self._socket is not None
                self._stream = await self._secure.open(self._socket, hello)
                self._deadline_ms = self._now_ms() + settings.connect_ms
            size = await self._packet()
            if self._buffer[0] != CONNACK or size != 4 or self._buffer[2] > 1:
                raise Malformed("no CONNACK")
            if self._buffer[3] != 0:
                raise OSError("refused by the broker, code %d" % self._buffer[3])
            self._take(size)
            self._deadline_ms = self._now_ms() + settings.ack_ms
            self._subscribe_pid = self._next_pid()
            self._answer(self._packets.subscribe(self._command_topic, self._subscribe_pid))
            await self._read_on()  # type: ignore[misc]
        finally:
            writer.cancel()

    def _read_on(self) -> "Generator[Any, Any, None]":
        """What comes, and after each lot of it what is due. To be awaited. It waits in asyncio's queue as
        `ready` does (MicroPython, extmod/asyncio/stream.py), but without a coroutine and a list for each
        packet: that memory is half of what a message costs."""
        puback, buffer, view, raw = PUBACK, self._buffer, self._view, self._socket
        is_plain, key = self._secure is None, id(raw)
        entry: "list[Any]" = [None, None, raw]  # who reads, who writes, what
        queue = asyncio.core._io_queue  # type: ignore[attr-defined]
        task: "Any" = asyncio.current_task()
        take_pubacks, write_due = self._handle_pubacks, self._write_due
        while True:
            if is_plain and not self._fill:
                if key in queue.map:  # the writer waits for the same socket
                    queue.queue_read(raw)
                else:
                    entry[0] = task
                    queue.map[key] = entry
                    queue.poller.register(raw, _POLLIN)
                    task.data = queue  # whence it is taken if it is cancelled
                yield
                count = raw.readinto(view)  # type: ignore[union-attr]
                if count == 0:
                    raise OSError(_CLOSED)
                self._fill = count or 0  # None: woken for nothing
            if buffer[0] == puback and self._fill >= 4:
                take_pubacks()
            else:
                size = yield from self._packet()  # type: ignore[misc]
                if buffer[0] == PUBACK:
                    self._handle_pubacks()
                else:
                    yield from self._handle(size)  # type: ignore[misc]
                while len(self._control) > _CONTROL_MAX:
                    yield from asyncio.sleep_ms(10)  # type: ignore[misc]
            try:
                write_due()
            except (OSError, MemoryError):
                raise
            except Exception as error:  # whatever fails ends the connection, as it does in the writer
                raise OSError("%s %s" % (type(error).__name__, error))
            if self._fill:  # what is in the buffer already must not keep the others waiting
                yield from asyncio.sleep_ms(0)  # type: ignore[misc]

    async def _connect(self) -> None:
        """TCP without blocking; the socket is closed by _close() whatever happens."""
        address = await self._resolve(self._settings.host)
        self._socket = socket.socket()
        self._socket.setblocking(False)
        try:
            self._socket.connect(socket.getaddrinfo(address, self._settings.port)[0][-1])
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        await ready(self._socket, True)  # type: ignore[misc]
        self._socket.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)

    async def _packet(self) -> int:
        """Waits until a whole packet stands at the start of the buffer and returns its size; a longer one
        than the buffer stands there with its first bytes, and its size says so."""
        while True:
            length, head = remaining_length(self._buffer, self._fill)
            if length >= 0 and (self._fill >= head + length or self._fill == len(self._buffer)):
                self._rx_deadline_ms = 0
                return head + length
            if self._fill and not self._rx_deadline_ms:
                self._rx_deadline_ms = self._now_ms() + self._settings.ack_ms
            count = await self._stream.readinto(self._view[self._fill :])
            if count == 0:
                raise OSError(_CLOSED)
            self._fill += count or 0  # None: woken for nothing

    def _take(self, size: int) -> None:
        """Removes a packet from the start of the buffer."""
        rest = self._fill - size
        try:
            if rest:
                self._buffer[:rest] = self._buffer[size : self._fill]
        except MemoryError:  # for the copy: then in steps that need none
            for at in range(0, rest, size):
                end = min(at + size, rest)
                self._view[at:end] = self._view[at + size : end + size]
        self._fill = rest

    async def _handle(self, size: int) -> None:
        kind = self._buffer[0]
        if kind & 0xF0 == PUBLISH:
            await self._handle_publish(size)
            return
        if size > len(self._buffer):
            raise Malformed("long packet")
        if kind == SUBACK and size == 5:
            self._handle_suback()
        elif kind == PINGRESP and size == 2:
            self._ping_deadline_ms = 0
        else:
            raise Malformed("packet 0x%02x of %d bytes" % (kind, size))
        self._take(size)

    def _handle_pubacks(self) -> None:
        """All that stand at the start of the buffer: they come together when messages go out together."""
        buffer, at, fill, inflight = self._buffer, 0, self._fill, self._inflight
        end = fill if fill < 4 * _ACKS_MAX else 4 * _ACKS_MAX
        while at + 4 <= end and buffer[at] == PUBACK:
            if buffer[at + 1] != 2:
                raise Malformed("PUBACK")
            pid = buffer[at + 2] << 8 | buffer[at + 3]
            if pid in inflight:
                del self._due_ms[pid]
                done = inflight.pop(pid)
                if done is not None:
                    done()
            else:
                self.stray_pubacks += 1
            at += 4
        if not at:  # a whole packet, and shorter than a PUBACK
            raise Malformed("PUBACK")
        if at == fill:
            self._fill = 0
        else:
            self._take(at)

    def _handle_suback(self) -> None:
        if self._subscribe_pid != self._buffer[2] << 8 | self._buffer[3]:
            raise Malformed("stray SUBACK")
        if self.up:
            if self.second is not None:  # else it has given way since it asked
                self.second.subscribed(self._buffer[4])
            return
        if self._buffer[4] > 1:
            raise OSError("subscription refused, code %d" % self._buffer[4])
        self._deadline_ms = 0
        self._acked = self._pid
        self.up = True
        self.connects += 1
        self.last_error = ""
        self._on_up()
        self._wake.set()

    async def _handle_publish(self, size: int) -> None:
        """Shape: 0x3_, remaining length, topic length u16, topic, packet id u16 at QoS 1, payload."""
        flags = self._buffer[0] & 0x0F
        length, head = remaining_length(self._buffer, self._fill)
        topic_end = head + 2 + (self._buffer[head] << 8 | self._buffer[head + 1])
        payload_at = topic_end + (2 if flags & 6 else 0)
        if flags & 6 > 2 or length < 2 or payload_at > size or payload_at > len(self._buffer):
            raise Malformed("PUBLISH")
        retained = flags & 1 == 1
        pid = self._buffer[topic_end] << 8 | self._buffer[topic_end + 1] if flags & 6 else 0
        if flags & 6 and pid == 0:
            raise Malformed("PUBLISH without a packet id")
        second = self.second
        if second is not None and size <= self._fill and second.takes(self._view[:size], head, payload_at):
            self._take(size)
            if pid:
                self._answer(self._packets.puback(pid))
            return
        topic = bytes(self._view[head + 2 : topic_end])
        payload = None
        if size > len(self._buffer):
            await self._drain(size)
        else:
            payload = bytes(self._view[payload_at:size])
            self._take(size)
        if pid:
            self._answer(self._packets.puback(pid))
        if topic == self._command_topic.encode() and not self._leaving:
            self._on_command(payload, retained)

    async def _drain(self, size: int) -> None:
        """Passes over a packet that is longer than the buffer; it must keep coming."""
        left = size - self._fill
        while left:
            self._rx_deadline_ms = self._now_ms() + self._settings.ack_ms
            count = await self._stream.readinto(self._view[: min(left, len(self._buffer))])
            if count == 0:
                raise OSError(_CLOSED)
            left -= count or 0
        self._rx_deadline_ms = 0
        self._fill = 0

    def _answer(self, packet: "bytes | bytearray") -> None:
        if not self._leaving:
            self._control += packet
            self._wake.set()

    def _next_pid(self) -> int:
        """1 to 65535, skipping those in flight."""
        pid = self._pid
        while True:
            pid = pid % _PID_MAX + 1
            if pid not in self._inflight:
                self._pid = pid
                return pid

    async def _write_loop(self) -> None:
        try:
            while True:
                self._wake.clear()
                if self._write_due():
                    await self._wake.wait()
                else:
                    await self._stream.drain()
                    self._tx_deadline_ms = 0
                    self._last_tx_ms = self._now_ms()
        # without a writer the session would be deaf, and nobody would notice
        except MemoryError:
            self._fail("no memory")
        except Exception as error:
            self._fail("%s %s" % (type(error).__name__, error))

    def _write_due(self) -> bool:
        """Writes what may go out now. False: the socket takes no more, and the writer is to wait for it."""
        stream = self._stream
        if stream is None:
            return True
        if self._tx_deadline_ms:
            return False
        now_ms = self._now_ms()
        size = self._next_packets(now_ms)
        if not size:
            return True
        out: bytes | bytearray = self._out
        if self._long is not None:
            out, self._long = self._long, None
        written = stream.s.write(out, size) or 0
        self._last_tx_ms = now_ms
        if written < size:
            stream.out_buf = memoryview(out)[written:size]
            self._tx_deadline_ms = now_ms + self._settings.ack_ms
            self._wake.set()
            return False
        return True

    def _next_packets(self, now_ms: int) -> int:
        """Whole packets, as many as there are and fit: their size. They stand at the start of `_out`, or in
        `_long` if that is there."""
        settings = self._settings
        out, inflight, size_of = self._out, self._inflight, len
        size = 0
        if self._control:
            answers, self._control = self._control, b""
            size = len(answers)
            if size > _OUT:
                self._long = answers
                self._wake.set()
                return size
            out[:size] = answers
        free = settings.window - size_of(inflight) if self.up and not self._leaving else 0
        while free:
            if size and self._now_ms() - now_ms >= _SLICE_MS:
                self._wake.set()
                break
            message = self._held
            if message is None:
                message = self._next_message()
                if message is None:
                    break
            else:
                self._held = None
            topic = message.topic
            if topic != self._topic:
                self._topic_field = field(topic)
                self._topic = topic
            named, payload, done = self._topic_field, message.payload, message.done
            end = size + size_of(named) + size_of(payload) + PUBLISH_MORE
            if end > _OUT:
                self._wake.set()
                if size:
                    self._held = message  # goes first the next time
                    break
                out = self._long = bytearray(end)
            pid = 0
            if message.qos:
                pid = self._pid % _PID_MAX + 1
                if pid in inflight:
                    pid = self._next_pid()
                self._pid = pid
                inflight[pid] = done
                self._due_ms[pid] = now_ms + settings.ack_ms
                free -= 1
            size = put_publish(out, size, named, payload, message.retain, pid)
            message.topic = ""  # it stands in the packet, and is never sent again by the session
            message.payload = b""
            if not pid and done is not None:
                done()
            if end > _OUT:
                break
        return size
