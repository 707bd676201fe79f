"""Fetch micropython-umqtt.simple with unearth, check it and unpack its one file; others of its kind, too.

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
from dataclasses import dataclass
from pathlib import Path

from host_tools.setup.paths import UMQTT_DIR, UMQTT_FILE, UMQTT_VERSION

FILE_SHA256 = "8555d2f654deb8eb0d724f79b0811a78cc94029d070f3d96bbd74288653d63a5"
FILE_BYTES_MAX = 65536
TRIES = 3


@dataclass(frozen=True)
class Sdist:
    """A source package of which one file is wanted."""

    requirement: str
    sha256: str
    member: str
    file_sha256: str


SIMPLE = Sdist(
    requirement=f"micropython-umqtt.simple=={UMQTT_VERSION}",
    sha256="b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f",
    member=f"micropython-umqtt.simple-{UMQTT_VERSION}/umqtt/simple.py",
    file_sha256=FILE_SHA256,
)


class FetchError(Exception):
    """The library is not there, with the reason."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_installed() -> bool:
    return UMQTT_FILE.is_file() and sha256(UMQTT_FILE.read_bytes()) == FILE_SHA256


def download(sdist: Sdist, folder: Path) -> Path:
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
            [*command, sdist.requirement], capture_output=True, text=True, timeout=180, check=False
        )
        archives = sorted(folder.glob("*.tar.gz"))
        if done.returncode == 0 and len(archives) == 1:
            return archives[0]
        said = (done.stderr or done.stdout).strip()
    raise FetchError(f"unearth could not download {sdist.requirement}: {said[-500:]}")


def read_member(sdist: Sdist, archive: Path) -> bytes:
    """The wanted file out of a checked archive."""
    found = sha256(archive.read_bytes())
    if found != sdist.sha256:
        raise FetchError(f"{archive.name} has SHA-256 {found}, expected {sdist.sha256}")
    with tarfile.open(archive, "r:gz") as tar:
        member = tar.getmember(sdist.member)
        source = tar.extractfile(member) if member.isreg() and member.size <= FILE_BYTES_MAX else None
        if source is None:
            raise FetchError(f"{sdist.member} in {archive.name} is no plain small file")
        return source.read()


def install(sdist: Sdist, library: Path) -> None:
    """The wanted file below `library`, a folder that appears whole or not at all."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".fetch-") as scratch:
        folder = Path(scratch)
        (folder / "download").mkdir()
        data = read_member(sdist, download(sdist, folder / "download"))
        if sha256(data) != sdist.file_sha256:
            raise FetchError(f"{sdist.member} is not the file that this project was tried with")
        staged = folder / "library" / "umqtt"
        staged.mkdir(parents=True)
        (staged / Path(sdist.member).name).write_bytes(data)
        if library.exists():
            shutil.rmtree(library)
        (folder / "library").rename(library)


def main() -> int:
    if is_installed():
        return 0
    print(f"setup: fetching {SIMPLE.requirement}", file=sys.stderr, flush=True)
    try:
        install(SIMPLE, UMQTT_DIR)
    except (FetchError, OSError, KeyError, tarfile.TarError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: the first set-up needs a network; try again with: make setup", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
