"""Install the ESP32 stubs of typings.lock into a folder of their own, which mypy reads for firmware/."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from host_tools.setup.paths import REPOSITORY, SHARE, TYPINGS_DIR

LOCK = REPOSITORY / "typings.lock"
MARK = ".lock-sha256"
"""Holds the hash of the lock that the folder was made from, so a touched lock does not need the network."""


def install(lock_hash: str) -> int:
    SHARE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SHARE, prefix=".typings-") as scratch:
        staged = Path(scratch) / "typings"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]
        command += [
            "--require-hashes",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--target",
            str(staged),
            "-r",
            str(LOCK),
        ]
        done = subprocess.run(command, check=False)
        if done.returncode:
            return done.returncode
        (staged / MARK).write_text(lock_hash)
        if TYPINGS_DIR.exists():
            shutil.rmtree(TYPINGS_DIR)
        staged.rename(TYPINGS_DIR)
    return 0


def main() -> int:
    lock_hash = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    mark = TYPINGS_DIR / MARK
    if mark.is_file() and mark.read_text() == lock_hash:
        return 0
    print("setup: installing the ESP32 type stubs", file=sys.stderr, flush=True)
    if install(lock_hash):
        print("error: the ESP32 type stubs could not be installed", file=sys.stderr)
        print("hint: the first set-up needs a network; try again with: make setup", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
