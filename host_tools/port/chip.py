"""The chip on a port, through esptool as a library: what it is, and its flash.

    with Loader.open(port, progress) as loader:
        loader.chip.name, loader.md5(0x8000, 0xC00)

Opening restarts the board into its ROM and loads esptool's stub; `restart` lets it run again.
"""

import hashlib
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.output import printable
from host_tools.port.image import BOOTLOADER_ADDRESS, MIB
from host_tools.port.jobs import Progress
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost, explain, open_port
from host_tools.words import tr

FAST_BAUD = 460_800  # what CP210x, CH340 and FTDI do over a sound cable; a second try goes at 115200
CONNECT_ATTEMPTS = 4
STARTED_S = 3.0  # for the ROM to say that it starts the stub, on a computer that has much else to do
SECTOR_BYTES = 4_096

# esptool's sentences about a connection that is garbled or silent, and its result codes for a garbled packet
# (ROM 0x105 and 0x107, stub 0xC0, 0xC1, 0xC7, 0xC8; esptool documentation, "Serial Protocol").
_GARBLED = re.compile(
    r"no serial data|no more data|stream stopped|transfer stopped|invalid head|invalid slip|match request"
    r"|timed? ?out|in time|byte status response|corrupt data|than expected|digest|serial errors|stub flasher"
    r"|baud rate|guru meditation|result was (0105|0107|c0|c1|c7|c8)",
    re.IGNORECASE,
)
_FLASH_REFUSED = re.compile(r"result was (0106|0108|0109|c4|c5)", re.IGNORECASE)


@dataclass(frozen=True)
class Chip:
    """`name`: esp32, esp32s3, esp32c3; `description` in esptool's words; MAC in lower case."""

    name: str
    description: str
    mac: str
    flash_mib: int

    @property
    def flash_bytes(self) -> int:
        return self.flash_mib * MIB


