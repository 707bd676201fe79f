"""The host's end of a serial port: a pty behind a stable symlink, or a TCP port that speaks RFC 2217.

A pty has no DTR and RTS and no baud rate that counts; whoever closes it is noticed. Over RFC 2217 the lines
arrive (pyserial's PortManager does the protocol): `rfc2217://127.0.0.1:PORT`.
"""

import asyncio
import fcntl
import os
import pty
import select
import socket
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from serial.rfc2217 import PortManager

READ_BYTES = 4096
LOOK_S = 0.015  # how often a closed pty is looked at
LINES_S = 0.5
QUEUE_BYTES_MAX = 1 << 16


class Owner(Protocol):
    """Who gets what comes in."""

    def received(self, data: bytes) -> None: ...
    def closed(self) -> None: ...
    def lines(self, dtr: bool, rts: bool) -> None: ...


class PtyPort:
    """Use it in an asyncio loop. `url` is what a tool opens."""

    has_lines = False

    def __init__(self, owner: Owner, link: Path) -> None:
        self._owner = owner
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._master = -1
        self._busy = -1
        self._timer: asyncio.TimerHandle | None = None
        self._is_reading = False
        self.is_open = False  # by somebody
        self.is_paused = False
        self.url = str(link)

    def plug(self) -> None:
        """The port appears."""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        target = os.ttyname(slave)
        os.close(slave)
        draft = self._link.with_name(f".{self._link.name}.new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        draft.replace(self._link)
        self._look()

    def unplug(self) -> None:
        """The port is gone, whoever has it open."""
        self.set_busy(False)
        self._link.unlink(missing_ok=True)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            os.close(self._master)
        self._master, self.is_open, self._is_reading = -1, False, False

    def set_busy(self, is_busy: bool) -> None:
        """Another process has it, exclusively."""
        if is_busy and self._busy < 0:
            self._busy = os.open(self._link, os.O_RDWR | os.O_NOCTTY)
            fcntl.flock(self._busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif not is_busy and self._busy >= 0:
            os.close(self._busy)
            self._busy = -1

    def write(self, data: bytes) -> int:
        """How many bytes were taken."""
        if self._master < 0:
            return len(data)
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0

    def pause(self, is_paused: bool) -> None:
        """While paused, nothing is read: what the host sends waits in the kernel, then in the host."""
        if is_paused != self.is_paused:
            self.is_paused = is_paused
            self._watch()

    def _watch(self) -> None:
        wanted = self.is_open and not self.is_paused and self._master >= 0
        if wanted and not self._is_reading:
            self._loop.add_reader(self._master, self._read)
        elif not wanted and self._is_reading and self._master >= 0:
            self._loop.remove_reader(self._master)
        self._is_reading = wanted

    def _look(self) -> None:
        """Whether somebody has opened it. (A pty that nobody has open is always "ready".)"""
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        events = dict(poll.poll(0)).get(self._master, 0)
        if events & select.POLLHUP and not events & select.POLLIN:
            self._timer = self._loop.call_later(LOOK_S, self._look)
            return
        self._timer = None
        self.is_open = True
        self._watch()
        if self.is_paused:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def _read(self) -> None:
        try:
            data = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # closed by the last one who had it open
            self.is_open = False
            self._watch()
            if self._timer is None:
                self._timer = self._loop.call_later(LOOK_S, self._look)
            self._owner.closed()
            return
        self._owner.received(data)


class _Lines:
    """What PortManager takes for a serial port: the two lines, and settings that change nothing."""

    cts = dsr = cd = True
    ri = False
    baudrate, bytesize, parity, stopbits = 115200, 8, "N", 1
    xonxoff = rtscts = dsrdtr = break_condition = False
    port = "simulated"

    def __init__(self, changed: Callable[[bool, bool], None]) -> None:
        self._changed = changed
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, value: bool) -> None:
        self._dtr = value
        self._changed(self._dtr, self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, value: bool) -> None:
        self._rts = value
        self._changed(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        return

    def reset_output_buffer(self) -> None:
        return


class NetPort:
    """One client at a time, as with a device file that was opened exclusively."""

    has_lines = True

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        self._manager: PortManager | None = None
        self._out = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self.is_paused = False
        self.url = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def is_open(self) -> bool:
        return self._client is not None

    def plug(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def unplug(self) -> None:
        self._hang_up()
        self._loop.remove_reader(self._listener)

    def close(self) -> None:
        self._listener.close()

    def set_busy(self, is_busy: bool) -> None:
        """While busy, whoever connects is sent away."""
        if is_busy:
            self._hang_up()
            self._loop.remove_reader(self._listener)
        else:
            self.plug()

    def write(self, data: bytes) -> int:
        if self._client is None or self._manager is None:
            return len(data)
        if len(self._out) > QUEUE_BYTES_MAX:
            return 0
        self._out += b"".join(self._manager.escape(data))
        self._flush()
        return len(data)

    def pause(self, is_paused: bool) -> None:
        self.is_paused = is_paused
        if self._client is not None:
            if is_paused:
                self._loop.remove_reader(self._client)
            else:
                self._loop.add_reader(self._client, self._read)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._manager = PortManager(_Lines(self._owner.lines), _Connection(self._send_raw))
        if not self.is_paused:
            self._loop.add_reader(client, self._read)
        self._tell_lines()

    def _tell_lines(self) -> None:
        if self._manager is not None:
            self._manager.check_modem_lines()
            self._timer = self._loop.call_later(LINES_S, self._tell_lines)

    def _send_raw(self, data: bytes) -> None:
        self._out += data
        self._flush()

    def _flush(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            while self._out:
                del self._out[: client.send(self._out)]
            self._loop.remove_writer(client)
        except BlockingIOError:
            self._loop.add_writer(client, self._flush)
        except OSError:
            self._hang_up()

    def _read(self) -> None:
        if self._client is None or self._manager is None:
            return
        try:
            data = self._client.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        content = b"".join(self._manager.filter(data))
        if content:
            self._owner.received(content)

    def _hang_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._client is not None:
            self._loop.remove_reader(self._client)
            self._loop.remove_writer(self._client)
            self._client.close()
            self._client = self._manager = None
            self._out.clear()
            self._owner.lines(False, False)
            self._owner.closed()


class _Connection:
    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write


Port = PtyPort | NetPort


def port_maker(kind: str, link: Path) -> Callable[[Owner], Port]:
    """`kind`: pty or rfc2217. `link`: the path of a pty's symlink."""
    return NetPort if kind == "rfc2217" else (lambda owner: PtyPort(owner, link))
