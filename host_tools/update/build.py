"""The firmware's bundle: every file as a board gets it, compiled, and umqtt; no configuration, no secret."""

import re
import tempfile
from pathlib import Path

from host_tools.build.firmware import FIRMWARE, compile_files, compile_firmware, umqtt_source
from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.port.images import VERSION_NEWEST
from host_tools.setup.paths import UMQTT_VERSION
from host_tools.setup.umqtt import FILE_SHA256
from host_tools.site.boards import board_names
from host_tools.update.form import VERSION, Range, sha256
from host_tools.update.pack import pack
from host_tools.words.system import reason

VERSION_FILE = "sportbox/__init__.py"
_OWN = re.compile(r'^__version__ = "([^"\n]*)"$', re.MULTILINE)
_HEAD = 4
_MPY_FLAGS = 2  # the machine that native code is for; 0 is none
_SUFFIX = ".mpy"


def build(folder: Path | None = None, version: str | None = None) -> bytes:
    """The bundle of the firmware in a folder, by default the project's. With a version the firmware says that
    of itself, too: a board never reports another one than its bundle had."""
    folder = folder or FIRMWARE
    own, source = _own_version(folder)
    version = own if version is None else version
    if VERSION.fullmatch(version) is None:
        raise BadInput(
            f"`{printable(version)[:40]}` is no version: three numbers with points between them",
            "--version 0.2.0",
        )
    _check_umqtt()
    files = firmware_files(folder)
    if version != own:
        changed = _OWN.sub(f'__version__ = "{version}"', source, count=1)
        files[VERSION_FILE.removesuffix(".py") + _SUFFIX] = _compiled(changed)
    return pack(files, version, board_names(), micropython_range(), mpy_version(files))


def firmware_files(folder: Path = FIRMWARE) -> dict[str, bytes]:
    """What goes onto a board's flash, by its path below the slot."""
    return compile_firmware(folder).slot


def micropython_range() -> Range:
    """The series that the firmware is made for, as `provision` has it."""
    major, minor, _ = map(int, VERSION_NEWEST.split("."))
    return Range(first=f"{major}.{minor}.0", below=f"{major}.{minor + 1}.0")


def mpy_version(files: dict[str, bytes]) -> int:
    """The .mpy version of all compiled files. Native code would run on one chip alone."""
    found = {content[1] for path, content in files.items() if path.endswith(_SUFFIX) and _is_mpy(content)}
    odd = [path for path, content in files.items() if path.endswith(_SUFFIX) and not _is_mpy(content)]
    if odd or len(found) != 1:
        told = f"{odd[0]} is no bytecode" if odd else f"they have the .mpy versions {sorted(found)}"
        raise ToolError(f"these compiled files make no bundle: {told}", "make setup")
    return found.pop()


def _is_mpy(content: bytes) -> bool:
    return len(content) >= _HEAD and content[:1] == b"M" and content[_MPY_FLAGS] == 0


def _check_umqtt() -> None:
    """Boards in the field get the library that the firmware was tried with, whatever this computer has."""
    path = umqtt_source()
    if sha256(path.read_bytes()) != FILE_SHA256:
        raise ToolError(f"{path} is not umqtt.simple {UMQTT_VERSION} as it was tried", "make setup")


def _own_version(folder: Path) -> tuple[str, str]:
    """What the firmware says of itself, and the source that says it."""
    path = folder / VERSION_FILE
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"cannot read {path}: {reason(error)}", "name the firmware's folder with --firmware"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text: {error.reason}") from error
    found = _OWN.search(source)
    if found is None:
        raise BadInput(f"{path} has no version", 'add a line such as __version__ = "0.2.0"')
    return found.group(1), source


def _compiled(source: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="sportbox-") as scratch:
        path = Path(scratch) / "version.py"
        path.write_text(source, encoding="utf-8")
        return compile_files([(VERSION_FILE, path)])[VERSION_FILE]