class Loader:
    """A chip in its boot loader."""

    def __init__(self, port: Port, esp: Any, chip: Chip, progress: Progress | None) -> None:
        self.port = port
        self.chip = chip
        self._esp = esp
        self._progress = progress

    @classmethod
    @contextmanager
    def open(
        cls, port: Port, progress: Progress | None = None, fast: bool = True
    ) -> Generator["Loader", None, None]:
        """Raises BadInput for a chip that the firmware does not run on, Unreachable, Lost."""
        from host_tools.port.quiet import heard_by

        with heard_by(progress):
            line = open_port(port)
            try:
                with _told(port):
                    esp = _connect(line, fast and not port.is_url)
                    chip = _chip(esp)
                    esp.flash_set_parameters(chip.flash_mib * MIB)
                yield cls(port, esp, chip, progress)
            finally:
                _close(line)

    def read(self, address: int, size: int) -> bytes:
        with _told(self.port):
            return bytes(self._esp.read_flash(address, size))

    def md5(self, address: int, size: int) -> str:
        with _told(self.port):
            return str(self._esp.flash_md5sum(address, size))

    def holds(self, address: int, data: bytes) -> bool:
        return self.md5(address, len(data)) == _md5(data)

    def erase(self) -> None:
        """The whole flash."""
        with _told(self.port):
            self._esp.erase_flash()

    def write(self, address: int, data: bytes) -> None:
        """Progress advances by bytes on the line, none of them told beforehand: see `packed_size`."""
        from esptool import cmds

        with _told(self.port):
            try:
                cmds.write_flash(self._esp, [(address, data)])
            except RuntimeError as error:
                if "MD5" not in str(error) and "region is empty" not in str(error):
                    raise

    def verify(self, address: int, data: bytes) -> None:
        """ToolError names the first sector that does not hold what was written."""
        if self.holds(address, data):
            return
        low, high = 0, -(-len(data) // SECTOR_BYTES)  # the first bad one is in [low, high)
        while high - low > 1:
            middle = (low + high) // 2
            part = data[low * SECTOR_BYTES : middle * SECTOR_BYTES]
            if self.holds(address + low * SECTOR_BYTES, part):
                low = middle
            else:
                high = middle
        place = address + low * SECTOR_BYTES
        raise ToolError(
            tr("the flash sector at {place} does not keep what is written to it", place=f"{place:#x}"),
            tr("the flash of this board is worn or broken: take another board"),
        )

    def restart(self) -> None:
        with _told(self.port):
            self._esp.hard_reset()


def identify(port: Port, progress: Progress | None = None) -> Chip:
    """What is on the port; the board restarts."""
    with Loader.open(port, progress) as loader:
        loader.restart()
        return loader.chip


def packed_size(data: bytes) -> int:
    """How many bytes esptool will send for `data` (it compresses like this)."""
    import zlib

    return min(len(zlib.compress(data, 9)), len(data))


def _connect(line: Any, fast: bool) -> Any:
    from esptool import cmds, loader

    # esptool gives the ROM 0.2 s, and what comes later than that it cannot read any more.
    loader.MEM_END_ROM_TIMEOUT = STARTED_S
    esp = cmds.detect_chip(line, connect_attempts=CONNECT_ATTEMPTS)
    esp = cmds.run_stub(esp)
    if fast:
        esp.change_baud(FAST_BAUD)
    cmds.attach_flash(esp)
    # esptool's own second try of a write ends with another loader object than this one, and waits long; the
    # tries are ours.
    esp.WRITE_FLASH_ATTEMPTS = 1
    return esp


def _chip(esp: Any) -> Chip:
    from esptool import cmds
    from esptool.util import flash_size_bytes

    name = str(esp.CHIP_NAME).lower().replace("-", "")
    if name not in BOOTLOADER_ADDRESS:
        raise BadInput(
            tr("this chip is {chip}, on which the firmware does not run", chip=esp.CHIP_NAME),
            tr("take a board with ESP32, ESP32-S3 or ESP32-C3"),
        )
    size = cmds.detect_flash_size(esp)
    if size is None:
        raise ToolError(
            tr("the flash memory of this board does not tell its size"),
            tr("take another board: its flash is broken, or of a kind that esptool does not know"),
        )
    mac = ":".join(f"{byte:02x}" for byte in esp.read_mac("BASE_MAC"))
    return Chip(name, str(esp.get_chip_description()), mac, flash_size_bytes(size) // MIB)


@contextmanager
def _told(port: Port) -> Iterator[None]:
    """esptool's errors in our words."""
    from esptool.util import FatalError

    try:
        yield
    except FatalError as error:
        raise _meaning(port, str(error)) from error
    except OSError as error:  # SerialException is one
        raise explain(port, error) from error


def _meaning(port: Port, text: str) -> ToolError:
    name = printable(port.device)
    first = printable(re.split(r"(?<=\.)\s|\n", text)[0])[:160]  # what follows is esptool's web address
    if "wrong boot mode" in text.lower():
        return Unreachable(tr("the board on {port} does not enter its boot loader", port=name), _boot_cure())
    if "failed to connect" in text.lower():
        return Lost(tr("no ESP32 answers on {port}", port=name), _boot_cure())
    if _FLASH_REFUSED.search(text):
        return ToolError(
            tr("the flash memory refuses to work: {text}", text=first),
            tr("the flash of this board is worn or broken: take another board"),
        )
    if _GARBLED.search(text):
        return Lost(
            tr("the connection to the board on {port} was garbled: {text}", port=name, text=first),
            tr("use another cable, or plug the board in without the hub"),
        )
    return ToolError(tr("esptool gave up: {text}", text=first), f"sportbox doctor --port {name}")


def _boot_cure() -> str:
    return tr("hold BOOT on the board, press RESET, let both go, and repeat the command")


def _close(line: Any) -> None:
    """RTS first: with DTR alone gone for a moment the board would be reset (mpremote does the same)."""
    steps: tuple[Callable[[], None], ...] = (
        lambda: setattr(line, "rts", False),
        lambda: setattr(line, "dtr", False),
        line.close,
    )
    for step in steps:
        try:
            step()
        except OSError:  # a pty has no such lines, a port that is gone has none any more
            continue


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
