"""The console of a chip that runs MicroPython: between the VM's terminal and the serial port.

What the VM prints comes with "\\n" and leaves with "\\r\\n", as on the ESP32 (not what a program writes to
`sys.stdout.buffer`, see vm/_console.py). The interpreter's banner names the chip.

What a program that reads `sys.stdin.buffer` may rely on: all 256 values arrive as they are, in order and
complete, but for 0x03 (Ctrl-C), which interrupts a program instead. After `micropython.kbd_intr(-1)` it is a
byte as the others; nothing needs an escape then. At the prompt and in the raw REPL, where no program runs,
0x03 is always a byte. The terminal holds 4 KiB and what does not fit waits on the host's side: nothing is
lost, where a real UART drops what the firmware does not fetch in time (fault `overrun` of the port does so).
"""

import array
import fcntl
import os
import pty
import re
import signal
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path

from host_tools.sim import layout
from host_tools.sim.vm_process import INTERRUPT

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
FRIENDLY_PROMPT = b">>> "
HELP = b'Type "help()" for more information.'
VM_BANNER = re.compile(rb"MicroPython [^\r\n]*; linux [^\r\n]* version")
VM_BANNER_BEGUN = re.compile(rb"MicroPython [\w.-]*(?: on [\d-]*(?:; ?[^\r\n]{0,80})?)?")
LINE_END = re.compile(rb"(?<!\r)\n")
CTRL_C = b"\x03"
RAW_ON = b"\x01"
READ_BYTES = 4096
STOP_S = 0.05
AGAIN_S = 0.1  # a second Ctrl-C before the VM has seen the first is the same one
BOARD_NAMES = {"esp32": "Generic ESP32 module with ESP32", "esp32s3": "Generic ESP32S3 module with ESP32S3"}
BOARD_NAMES["esp32c3"] = "ESP32C3 module with ESP32C3"


def banner(chip: str, version: str) -> bytes:
    """As MicroPython's own, for a version such as v1.29.0."""
    return f"MicroPython {version} on 2026-01-01; {BOARD_NAMES[chip]}".encode()


