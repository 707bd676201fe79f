"""The bytes between this computer and a board, over mpremote's transport: bounded, and over a port that goes
and comes again."""

import contextlib
import re
import select
import struct
import time
from collections.abc import Iterator
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from host_tools.errors import ToolError, Unreachable
from host_tools.output import printable
from host_tools.port.ports import Port, back_again
from host_tools.port.trouble import Lost, explain, gone, open_port, stayed_away
from host_tools.words import tr

REPLY_S = 3.0  # for what MicroPython answers at once
WRITE_S = 10.0
BACK_S = 10.0  # a board with its own USB leaves the bus when it resets
AWAY_S = 5.0  # a board that resets is back on the bus sooner
LOOK_S = 0.1
NO_SELECT_S = 0.002
RESET_S = 0.1
HEARD_BYTES_MAX = 65_536
REPLY_BYTES_MAX = 65_536


class _Transport(SerialTransport):  # type: ignore[misc]
    """mpremote's transport over a port that is open already."""

    def __init__(self, line: Any) -> None:
        self.serial = line
        self.in_raw_repl = False
        self.use_raw_paste = True
        self.mounted = False
        self.is_pty = False

    def read_until(self, count: int, ending: bytes, timeout: float | None = None, **more: Any) -> bytes:
        """As mpremote's, but it waits no 10 s where no time is given (a board without power is silent), and
        keeps only so much: TransportError for a board that talks without end."""
        kept = bytearray()

        def keep(data: bytes) -> None:
            kept.extend(data)
            if len(kept) > REPLY_BYTES_MAX:
                raise TransportError("an answer without end")

        more = {"timeout": timeout or REPLY_S, **more}
        if more.get("data_consumer"):
            return bytes(super().read_until(count, ending, **more))
        while super().read_until(count, ending[-1:], **{**more, "data_consumer": keep}) == ending[-1:]:
            if kept.endswith(ending):
                break
        return bytes(kept)


def shown(port: Port) -> str:
    return printable(port.device)


class Wire:
    """An open port. Raises Lost or Unreachable, never an error of a library."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.heard = b""  # the end of what the board said outside of run()
        self.at_prompt = False
        self.transport: Any = None

    def connect(self) -> None:
        line = open_port(self.port, timeout_s=REPLY_S)
        if not self.port.is_url:  # pyserial's rfc2217 has none, its socket waits 5 s at most
            line.write_timeout = WRITE_S
        self.transport = _Transport(line)
        self.at_prompt = False

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What pyserial and mpremote raise, in our words."""
        try:
            yield
        except ToolError:
            self.at_prompt = False
            raise
        except (TransportError, struct.error) as error:
            self.at_prompt = False
            raise self.garbled() from error
        except OSError as error:
            self.at_prompt = False
            raise explain(self.port, error) from error

    def garbled(self) -> Lost:
        return Lost(
            tr("the connection loses or garbles bytes"),
            tr("use a shorter cable and plug it straight into the computer, then repeat the command"),
        )

    def close(self) -> None:
        """Leaves a board that is at the prompt at the friendly one."""
        transport, self.transport = self.transport, None
        if transport is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if self.at_prompt:
                transport.serial.write(b"\r\x02")
                transport.serial.flush()
        with contextlib.suppress(OSError, ValueError):
            transport.close()  # mpremote lets go of RTS and DTR in an order that resets no board
        with contextlib.suppress(OSError, ValueError):
            transport.serial.close()

    @property
    def line(self) -> Any:
        """The open port, for what speaks with a script of ours on the board (upload.py)."""
        if self.transport is None:
            raise ValueError("the console is closed")
        return self.transport.serial

    def write(self, data: bytes) -> None:
        with self.told():
            self.line.write(data)

    def read(self, wait_s: float) -> bytes:
        """What has come, waiting at most `wait_s` for the first byte; b"" if nothing came."""
        with self.told():
            line, end = self.line, time.monotonic() + wait_s
            while not (waiting := line.in_waiting):
                left = end - time.monotonic()
                if left <= 0:
                    return b""
                if not hasattr(line, "fd"):  # Windows, rfc2217
                    time.sleep(min(NO_SELECT_S, left))
                elif select.select([line.fd], [], [], left)[0] and not line.in_waiting:
                    return bytes(line.read(1))  # the end of the file: pyserial raises
            return bytes(line.read(waiting))

    def hear(self, pattern: re.Pattern[bytes], wait_s: float) -> bool:
        """Reads until `pattern` has come since the call; keeps what was heard."""
        end = time.monotonic() + wait_s
        start = len(self.heard)
        while True:
            left = end - time.monotonic()
            data = self.read(max(0.0, left))
            self.heard += data
            if len(self.heard) > HEARD_BYTES_MAX:
                cut = len(self.heard) - HEARD_BYTES_MAX // 2
                self.heard, start = self.heard[cut:], max(0, start - cut)
            if pattern.search(self.heard, start):
                return True
            if left <= 0:
                return False

    def drain(self, quiet_s: float) -> None:
        """Takes in what the board still says, until it is quiet; a firmware that chatters is cut short."""
        end = time.monotonic() + 10 * quiet_s
        while time.monotonic() < end and (data := self.read(quiet_s)):
            self.heard = (self.heard + data)[-HEARD_BYTES_MAX:]

    def reset_by_lines(self) -> bool:
        """EN low for a moment by RTS, as esptool's HardReset does; False where the port has no such line."""
        try:
            line = self.line
            line.dtr = False
            line.rts = True
            time.sleep(RESET_S)
            line.rts = False
        except (OSError, ValueError):  # a pty: ENOTTY
            return False
        return True

    def reconnect(self, patience_s: float) -> None:
        """The port anew, after it vanished. Raises Lost; Unreachable when it stayed away for so long that
        nobody need wait for it once more."""
        end = time.monotonic() + patience_s
        with contextlib.suppress(OSError, ValueError):
            if self.transport is not None:
                self.transport.serial.close()
        while True:
            port = back_again(self.port, max(0.0, end - time.monotonic()))
            try:
                if port is not None:
                    self.port = port
                    self.connect()
                    return
            except Unreachable:
                if time.monotonic() >= end:
                    raise
            if time.monotonic() >= end:
                raise stayed_away(self.port) if patience_s >= AWAY_S else gone(self.port)
            time.sleep(LOOK_S)

    def wait_for(self, pattern: re.Pattern[bytes], wait_s: float) -> bool:
        """As `hear`, over a port that goes and comes again."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            try:
                return self.hear(pattern, left)
            except Lost:
                self.reconnect(min(BACK_S, left))
        return False
