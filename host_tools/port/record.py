"""The acceptance record of a board: JSON for machines, and one page of HTML that prints on A4 for the folder.

Nothing secret is in it. A record is written whole or not at all, and never over another one.
"""

import errno
import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.words import tr
from host_tools.words.system import reason

NAMES_MAX = 100
FOLDER_SUFFIX = ".records"
VERSION: Literal[1] = 1


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(Model):
    """`text` and `cure` are for people, in the record's language."""

    check: str
    component: str
    ok: bool | None
    value: Any = None
    why: str = ""
    text: str = ""
    cure: str = ""
    at: str
    seconds: float


class Record(Model):
    """Version 1. Times are RFC 3339, UTC."""

    version: Literal[1] = VERSION
    verdict: Literal["passed", "failed"]
    begun: str
    ended: str
    language: str
    with_hardware: bool
    skipped: list[str]
    site: str | None
    site_title: str | None
    device: str | None
    device_title: str | None
    board: str | None
    chip: str | None
    mac: str
    port: str
    serial_number: str | None
    """Of the USB port."""
    firmware: str | None
    micropython: str
    tool: str
    config_hash: str | None
    key_version: int | None
    results: list[Result]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.ok is False]


def read_record(path: Path) -> Record:
    """Raises BadInput."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(
            tr("{path} is no record of a self-test: {why}", path=path, why=printable(str(error))[:200]),
            tr("sportbox selftest writes one"),
        ) from error


def records_folder(site_file: Path | None) -> Path:
    """Where records go unless -o says otherwise."""
    return Path() if site_file is None else site_file.with_suffix(FOLDER_SUFFIX)


def ready_folder(folder: Path) -> None:
    """Makes the folder before anybody works for a record that cannot be written. Raises ToolError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ToolError:
    return ToolError(
        tr("cannot write the record in {folder}: {why}", folder=folder, why=reason(error)),
        tr("name another folder with -o DIR"),
    )


def write_record(record: Record, folder: Path) -> tuple[Path, Path]:
    """The JSON file and the page beside it, `DEVICE-DATE.json` and `.html`. Raises ToolError."""
    from host_tools.port.record_page import page

    stamp = datetime.fromisoformat(record.begun).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{record.device or record.mac.replace(':', '')}-{stamp}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        html = _write_new(folder, stem, ".html", page(record).encode())
        text = record.model_dump_json(indent=2) + "\n"
        return _write_new(folder, html.stem, ".json", text.encode()), html
    except OSError as error:
        raise _unwritable(folder, error) from error


def _write_new(folder: Path, stem: str, suffix: str, content: bytes) -> Path:
    """A link to a finished draft: it is there whole or not at all, and takes no other file's name."""
    draft = folder / f".{stem}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        for number in range(1, NAMES_MAX):
            path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
            with suppress(FileExistsError):
                _take_name(draft, path)
                return path
        raise FileExistsError(f"{stem}{suffix}")
    finally:
        with suppress(OSError):
            draft.unlink()


def _take_name(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links (FAT): a new name, or FileExistsError, is still certain
        with path.open("xb") as file:
            file.write(draft.read_bytes())