class Relay:
    """The VM's terminal. `on_output` takes what goes to the port, `log` the console's text."""

    def __init__(self, on_output: Callable[[bytes], None], log: Path) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self.slave)
        self.is_raw = False  # the raw REPL was entered, and not left since
        self._on_output = on_output
        self._log_path = log
        self._banner = b""
        self._pid = 0
        self.listens = False  # the VM hears the host: before, its bytes wait
        self._clear()

    def _clear(self) -> None:
        self._output = bytearray()
        self._binary_left = 0
        self._until = b""  # what ends output that nobody needs to see
        self._after_cr = False
        self._tail = b""
        self._interrupt_s = 0.0
        self._silent_since_interrupt = False

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)

    def begin(self, banner: bytes, *, is_raw: bool) -> None:
        """A VM is about to start."""
        self._clear()
        self._banner = banner
        self.is_raw = is_raw
        self.listens = False

    def runs(self, pid: int) -> None:
        self._pid = pid

    def ended(self) -> None:
        """The VM is gone: what it said last is passed on, what it did not read is lost."""
        while self.read():
            pass
        self._pid = 0
        self.listens = False
        termios.tcflush(self.slave, termios.TCIFLUSH)

    # --- to the VM ---

    def send(self, data: bytes) -> int:
        """Bytes of the host; answers how many were taken, the others have to wait."""
        taken = 0
        while taken < len(data):
            at = data.find(CTRL_C, taken)
            part = data[taken : at if at >= 0 else len(data)]
            written = self._write(part)
            taken += written
            if written < len(part):
                return taken
            if at >= 0:
                if not self._interrupt() and not self._write(CTRL_C):
                    return taken
                taken += 1
        return taken

    def unread(self) -> int:
        """How many bytes wait for the VM to read them."""
        count = array.array("i", [0])
        fcntl.ioctl(self.slave, termios.FIONREAD, count)
        return count[0]

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self.master, data) if data else 0
        except BlockingIOError:
            return 0

    def _interrupt(self) -> bool:
        """Ctrl-C for a program; False when none runs or it does not want to be interrupted.

        The VM is stopped while its handler is looked at, so that no signal meets a prompt: it would kill it.
        """
        if self._silent_since_interrupt and time.monotonic() < self._interrupt_s + AGAIN_S:
            return self._catches(signal.SIGINT)
        if not self._pid:
            return True
        try:
            os.kill(self._pid, signal.SIGSTOP)
            self._await_stop()
            if not self._catches(signal.SIGINT):
                return False
            os.kill(self._pid, INTERRUPT if self._catches(INTERRUPT) else signal.SIGINT)
            self._interrupt_s, self._silent_since_interrupt = time.monotonic(), True
            return True
        except ProcessLookupError:
            return True
        finally:
            try:
                os.kill(self._pid, signal.SIGCONT)
            except ProcessLookupError:
                self._pid = 0

    def _await_stop(self) -> None:
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            try:
                state = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return
            if state in "TtZX":
                return
            time.sleep(0.0001)

    def _catches(self, number: signal.Signals) -> bool:
        """Whether the VM has a handler: of SIGINT while Ctrl-C interrupts what it does."""
        try:
            with Path(f"/proc/{self._pid}/status").open() as status:
                caught = next(line for line in status if line.startswith("SigCgt"))
        except (OSError, StopIteration):
            return False
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)

    # --- from the VM ---

    def read(self) -> bool:
        """Pass on what the VM printed; False when there was nothing."""
        try:
            data = os.read(self.master, READ_BYTES)
        except (BlockingIOError, OSError):
            return False
        self._silent_since_interrupt = False
        self._output += data
        while self._step():
            pass
        return True

    def _step(self) -> bool:
        """Take one piece of the output; False when the rest is not complete."""
        output = self._output
        if not output:
            return False
        if self._binary_left:
            part = bytes(output[: self._binary_left])
            self._binary_left -= len(part)
            del output[: len(part)]
            self._after_cr = part.endswith(b"\r")
            self.log(part)
            self._on_output(part)
            return True
        if self._until:
            return self._skip()
        at = output.find(layout.MARK)
        if at < 0:
            at = _complete(output)
            self._text(bytes(output[:at]))
            del output[:at]
            return False
        if at:
            self._text(bytes(output[:at]))
            del output[:at]
        return self._mark()

    def _skip(self) -> bool:
        at = self._output.find(self._until)
        if at < 0:
            del self._output[: -len(self._until)]
            return False
        del self._output[:at]
        if self._until == FRIENDLY_PROMPT:
            self._text(self._banner + b"\r\n" + HELP + b"\r\n")
        self._until = b""
        self.listens = True
        return True

    def _mark(self) -> bool:
        output, size = self._output, len(layout.MARK) + 1
        if len(output) < size:
            return False
        mark = bytes(output[:size])
        if mark == layout.MARK_BYTES:
            if len(output) < size + 4:
                return False
            self._binary_left = int.from_bytes(output[size : size + 4], "little")
            size += 4
        elif mark == layout.MARK_RUNS:
            self.listens = True
        elif mark == layout.MARK_PROMPT:
            self.listens = False
            self._until = FRIENDLY_PROMPT
            if self.is_raw:
                self._until = RAW_BANNER
                termios.tcflush(self.slave, termios.TCIFLUSH)
                self._write(RAW_ON)
        del output[:size]
        return True

    def _text(self, text: bytes) -> None:
        """Pass on what was printed."""
        if not text:
            return
        seen = self._tail + text
        raw, friendly = seen.rfind(RAW_BANNER), seen.rfind(HELP)
        if raw != friendly:
            self.is_raw = raw > friendly
        self._tail = seen[-(len(HELP) - 1) :]
        text = VM_BANNER.sub(self._banner, text)
        self.log(text)
        before = b"\r" if self._after_cr else b""
        whole = LINE_END.sub(b"\r\n", before + text)[len(before) :]
        self._after_cr = text.endswith(b"\r")
        self._on_output(whole)

    def log(self, text: bytes) -> None:
        """Into the console's log."""
        text = text.replace(b"\r\n", b"\n")
        with self._log_path.open("ab") as log:
            log.write(text)


def _complete(output: bytearray) -> int:
    """How much can be passed on: what comes next may make a mark or a banner of the end."""
    line = output.rfind(b"\n") + 1
    if VM_BANNER_BEGUN.fullmatch(output, line) and not VM_BANNER.search(output, line):
        return line
    for size in range(len(layout.MARK) - 1, 0, -1):
        if output.endswith(layout.MARK[:size]):
            return len(output) - size
    return len(output)
