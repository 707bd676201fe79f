"""Making a kit (kitform.py): only what is named here goes into it, so that no secret can."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

from host_tools import __version__
from host_tools.errors import BadInput, ToolError
from host_tools.site import yamlfile
from host_tools.site.atomic import replace_file
from host_tools.site.boards import BOARD_FILE, boards_dir
from host_tools.site.kitform import (
    ASYNCAPI,
    FILE_MAX_BYTES,
    FORMAT,
    KIT_MAX_BYTES,
    LABELS,
    MANIFEST,
    SITE_FILE,
    Manifest,
)
from host_tools.site.load import load_site
from host_tools.site.migrate import rewritten
from host_tools.site.migrations import migrated
from host_tools.site.models import FILE_VERSION, Site
from host_tools.words.system import reason

DOCS_FOLDER = Path(__file__).resolve().parents[2] / "docs"
DOCS = (
    "site-file.md",
    "transfer.md",
    "city.md",
    "apply.md",
    "broker.md",
    "audit.md",
    "data.md",
    "provisioning.md",
    "flashing.md",
    "selftest.md",
    "vault.md",
    "rotation.md",
    "keypad.md",
    "technician.md",
    "technician.de.md",
    "PROTOCOL.md",
)
_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip file knows: the same site gives the same kit."""


def kit_of(site_file: Path) -> tuple[bytes, Manifest]:
    """The kit of a right site file. Raises BadInput, ToolError."""
    site = load_site(site_file)
    content = yamlfile.read(site_file)
    if migrated(yamlfile.parse(content).data).is_old:
        content = rewritten(site_file, content)
    files = {SITE_FILE: content, LABELS: _json(_labels(site)), ASYNCAPI: _json(_asyncapi(site))}
    for board in sorted({device.board for device in site.devices.values()}):
        for name in (BOARD_FILE, "README.md"):
            _add(files, boards_dir() / board / name, f"boards/{board}/{name}")
    for name in DOCS:
        _add(files, DOCS_FOLDER / name, f"docs/{name}")
    manifest = Manifest(
        format=FORMAT,
        sportbox=__version__,
        site=site.site,
        site_file_version=FILE_VERSION,
        files={name: hashlib.sha256(found).hexdigest() for name, found in sorted(files.items())},
    )
    files = {MANIFEST: _json(manifest.model_dump()), **dict(sorted(files.items()))}
    if sum(map(len, files.values())) > KIT_MAX_BYTES:
        raise ToolError(f"the kit of {site_file} would have more than {KIT_MAX_BYTES} bytes")
    return _zip(files), manifest


def write_kit(path: Path, content: bytes) -> None:
    """A kit is replaced by a newer one, but no other file is."""
    if path.exists() and not zipfile.is_zipfile(path):
        raise BadInput(f"{path} is there, and no kit", "give another name: -o kit.zip")
    try:
        replace_file(path, content, 0o644)
    except OSError as error:
        raise ToolError(
            f"cannot write {path}: {reason(error)}", "name one in a folder that is there and yours"
        ) from error


def _add(files: dict[str, bytes], path: Path, name: str) -> None:
    """What is there; a document that this version does not have is left out."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ToolError(f"cannot read {path}: {reason(error)}") from error
    if len(content) > FILE_MAX_BYTES:
        raise ToolError(f"{path} has more than {FILE_MAX_BYTES} bytes")
    files[name] = content


def _labels(site: Site) -> dict[str, object]:
    return {"label_url": site.label_url, "languages": site.languages, "title": site.title}


def _asyncapi(site: Site) -> dict[str, object]:
    from host_tools.data.asyncapi import document

    return document(site)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()
