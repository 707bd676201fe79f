"""Reading a kit that somebody sent: nothing in it is believed, and nothing is unpacked but by name."""

import hashlib
import json
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site import yamlfile
from host_tools.site.boards import BOARD_FILE, boards_dir
from host_tools.site.kitform import (
    FILE_MAX_BYTES,
    FILES_MAX,
    FORMAT,
    KIT_MAX_BYTES,
    MANIFEST,
    NAMES,
    SITE_FILE,
    Manifest,
)
from host_tools.site.load import site_of
from host_tools.site.models import FILE_VERSION, Site
from host_tools.words.system import reason

_ENCRYPTED = 0x1
_ASK = "ask for it again: `sportbox site export SITE.yaml -o kit.zip` makes one"


@dataclass(frozen=True)
class Kit:
    manifest: Manifest
    files: dict[str, bytes]
    site: Site

    def boards_missing(self) -> list[str]:
        """Boards that the site uses and that are not here."""
        return [name for name in self._boards() if not (boards_dir() / name / BOARD_FILE).is_file()]

    def boards_that_differ(self) -> list[str]:
        """Boards that are here and say something else than in the kit."""
        missing = self.boards_missing()
        return [name for name in self._boards() if name not in missing and self._differs(name)]

    def _boards(self) -> list[str]:
        return sorted({device.board for device in self.site.devices.values()})

    def _differs(self, board: str) -> bool:
        theirs = self.files.get(f"boards/{board}/{BOARD_FILE}")
        return theirs is not None and theirs != (boards_dir() / board / BOARD_FILE).read_bytes()


def read_kit(path: Path) -> Kit:
    """A kit that is whole; BadInput says what is wrong with it."""
    try:
        if path.stat().st_size > KIT_MAX_BYTES:
            raise _bad(path, f"has more than {KIT_MAX_BYTES} bytes")
        if not path.is_file():
            raise _bad(path, "is no file")
        with zipfile.ZipFile(path) as archive:
            files = _contents(path, archive)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {reason(error)}") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise _bad(path, "is no zip file, or a damaged one") from error
    manifest = _manifest(path, files)
    del files[MANIFEST]
    for name in sorted(set(files) ^ set(manifest.files)):
        raise _bad(path, f"has {name} that its manifest does not" if name in files else f"lacks {name}")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != manifest.files[name]:
            raise _bad(path, f"is damaged: {name} is not what its manifest says")
    return Kit(manifest, files, _site(path, files, manifest))


def _contents(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    if len(infos) > FILES_MAX + 1:
        raise _bad(path, f"has more than {FILES_MAX} files")
    files: dict[str, bytes] = {}
    left = KIT_MAX_BYTES
    for info in infos:
        name = info.filename
        if NAMES.fullmatch(name) is None or info.orig_filename != name:
            raise _bad(path, f"holds `{printable(name)[:80]}`, which no kit does")
        if name in files:
            raise _bad(path, f"holds {name} twice")
        if info.flag_bits & _ENCRYPTED or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _bad(path, f"holds {name} as no ordinary file")
        with archive.open(info) as file:
            files[name] = file.read(min(FILE_MAX_BYTES, left) + 1)
        left -= len(files[name])
        if len(files[name]) > FILE_MAX_BYTES or left < 0:
            raise _bad(path, f"is too large: {name}")
    return files


def _manifest(path: Path, files: dict[str, bytes]) -> Manifest:
    if MANIFEST not in files:
        raise _bad(path, f"has no {MANIFEST}: it is no kit")
    try:
        data = json.loads(files[MANIFEST])
        newest = data.get("format") if isinstance(data, dict) else None
        if type(newest) is int and newest > FORMAT:
            raise BadInput(
                f"{path} is a newer kit ({newest}) than this sportbox reads ({FORMAT})", "update sportbox"
            )
        manifest = Manifest.model_validate(data)
    except (ValueError, ValidationError, RecursionError) as error:
        raise _bad(path, f"has a {MANIFEST} that is none") from error
    if manifest.site_file_version > FILE_VERSION:
        raise BadInput(
            f"{path} has a site file of version {manifest.site_file_version}, this sportbox reads up to "
            f"{FILE_VERSION}",
            "update sportbox",
        )
    return manifest


def _site(path: Path, files: dict[str, bytes], manifest: Manifest) -> Site:
    """The site that the kit describes; its boards may be others than those here."""
    if SITE_FILE not in files:
        raise _bad(path, f"has no {SITE_FILE}")
    try:
        data = yamlfile.parse(files[SITE_FILE]).data
        site = site_of(data if isinstance(data, dict) else {})
    except (yamlfile.YamlError, ValidationError) as error:
        raise _bad(path, f"has a {SITE_FILE} that is none") from error
    if site.site != manifest.site:
        raise _bad(path, f"is of {manifest.site}, and its {SITE_FILE} of {site.site}")
    return site


def _bad(path: Path, what: str) -> BadInput:
    return BadInput(f"{path} {what}", _ASK)
