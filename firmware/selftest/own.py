"""The board itself: its files, its configuration, its chip, its memory, how it came to its last start. Each
check gives (ok, value, why)."""

import binascii
import gc
import hashlib
import json
import os
import sys

from micropython import const
from sportbox import __version__
from sportbox.drivers import chip, rtcmem
from sportbox.drivers.model import model
from sportbox.store import record

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from selftest.board import Selftest

    Found = tuple[bool | None, object, str]

MANIFEST = "/manifest.json"
SLOT = "/a"  # where provisioning puts the firmware
ITSELF = "/selftest/"  # newer than the manifest where the host has brought it along
SCRATCH = "/selftest.tmp"
CRASH = "/data/crash"
_CHUNK = const(1024)
_FILES_MAX = const(400)
_NAMED_MAX = const(5)
_FREE_MIN = const(65536)  # bytes; the outbox alone may take so much
_HEAP_MIN = const(40960)  # bytes; a box with TLS takes 25 kB and more
_TRIAL = const(2048)
_CHIPS = ("esp32", "esp32s3", "esp32c3")
_ERROR_MAX = const(60)


def config(test: "Selftest") -> "Found":
    """Readable, and written for this very board."""
    if test.why_not:
        return False, None, test.why_not
    found = test.config
    value = {"device": found["device"], "hash": found["hash"], "firmware": __version__}
    listed = _manifest()
    if listed and listed.get("device") != found["device"]:
        return False, value, "other_device"
    if listed and listed.get("site") != found["site"]:
        return False, value, "other_site"
    return True, value, ""


def _expected(listed: "dict[str, str]") -> "dict[str, str]":
    """Path and digest: what provisioning wrote, and what a renewal has put in its place since."""
    from sportbox.store import renewal

    taken = renewal.read(renewal.TAKEN)
    if taken is not None:
        for path in renewal.FILES:
            listed.pop(path, None)
        listed.update(taken["files"])
    return listed


def files(test: "Selftest") -> "Found":
    """Each file of the manifest has the content that provisioning wrote. Once an update came over the air,
    the firmware is another one; the loader has checked it file by file."""
    listed = _manifest()
    if listed is None:
        return False, None, "no_manifest"
    updated = sys.path[0] != SLOT or listed.get("firmware") != __version__
    wrong = []
    count = 0
    for path, digest in _expected(listed["files"]).items():
        if path.startswith(ITSELF) or (updated and path.startswith(SLOT + "/")):
            continue
        count += 1
        test.feed()
        if count > _FILES_MAX or _digest(path) != digest:
            wrong.append(path)
    value = {"files": count, "wrong": wrong[:_NAMED_MAX]}
    if wrong:
        return False, value, "changed"
    return (None, value, "updated") if updated else (True, value, "")


def chip_(test: "Selftest") -> "Found":
    real = model()
    wanted = test.config.get("chip", "")
    if wanted not in _CHIPS:
        return None, real, "unknown"
    return real == wanted, real, "" if real == wanted else "other_chip"


def flash(test: "Selftest") -> "Found":
    """Space that is left, and that a file can be written and read back."""
    facts = os.statvfs("/")
    value = {"free_kib": facts[1] * facts[3] // 1024, "size_kib": facts[1] * facts[2] // 1024}
    if facts[1] * facts[3] < _FREE_MIN:
        return False, value, "full"
    try:
        return (True, value, "") if _holds() else (False, value, "worn")
    except OSError as error:
        return False, value, "full" if error.errno == 28 else "worn"  # ENOSPC


def heap(test: "Selftest") -> "Found":
    gc.collect()
    free = gc.mem_free()
    return free >= _HEAP_MIN, {"free_kib": free // 1024}, "" if free >= _HEAP_MIN else "little"


def reset(test: "Selftest") -> "Found":
    """A brownout says that the supply is weak; all else is for the record."""
    cause = chip.reset_cause(test.config.get("chip"))
    return cause != "brownout", cause, "brownout" if cause == "brownout" else ""


def crash(test: "Selftest") -> "Found":
    """What a crash has left that nobody was told of yet."""
    note = rtcmem.load().get("crash")
    if note is None:
        try:
            stored = record.read(CRASH)
            note = None if stored is None else json.loads(stored)
        except (record.Corrupt, ValueError):
            note = {"task": "?", "error": "?"}
    if not isinstance(note, dict):
        return True, None, ""
    return False, {"task": note.get("task"), "error": str(note.get("error"))[:_ERROR_MAX]}, "crashed"


def _manifest() -> "dict[str, Any] | None":
    """None if there is none that can be read."""
    try:
        with open(MANIFEST) as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else None


def _digest(path: str) -> str:
    """SHA-256 in hexadecimal digits, empty for a file that cannot be read."""
    digest = hashlib.sha256()
    chunk = bytearray(_CHUNK)
    view = memoryview(chunk)
    try:
        with open(path, "rb") as file:
            while True:
                count = file.readinto(view)
                if not count:
                    break
                digest.update(view[:count])
    except OSError:
        return ""
    return binascii.hexlify(digest.digest()).decode()


def _holds() -> bool:
    """Whether what is written can be read. Raises OSError."""
    data = os.urandom(16) * (_TRIAL // 16)
    try:
        with open(SCRATCH, "wb") as file:
            file.write(data)
        with open(SCRATCH, "rb") as file:
            return file.read() == data
    finally:
        _remove(SCRATCH)


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != 2:  # ENOENT: it could not even be made
            raise


CHECKS = {
    "config": config,
    "files": files,
    "chip": chip_,
    "flash": flash,
    "heap": heap,
    "reset": reset,
    "crash": crash,
}
