"""Looks for secrets where none may be: bare, in hex, in base64 of any alignment, as Python shows bytes."""

import base64
import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

LENGTH_MIN = 8
FILE_MAX_BYTES = 64_000_000


class Leaks:
    """`found` says what leaked where; the secrets themselves are not told."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self.found: list[str] = []
        self._forms: list[tuple[str, bytes]] = []
        for name, secret in secrets.items():
            assert len(secret) >= LENGTH_MIN, f"{name} is too short to be looked for"
            self._forms += [(f"{name} {how}", form) for how, form in forms_of(secret)]

    def look(self, where: str, content: bytes) -> None:
        for name, form in self._forms:
            if form in content:
                self.found.append(f"{name} in {where}")

    def look_at_files(self, folder: Path, but: Iterable[Path] = ()) -> int:
        """Everything below a folder; how many files that were."""
        paths = [path for path in folder.rglob("*") if path.is_file() and path not in set(but)]
        for path in paths:
            assert path.stat().st_size < FILE_MAX_BYTES
            self.look(str(path.relative_to(folder)), path.read_bytes())
        return len(paths)


def forms_of(secret: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", secret
    yield "in hex", secret.hex().encode()
    yield "in hex", secret.hex().upper().encode()
    shown = repr(secret)[2:-1].encode()
    if shown != secret:
        yield "as Python shows it", shown
    for before in range(3):
        # 6 bits a character: those that the neighbours have a share in are left out
        encoded = base64.b64encode(bytes(before) + secret)
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        yield "in base64", encoded[first:last]
        yield "in base64url", encoded[first:last].replace(b"+", b"-").replace(b"/", b"_")


class Processes:
    """Notes the arguments of every process that is there while it runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="processes", daemon=True)

    def __enter__(self) -> "Processes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.01):
            for process in Path("/proc").iterdir():
                with contextlib.suppress(OSError):  # it has ended, or is no process
                    self.seen.add((process / "cmdline").read_bytes())
