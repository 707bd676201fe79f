"""The console of a board: MicroPython's raw REPL, over mpremote's transport.

    with Console.open(port) as console:
        console.hold()                  # our firmware rests, its watchdog does not bite
        console.run("print(1 + 1)")     # "2\\n"
        console.restart()

Nothing here waits for ever: a board that says nothing, a port that loses bytes or vanishes end as `Lost`
(worth another try) or `Unreachable`. The raw REPL is described in MicroPython's reference, "The MicroPython
Interactive Interpreter Mode (aka REPL)"; the hold mode in docs/adr/0009-provisioning.md.
"""

import contextlib
import re
import time
import zlib
from collections.abc import Callable
from types import TracebackType

from mpremote.transport import TransportError

from host_tools.errors import ToolError, Unreachable
from host_tools.output import printable
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost
from host_tools.port.wire import HEARD_BYTES_MAX, REPLY_S, Wire, shown
from host_tools.words import tr

HOLD_MS = 300_000  # as in firmware/service.py
FEED_EVERY_S = 30.0
ENTRY_S = 12.0  # a board that crashes again and again comes by within half of it
RESET_AFTER_S = 2.5
CATCH_S = 2.0
CATCH_EVERY_S = 0.03
BANNER_S = 0.8
SETTLE_S = 0.05  # what interrupted code still prints
BOOT_S = 15.0
RUN_S = 20.0
HOLD_TRIES = 3
SURE_TRIES = 6
SURE_S = 8.0
TRACE_CHARS_MAX = 300

BANNER = re.compile(rb"raw REPL; CTRL-B to exit\r?\n>")
NO_IMAGE = re.compile(rb"invalid header: 0x|No bootable app|waiting for download", re.IGNORECASE)
HELD = re.compile(rb"sportbox: held for service")

_STATE = """\
def _():
 import sys
 try:
  with open('/main.py','rb') as f:
   if b'/hold' not in f.read():
    return 'foreign'
 except OSError as e:
  return 'unmounted' if e.errno==19 else 'none'
 return 'ours' if 'sportbox' in sys.modules else 'held'
print(_())
"""

_PROBE = """\
import binascii,machine
_=binascii.hexlify(machine.unique_id()).decode()
print('sport'+'box',_,_)
"""
_PROBED = re.compile(r"sportbox ([0-9a-f]{12}) \1")

_CHECKED = """\
import binascii
c={data!r}
if binascii.crc32(c)!={crc}:raise ValueError('garbled')
exec(c)
"""


class DeviceError(ToolError):
    """The board raised an exception; `trace` is its whole text."""

    def __init__(self, port: Port, trace: str) -> None:
        self.trace = trace
        last = trace.strip().splitlines()[-1:] or [""]
        super().__init__(
            tr("the board says: {text}", text=printable(last[0])[:TRACE_CHARS_MAX]),
            tr("repeat the command; if it comes again, flash the board anew with `sportbox flash`"),
        )


class OtherBoard(ToolError):
    """Ports may change their names when boards restart: this is not the board that it was."""


def checked(code: str) -> str:
    """`code` that runs only when it came whole."""
    data = code.encode()
    return _CHECKED.format(data=data, crc=zlib.crc32(data))


