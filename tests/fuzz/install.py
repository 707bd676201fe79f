"""Installs atheris, for `make fuzz` alone: it has wheels for few machines, and without one it would be built
with a clang of its own."""

import platform
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).with_name("atheris.lock")
OLDEST, NEWEST = (3, 11), (3, 13)
WITHOUT = "without it, the same targets run on fixed inputs: make test PYTEST_ARGS=tests/fuzz"


def missing() -> str:
    """Why there is no wheel for this machine, or an empty string."""
    here = sys.version_info[:2]
    if sys.implementation.name != "cpython" or not OLDEST <= here <= NEWEST:
        name = f"{sys.implementation.name} {here[0]}.{here[1]}"
        return f"atheris has no wheel for {name}, only for CPython 3.11 to 3.13"
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return f"atheris has no wheel for {sys.platform} on {platform.machine()}, only for Linux on x86-64"
    return ""


def main() -> int:
    why = missing()
    if not why:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        hashed = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(LOCK)]
        if not subprocess.run([*pip, *hashed], check=False).returncode:
            return 0
        why = "atheris could not be installed; pip says why above"
    print(f"error: {why}\nhint: {WITHOUT}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
