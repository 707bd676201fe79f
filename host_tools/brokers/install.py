"""Files into a broker's directory: each is replaced in one step, and a record tells what is whole.

The record (`installed.json`) has the digests of what the broker was told to use. It is written last, after
the reload. So what was cut off in between is found: what differs from the record was not taken over yet.
"""

import grp
import hashlib
import json
import os
import pwd
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from host_tools.brokers.mosquitto import DATA, File
from host_tools.errors import BadInput, ToolError
from host_tools.site.atomic import replace_file
from host_tools.words.system import reason

RECORD = "installed.json"
SERVICE_USER = "mosquitto"
FOLDER_MODE = 0o700
FILE_BYTES_MAX = 4 * 1024 * 1024


def owner_of(directory: Path, own: bool = False) -> str:
    """As whom a broker of this directory runs: as its owner. A directory that is yet to be made by root
    belongs to the user of Debian's package, or with `own` to whoever makes it."""
    try:
        return _user_name(directory.stat().st_uid)
    except FileNotFoundError:
        pass
    if os.geteuid() == 0 and not own:
        with suppress(KeyError):
            return pwd.getpwnam(SERVICE_USER).pw_name
    return _user_name(os.geteuid())


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise BadInput(
            f"user {uid} has no name on this computer", "chown the directory to one that has"
        ) from None


def installed(directory: Path) -> dict[str, bytes]:
    """The content of every file that is there; ToolError where it cannot be read."""
    found: dict[str, bytes] = {}
    try:
        for path in sorted(directory.iterdir()) if directory.exists() else []:
            if path.is_file() and not path.name.startswith(".") and path.stat().st_size <= FILE_BYTES_MAX:
                found[path.name] = path.read_bytes()
    except OSError as error:
        raise _cannot("read", directory, error) from error
    return found


def differing(directory: Path, wanted: Mapping[str, File]) -> list[str]:
    """Names of files that are not as wanted: content, mode or, for root, owner."""
    there = installed(directory)
    found = []
    for name, file in wanted.items():
        if there.get(name) != file.content or not _is_right(directory / name, file.mode, directory):
            found.append(name)
    return found


def _is_right(path: Path, mode: int, directory: Path) -> bool:
    is_, of = path.stat(), directory.stat()
    return stat.S_IMODE(is_.st_mode) == mode and (os.geteuid() != 0 or is_.st_uid == of.st_uid)


def install(directory: Path, wanted: Mapping[str, File], user: str) -> list[str]:
    """Write what differs, the secrets first and the configuration last; the names of what was written. Raises
    ToolError."""
    try:
        _make_folder(directory, user)
        _make_folder(directory / DATA, user)
        changed = differing(directory, wanted)
        for name in changed:
            replace_file(directory / name, wanted[name].content, wanted[name].mode)
            _give(directory / name, user)
    except OSError as error:
        raise _cannot("write", directory, error) from error
    return changed


def _make_folder(folder: Path, user: str) -> None:
    if not folder.exists():
        folder.mkdir(FOLDER_MODE, parents=True)
        _give(folder, user)


def _give(path: Path, user: str) -> None:
    """Mosquitto reads its files as the user that it runs as."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, grp.getgrgid(entry.pw_gid).gr_gid)


def digests(wanted: Mapping[str, File]) -> dict[str, str]:
    return {name: hashlib.sha256(file.content).hexdigest() for name, file in wanted.items()}


def recorded(directory: Path) -> dict[str, str]:
    """What the broker was last told to use; empty if that is not known."""
    try:
        found = json.loads((directory / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        return {}
    return found


def record(directory: Path, wanted: Mapping[str, File], user: str) -> None:
    """The broker uses these files now."""
    content = json.dumps(digests(wanted), indent=1).encode() + b"\n"
    try:
        replace_file(directory / RECORD, content, 0o644)
        _give(directory / RECORD, user)
    except OSError as error:
        raise _cannot("write", directory, error) from error


def _cannot(what: str, directory: Path, error: OSError) -> ToolError:
    return ToolError(
        f"cannot {what} in {directory}: {reason(error)}",
        "the directory of the broker must be yours, or run the command as root",
    )