class Console(Wire):
    """Bounded in every wait. Its methods raise Lost, Unreachable or DeviceError."""

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self.is_held = False
        self.unique_id = ""  # of the board at whose prompt this console was first; it never serves another
        self._fed_s = 0.0

    # --- begin and end ---

    @classmethod
    def open(cls, port: Port | str, patience_s: float | None = None) -> "Console":
        """Opens the port and comes back with the prompt, whatever the board was doing."""
        console = cls(Port(port) if isinstance(port, str) else port)
        console.connect()
        try:
            console._enter(patience_s)
        except BaseException:
            console.close()
            raise
        return console

    @classmethod
    def listening(cls, port: Port | str) -> "Console":
        """Opens the port and leaves the board alone: for `listen`."""
        console = cls(Port(port) if isinstance(port, str) else port)
        console.connect()
        return console

    def __enter__(self) -> "Console":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the prompt ---

    def _enter(self, patience_s: float | None = None) -> None:
        """To the raw REPL's prompt from wherever the board is."""
        begin = time.monotonic()
        patience_s = ENTRY_S if patience_s is None else patience_s
        is_reset = False
        self.heard = b""
        while time.monotonic() < begin + patience_s:
            try:
                if self._interrupt():
                    return
                if not is_reset and time.monotonic() > begin + RESET_AFTER_S:
                    is_reset = True
                    if self.reset_by_lines():
                        self._catch()
            except Lost:  # a board with its own USB leaves the bus when it resets
                left = begin + patience_s - time.monotonic()
                if left <= 0:
                    raise
                self.reconnect(left)
        raise self._silent()

    def _interrupt(self) -> bool:
        """Ctrl-C twice ends a program or clears a line, Ctrl-A begins the raw REPL: True at its prompt."""
        self.write(b"\r\x03\x03")
        self.drain(SETTLE_S)
        self.write(b"\r\x01")
        if not self.hear(BANNER, BANNER_S):
            return False
        self.drain(0.01)
        self.at_prompt = True
        try:
            probed = _PROBED.fullmatch(self._execute(_PROBE, REPLY_S).strip())
        except (Lost, DeviceError):
            if not self.port.there():
                raise
            return False
        if probed is None:
            return False
        self._check_same(probed.group(1))
        return True

    def _check_same(self, unique_id: str) -> None:
        if self.unique_id not in ("", unique_id):
            self.at_prompt = False
            raise OtherBoard(
                tr("another board is on {port} now", port=shown(self.port)),
                tr("leave the boards plugged in where they are, and repeat the command"),
            )
        self.unique_id = unique_id

    def _catch(self) -> None:
        """Ctrl-C again and again while the board starts: one that sleeps is awake for a moment only."""
        end = time.monotonic() + CATCH_S
        while time.monotonic() < end:
            self.write(b"\x03")
            data = self.read(CATCH_EVERY_S)
            self.heard = (self.heard + data)[-HEARD_BYTES_MAX:]
            if b">>> " in data:
                return

    def _silent(self) -> Unreachable:
        if NO_IMAGE.search(self.heard):
            return Unreachable(
                tr("there is no MicroPython on the board"),
                tr("sportbox flash --port {port}", port=shown(self.port)),
            )
        if not self.heard.strip(b"\x00\r\n"):
            return Unreachable(
                tr("the board says nothing (no MicroPython on it, or asleep)"),
                tr("press its reset button and repeat the command at once, or `sportbox flash` it first"),
            )
        return Unreachable(
            tr("the board talks but does not come to its prompt"),
            tr("press its reset button and repeat the command, or `sportbox flash` it anew"),
        )

    # --- code ---

    def run(self, code: str, timeout_s: float = RUN_S) -> str:
        """What `code` prints. The board keeps its globals from one call to the next."""
        if not self.at_prompt:
            self._enter()
        if self.is_held and time.monotonic() > self._fed_s + FEED_EVERY_S:
            self.feed()
        return self._execute(code, timeout_s)

    def sure(self, code: str, timeout_s: float = SURE_S) -> str:
        """As `run`, for code that may run twice and raises nothing: again when the line damaged it."""
        for attempt in range(SURE_TRIES):
            try:
                return self.run(checked(code), timeout_s)
            except (Lost, DeviceError):
                if attempt == SURE_TRIES - 1:
                    raise
        raise self.garbled()

    def begin(self, code: str) -> None:
        """Starts `code` and leaves the line to the caller, who ends with `finish`."""
        with self.told():
            transport = self.transport
            while data := self.read(0):
                self.heard = (self.heard + data)[-HEARD_BYTES_MAX:]
            transport.serial.write(b"\x05A\x01")  # raw paste mode: the board says how much it can take
            answer = transport.read_until(1, b"R\x01", timeout=REPLY_S, timeout_overall=REPLY_S)
            if not answer.endswith(b"R\x01"):
                raise TransportError("no raw paste")
            transport.raw_paste_write(code.encode())

    def finish(self, timeout_s: float, taken: Callable[[bytes], None]) -> str:
        """Reads to the end of what `begin` started; the error text of the board."""
        end = time.monotonic() + timeout_s

        def take(data: bytes) -> None:
            if time.monotonic() > end:
                raise TransportError("no end")
            taken(data)

        with self.told():
            _, error = self.transport.follow(timeout_s, take)
            prompt = self.transport.read_until(1, b">", timeout=REPLY_S, timeout_overall=REPLY_S)
            if not prompt.endswith(b">"):
                raise TransportError("no prompt")
        return str(error.decode("utf-8", "replace"))

    def _execute(self, code: str, timeout_s: float) -> str:
        output = bytearray()
        self.begin(code)
        error = self.finish(timeout_s, output.extend)
        if error:
            raise DeviceError(self.port, error)
        return output.removesuffix(b"\x04").decode("utf-8", "replace").replace("\r\n", "\n")

    # --- hold mode and restart ---

    def state(self) -> str:
        """`ours`: our firmware was running; `held`: it was not; `foreign`: another main.py; `none`: none;
        `unmounted`: no filesystem."""
        return self.sure(_STATE).strip()

    def hold(self) -> None:
        """A board with our firmware restarts into hold mode and is at the prompt again. Its watchdog, which
        cannot be stopped, has then HOLD_MS and is fed by every `run`. Others are at the prompt already."""
        is_again = False
        for attempt in range(HOLD_TRIES):
            try:
                state = self.state()
                if state in ("foreign", "none"):
                    return
                if state == "held":
                    break
                if state == "unmounted":  # Ctrl-C came before MicroPython had mounted it
                    self._start_again(is_again)
                    is_again = True
                    continue
                self.sure("with open('/hold','w'):pass")
                self._leave()
                self.wait_for(HELD, BOOT_S)
                self._enter()
            except (Lost, DeviceError):  # bitten meanwhile, or garbled
                if attempt == HOLD_TRIES - 1:
                    raise
        self.is_held = self.state() == "held"
        if not self.is_held:
            raise Lost(
                tr("the board does not go into hold mode"),
                tr("press its reset button and repeat the command"),
            )
        self.feed()

    def _start_again(self, is_again: bool) -> None:
        """A restart, undisturbed this time; ToolError where that was of no use."""
        if is_again:
            raise ToolError(
                tr("MicroPython does not find the files of the board: its flash is damaged"),
                tr("sportbox flash --force --port {port}", port=shown(self.port)),
            )
        self._leave()
        self.listen(BOOT_S, "MicroPython v|sportbox: ")

    def feed(self) -> None:
        """Another HOLD_MS for a board in hold mode; nothing for any other."""
        if not self.is_held:
            return
        self._fed_s = time.monotonic()
        self.sure(f"import machine\nmachine.WDT(timeout={HOLD_MS}).feed()")

    def restart(self) -> None:
        """A normal start. The console is the firmware's then: `listen` hears it."""
        if not self.at_prompt:
            self._enter()
        self.is_held = False
        self._leave()

    def _leave(self) -> None:
        """machine.reset(): the answer never comes."""
        with contextlib.suppress(Lost):  # its own USB is gone with it
            self.begin(checked("import machine\nmachine.reset()"))
        self.at_prompt = False

    def listen(self, seconds: float, until: str | None = None) -> str:
        """What the board says on its own, for `seconds` or until the regular expression `until` matches."""
        self.heard = b""
        self.wait_for(re.compile(until.encode() if until else rb"(?!)"), seconds)
        if self.heard:
            self.at_prompt = False  # it may have restarted
        return self.heard.decode("utf-8", "replace").replace("\r\n", "\n")
