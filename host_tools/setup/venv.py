"""Make the virtual environment and install the locked packages into it.

Run by the system's Python before anything is installed, so it uses the standard library only:

    python3 host_tools/setup/venv.py .venv requirements.lock

Debian and Ubuntu ship `venv` without `ensurepip`; then the pip outside installs into the environment.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

INSTALL = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "5"]
HASHED = ["--require-hashes", "--only-binary", ":all:"]
FIRST = ("pip", "setuptools")
# esptool comes without a wheel. It is built with the locked setuptools: a build in isolation would fetch its
# build tools unpinned and without a hash.
SOURCES = ["--no-binary", "esptool", "--no-build-isolation"]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fail(message: str, hint: str) -> int:
    say(f"error: {message}\nhint: {hint}")
    return 1


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def pip_inside(python: Path) -> bool:
    found = subprocess.run([python, "-c", "import pip"], capture_output=True, check=False)
    return found.returncode == 0


def lock_entry(lock: Path, name: str) -> str:
    """The lines of one package in a lock file: its pin and the hashes below it."""
    lines = lock.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return "\n".join(lines[start:end]) + "\n"


def install(first_pip: list[str], python: Path, lock: Path) -> bool:
    """First the locked pip and setuptools, then with these everything else."""
    with tempfile.TemporaryDirectory() as scratch:
        first = Path(scratch) / "first.lock"
        first.write_text("".join(lock_entry(lock, name) for name in FIRST))
        done = subprocess.run([*first_pip, *INSTALL, *HASHED, "-r", first], check=False)
    if done.returncode:
        return False
    rest = [str(python), "-m", "pip", *INSTALL, *HASHED, *SOURCES, "-r", str(lock)]
    return subprocess.run(rest, check=False).returncode == 0


def make_venv(venv: Path) -> int:
    """Create the environment, with a pip of its own where the system's Python can give it one."""
    say(f"setup: making {venv} with Python {sys.version.split()[0]}")
    options = [] if has_module("ensurepip") else ["--without-pip"]
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", *options, venv], check=False)
    if made.returncode and not options:
        # An ensurepip that imports and yet does not work is Debian's way, too.
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", venv], check=False)
    return made.returncode


def main(arguments: list[str]) -> int:
    venv, lock = Path(arguments[0]), Path(arguments[1])
    python = venv / "bin" / "python"
    if not has_module("venv"):
        return fail("this Python has no venv module", "sudo apt install python3-venv")
    if not python.exists() and make_venv(venv):
        return fail(f"could not make {venv}", "sudo apt install python3-venv, then make setup")
    if pip_inside(python):
        pip = [str(python), "-m", "pip"]
    elif has_module("pip"):
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
    else:
        return fail("neither pip nor ensurepip is there", "sudo apt install python3-pip python3-venv")
    say(f"setup: installing the packages of {lock}")
    if not install(pip, python, lock):
        return fail(
            f"the packages of {lock} could not be installed",
            "the reason is above; the first set-up needs a network, try again with: make setup",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
