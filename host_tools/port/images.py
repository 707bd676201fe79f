"""Official MicroPython images: found by the program `mpflash`, kept in a cache with their SHA-256.

mpflash cannot be one of our packages (our lock does not hold what it needs), so the program is called, where
there is one: $SPORTBOX_MPFLASH, else `mpflash` on PATH. Its `download` puts BUILD-vVERSION.bin into a folder
named by $MPFLASH_FIRMWARE (mpflash's README). No test has fetched from micropython.org: they play mpflash.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from host_tools.environment import without_secrets
from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.output import printable, say
from host_tools.port.image import load_image
from host_tools.words import tr
from host_tools.words.system import reason

MPFLASH_VARIABLE = "SPORTBOX_MPFLASH"
CACHE_VARIABLE = "SPORTBOX_CACHE"
DOWNLOADS = "https://micropython.org/download/"
DOWNLOAD_S = 600
VERSION_NEWEST = "1.29.0"  # what the firmware is made for

_VERSION = re.compile(r"\d{1,2}\.\d{1,3}\.\d{1,3}")
_lock = threading.Lock()  # boards that need the same image wait for one download


def cache_dir() -> Path:
    """$SPORTBOX_CACHE, else this user's folder for such things."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "sportbox" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sportbox"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sportbox"


def official_image(build: str, version: str) -> Path:
    """The file of a MicroPython build such as ESP32_GENERIC_C3, from the cache or fetched now."""
    if _VERSION.fullmatch(version) is None:
        raise BadInput(
            tr("--micropython: `{version}` is no version", version=printable(version)),
            f"--micropython {VERSION_NEWEST}",
        )
    with _lock:
        kept = cache_dir() / "images" / f"{build}-v{version}.bin"
        if not _whole(kept):
            _keep(_download(build, version), kept)
        return kept


def find_mpflash() -> str | None:
    chosen = os.environ.get(MPFLASH_VARIABLE)
    return chosen if chosen else shutil.which("mpflash")


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _whole(path: Path) -> bool:
    """Whether a kept image is there and as it was when it was kept."""
    try:
        data, noted = path.read_bytes(), _digest_file(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return False
    if hashlib.sha256(data).hexdigest() == noted:
        return True
    say(tr("{file} in the cache is damaged; it is fetched anew", file=path))
    return False


def _keep(fetched: Path, kept: Path) -> None:
    """The digest last: an image without one is fetched again."""
    image = load_image(fetched)  # before it gets there: what the cache has is whole
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        _digest_file(kept).unlink(missing_ok=True)
        for path, content in ((kept, image.data), (_digest_file(kept), f"{image.sha256}\n".encode())):
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.write_bytes(content)
            part.replace(path)
    except OSError as error:
        raise ToolError(
            tr("cannot write to the cache {folder}: {why}", folder=kept.parent, why=reason(error)),
            tr("make room there, or name another folder with ${variable}", variable=CACHE_VARIABLE),
        ) from error


def _download(build: str, version: str) -> Path:
    page = build.partition("-")[0]  # variants such as -SPIRAM are on their board's page
    by_hand = tr(
        "fetch {build}-v{version}.bin from {page} on a computer with network and name it with --image",
        build=build,
        version=version,
        page=DOWNLOADS + page,
    )
    program = find_mpflash()
    if program is None:
        raise ToolError(
            tr("there is no image of {build} here, and no program `mpflash` to fetch it", build=build),
            tr("`pipx install mpflash`; or {other}", other=by_hand),
        )
    folder = cache_dir() / "mpflash"
    say(tr("fetching MicroPython {version} for {build} with mpflash", version=version, build=build))
    why = _run(program, ["download", "--version", version, "--board", page], folder)
    found = sorted(folder.rglob(f"{build}-v{version}.bin"))
    if not found:
        cause = tr("mpflash did not fetch {build} {version}: {why}", build=build, version=version, why=why)
        raise Unreachable(cause, by_hand)
    return found[0]


def _run(program: str, words: list[str], folder: Path) -> str:
    """What mpflash said last."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ended = subprocess.run(
            [program, *words],
            env={**without_secrets(), "MPFLASH_FIRMWARE": str(folder), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=DOWNLOAD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return tr("it took longer than {seconds} s", seconds=DOWNLOAD_S)
    except OSError as error:
        return printable(str(error))
    lines = [line.strip() for line in ended.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    last = (errors or lines or [""])[-1]
    return printable(last)[:200] or tr("it ended with status {status}", status=ended.returncode)
