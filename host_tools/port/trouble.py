"""What is wrong with a serial port: one sentence of cause, one of cure.

pyserial tells most of it by `errno` (its documentation names none; its POSIX part passes on those of open(2),
flock(2) and read(2)), some of it by text alone.
"""

import errno
import os
import re
from pathlib import Path
from typing import Any

from host_tools.errors import ToolError, Unreachable
from host_tools.output import printable
from host_tools.port.ports import Port, no_serial_port
from host_tools.port.udev import rule_cure
from host_tools.words import tr

BAUD = 115_200  # of the ROM's and of MicroPython's console
PROCESSES_MAX = 10_000

_BUSY = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}
_DENIED = {errno.EACCES, errno.EPERM}
_GONE = {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO, errno.EBADF}
_BUSY_TEXTS = ("exclusively lock", "resource busy", "access is denied", "resource temporarily unavailable")
_DENIED_TEXTS = ("permission denied",)
_NO_TERMINAL_TEXTS = ("inappropriate ioctl",)  # tcgetattr(3), ENOTTY


class Lost(Unreachable):
    """The connection broke, timed out or was garbled: trying again may help."""


def open_port(port: Port, baud: int = BAUD, timeout_s: float | None = None) -> Any:
    """The open port, ours alone. Raises Unreachable.

    DTR and RTS are left asserted both, as the kernel does it on opening: the reset circuit of ESP32 boards
    pulls EN down only while RTS is asserted and DTR is not (ESP32-DevKitC schematic), so the board runs on.
    """
    import serial

    try:
        line = serial.serial_for_url(
            port.device, baudrate=baud, timeout=timeout_s, exclusive=True, do_not_open=True
        )
        line.open()
    except (OSError, ValueError) as error:  # SerialException is an OSError; ValueError: a URL that is none
        if port.is_url:
            raise Unreachable(
                tr("nothing answers at {port}: {text}", port=printable(port.device), text=_short(error)),
                tr("start the server of that port, or correct the address after --port"),
            ) from error
        raise explain(port, error) from error
    return line


def explain(port: Port, error: BaseException) -> ToolError:
    """What an error of the serial port means."""
    if isinstance(error, ToolError):
        return error
    number = getattr(error, "errno", None)
    if number is None and isinstance(error.__context__, OSError):
        number = error.__context__.errno
    text = str(error).lower()
    if number in _BUSY or any(part in text for part in _BUSY_TEXTS):
        return busy(port)
    if number in _DENIED or any(part in text for part in _DENIED_TEXTS):
        return denied(port)
    if number == errno.ENOTTY or any(part in text for part in _NO_TERMINAL_TEXTS):
        return no_serial_port(port)
    if number in _GONE or not port.there():
        return gone(port)
    return Lost(
        tr("the connection over {port} broke: {text}", port=printable(port.device), text=_short(error)),
        tr("plug the board in again, with another cable or without the hub"),
    )


def gone(port: Port) -> Lost:
    return Lost(
        tr("{port} went away in the middle of it", port=printable(port.device)),
        tr("plug the board in again (a short cable, a hub with a power supply) and repeat the command"),
    )


def stayed_away(port: Port) -> Unreachable:
    return Unreachable(
        tr("{port} went away in the middle of it and did not come back", port=printable(port.device)),
        tr("plug the board in again (a short cable, a hub with a power supply) and repeat the command"),
    )


def busy(port: Port) -> Unreachable:
    user = holder(port.device)
    if user is None:
        return Unreachable(
            tr("{port} is in use by another program", port=printable(port.device)),
            tr("close it (a terminal such as screen, Thonny, another sportbox) and repeat the command"),
        )
    pid, name = user
    return Unreachable(
        tr("{port} is in use by {name} (process {pid})", port=printable(port.device), name=name, pid=pid),
        tr("close {name} and repeat the command", name=name),
    )


def denied(port: Port) -> Unreachable:
    return Unreachable(
        tr("you may not use {port}", port=printable(port.device)),
        permission_cure(port.device),
    )


def permission_cure(device: str) -> str:
    """How this user gets at this port on this machine."""
    group = _group_of(device)
    if group is None:
        return tr("install the udev rule: {command}", command=rule_cure())
    if group in _groups_of_user() - _groups_of_process():
        return tr("you are in the group {group} since your last login: log out and in again", group=group)
    return tr("`sudo usermod -aG {group} $USER`, then log out and in again", group=group)


def may_use(device: str) -> bool:
    return os.access(device, os.R_OK | os.W_OK)


def _group_of(device: str) -> str | None:
    """The group that may use it, unless there is none but root's."""
    try:
        import grp

        status = Path(device).stat()
        name = grp.getgrgid(status.st_gid).gr_name
    except (ImportError, OSError, KeyError):
        return None
    return name if status.st_mode & 0o060 == 0o060 and name not in ("root", "wheel") else None


def _groups_of_user() -> set[str]:
    try:
        import grp
        import pwd

        user = pwd.getpwuid(os.getuid()).pw_name
        return {group.gr_name for group in grp.getgrall() if user in group.gr_mem}
    except (ImportError, OSError, KeyError):
        return set()


def _groups_of_process() -> set[str]:
    import grp

    names = set()
    for number in os.getgroups():
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return names


def holder(device: str) -> tuple[int, str] | None:
    """Process id and name of who has locked or opened the port; None where the system does not tell."""
    try:
        status = Path(device).stat()
    except OSError:
        return None
    own = os.getpid()
    by_lock = [pid for pid in _lockers(status) if pid != own]
    for pid in by_lock or [pid for pid in _openers(status.st_rdev) if pid != own]:
        name = _name_of(pid)
        if name is not None:
            return pid, name
    return None


def _lockers(status: os.stat_result) -> list[int]:
    """Who holds flock(2) on it, by /proc/locks (proc(5)): `1: FLOCK ADVISORY WRITE 4242 00:05:612 0 EOF`."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found = [re.search(r"FLOCK\s+\S+\s+\S+\s+(\d+)\s+(\S+)", line) for line in lines[:PROCESSES_MAX]]
    return [
        int(match.group(1)) for match in found if match and match.group(2) == place and match.group(1) != "0"
    ]


def _openers(rdev: int) -> list[int]:
    """Who has the character device open; only processes of this user can be looked into."""
    found = []
    numbers = [entry for entry in _listed("/proc") if entry.isdigit()][:PROCESSES_MAX]
    for number in numbers:
        for descriptor in _listed(f"/proc/{number}/fd"):
            try:
                if Path(f"/proc/{number}/fd/{descriptor}").stat().st_rdev == rdev != 0:
                    found.append(int(number))
                    break
            except OSError:
                continue
    return found


def _listed(folder: str) -> list[str]:
    try:
        return [entry.name for entry in Path(folder).iterdir()]
    except OSError:
        return []


def _name_of(pid: int) -> str | None:
    try:
        return printable(Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip())[:40]
    except OSError:
        return None


def _short(error: BaseException) -> str:
    return printable(str(error) or type(error).__name__)[:160]
