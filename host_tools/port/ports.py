"""Which boards are plugged in, and which of them a command is for. What is wrong with a port: trouble.py."""

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from host_tools.errors import BadInput, Unreachable
from host_tools.output import printable
from host_tools.words import tr

PORTS_VARIABLE = "SPORTBOX_PORTS"
LISTED_MAX = 8
LOOK_AGAIN_S = 0.1

# What joins an ESP32 to USB, by vendor and product (None: any). From the vendors: Silicon Labs AN721, the
# .inf files of WCH's and FTDI's drivers, Espressif's usb-pids (0x1001: USB Serial/JTAG of S3 and C3).
USB_CHIPS: dict[tuple[int, int | None], str] = {
    (0x10C4, 0xEA60): "CP210x",
    (0x10C4, 0xEA70): "CP2105",
    (0x10C4, 0xEA71): "CP2108",
    (0x1A86, 0x7522): "CH340",
    (0x1A86, 0x7523): "CH340",
    (0x1A86, 0x55D3): "CH343",
    (0x1A86, 0x55D4): "CH9102",
    (0x0403, 0x6001): "FT232R",
    (0x0403, 0x6010): "FT2232",
    (0x0403, 0x6011): "FT4232",
    (0x0403, 0x6014): "FT232H",
    (0x0403, 0x6015): "FT231X",
    (0x303A, 0x1001): "Espressif USB Serial/JTAG",
    (0x303A, None): "Espressif USB",
}


@dataclass(frozen=True)
class Port:
    """`device`: a path, a COM name or a URL of pyserial's such as rfc2217://host:port."""

    device: str
    description: str = ""
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None

    @property
    def chip(self) -> str | None:
        """The USB chip in front of the board, as far as it is known."""
        if self.vid is None:
            return None
        return USB_CHIPS.get((self.vid, self.pid)) or USB_CHIPS.get((self.vid, None))

    @property
    def is_url(self) -> bool:
        return "://" in self.device

    def there(self) -> bool:
        """Whether it is plugged in, as far as that can be told without opening it."""
        if self.is_url:
            return True
        if os.name == "nt":
            return any(port.device == self.device for port in usb_ports())
        return Path(self.device).exists()


def usb_ports() -> list[Port]:
    """Every USB serial port, by name, whatever is behind it."""
    from serial.tools.list_ports import comports

    found = [
        Port(info.device, info.description or "", info.vid, info.pid, info.serial_number)
        for info in comports()
        if info.vid is not None
    ]
    return sorted(found, key=lambda port: port.device)


def found_ports() -> list[Port]:
    """The ports that a board may be on: USB chips that boards have, or what $SPORTBOX_PORTS names."""
    named = os.environ.get(PORTS_VARIABLE)
    if named is None:
        return [port for port in usb_ports() if port.chip is not None]
    devices: list[str] = []
    for word in filter(None, (word.strip() for word in named.split(","))):
        devices += [word] if "://" in word else sorted(glob(word))  # noqa: PTH207
    return [port for device in dict.fromkeys(devices) if (port := Port(device)).there()]


def choose(ports: Sequence[str] | None, all_: bool = False) -> list[Port]:
    """The ports that a command works on: those named, all of them, or the only one there is."""
    if ports and all_:
        raise BadInput(
            tr("--port and --all exclude each other"), tr("name ports, or take all of them with --all")
        )
    found = found_ports()
    if ports:
        return _named(ports, found)
    if not found:
        raise no_board()
    if len(found) > 1 and not all_:
        names = [port.device for port in found]
        shown = ", ".join(names[:LISTED_MAX]) + (" ..." if len(names) > LISTED_MAX else "")
        raise BadInput(
            tr("several boards are plugged in: {ports}", ports=printable(shown)),
            tr("name one with --port {port}, or take all of them with --all", port=names[0]),
        )
    return found


def no_board() -> Unreachable:
    return Unreachable(
        tr("no board found on any serial port"),
        tr(
            "plug it in with a cable that carries data (a charge-only cable does not) and look with "
            "`sportbox doctor`, which also tells when a driver is missing"
        ),
    )


def no_serial_port(port: Port) -> BadInput:
    return BadInput(
        tr("`{port}` is no serial port", port=printable(port.device)),
        tr("name one after --port, such as /dev/ttyUSB0; `sportbox doctor` shows those that boards are on"),
    )


def _named(names: Sequence[str], found: list[Port]) -> list[Port]:
    known = {port.device: port for port in found}
    chosen = [known.get(name) or Port(name) for name in dict.fromkeys(names)]
    for port in chosen:
        if not port.there():
            others = ", ".join(printable(name) for name in list(known)[:LISTED_MAX])
            hint = (
                tr("boards are on {ports}", ports=others)
                if others
                else tr("plug the board in, then `sportbox doctor` shows its port")
            )
            raise Unreachable(tr("there is no port {port}", port=printable(port.device)), hint)
        if not port.is_url and os.name != "nt" and not stat.S_ISCHR(Path(port.device).stat().st_mode):
            raise no_serial_port(port)
    return chosen


def back_again(port: Port, patience_s: float) -> Port | None:
    """The port once it is there (again), None if it stays away. USB may give it another number: then it is
    known by its serial number, where its chip has one."""
    end = time.monotonic() + patience_s
    while True:
        if port.there():
            return port
        if port.serial_number:
            for other in usb_ports():
                if (other.vid, other.pid, other.serial_number) == (port.vid, port.pid, port.serial_number):
                    return other
        if time.monotonic() >= end:
            return None
        time.sleep(LOOK_AGAIN_S)
