"""What is to be on a board, and the steps from what is there (docs/adr/0009-provisioning.md)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from host_tools.errors import BadInput
from host_tools.port.upload import TEMPORARY, Step, Survey, sha
from host_tools.site.boards import Board
from host_tools.words import tr

MARKER = "/provisioning"
MANIFEST = "/manifest.json"
DATA = "/data"
FIRST = ("/loader/service.mpy", "/main.py", "/boot.py")  # from these on, the board tells what it is
FOLDERS = ("/loader", "/a", "/b", "/update", "/selftest", "/certs", "/next")
BEFORE = ("/sportbox", "/lib/umqtt", "/service.mpy")  # of firmware without slots
WHOLE = ("/b", "/update", *BEFORE)  # go as a whole, with empty folders
ROOT = ("/main.py", "/boot.py", "/config.json", "/secrets.json", "/renewal", "/slots")
NAMED = (*BEFORE, *ROOT, MANIFEST, MARKER, TEMPORARY)
OURS = (*FOLDERS, *NAMED)  # nothing else on a board is touched, but /data of another device


@dataclass(frozen=True, repr=False)
class Wanted:
    """Site, device, and the files by path: secrets are among them, so it has no `repr`."""

    site: str
    device: str
    key_version: int
    firmware: str
    files: dict[str, bytes]
    led: dict[str, int] | None = None

    def manifest(self) -> bytes:
        return _json(
            {
                "site": self.site,
                "device": self.device,
                "key_version": self.key_version,
                "firmware": self.firmware,
                "files": {path: sha(data) for path, data in sorted(self.files.items())},
            }
        )

    def marker(self, clear: bool) -> bytes:
        why = f"{self.site}/{self.device} is not finished; run `sportbox provision` again"
        return _json({"site": self.site, "device": self.device, "clear": clear, "why": why, "led": self.led})

    def digests(self) -> dict[str, str]:
        """Path and SHA-256 of all that has to be there in the end."""
        files = {path: sha(data) for path, data in self.files.items()}
        return {**files, MANIFEST: sha(self.manifest())}


@dataclass(frozen=True, repr=False)
class Plan:
    """`steps` in their order; `written` and `removed` name what changes, without marker and manifest."""

    steps: list[Step]
    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    @property
    def is_needed(self) -> bool:
        return bool(self.steps)


def make_plan(wanted: Wanted, found: Survey, clear: bool) -> Plan:
    """Marker, what runs first, what has to go, all the rest, the manifest; nothing when all is there. That
    the marker goes is not part of it: that comes last, once everything was read back."""
    everything = {**_in_order(wanted.files), MANIFEST: wanted.manifest()}
    changed = found.changed(everything)
    kept = (MARKER, *everything)
    stale = [path for path in found.files if path not in kept and not path.startswith(DATA + "/")]
    stale = list(
        dict.fromkeys(next((top for top in WHOLE if path.startswith(top + "/")), path) for path in stale)
    )
    if not changed and not stale and not clear and MARKER not in found.files:
        return Plan([])
    marker = {MARKER: wanted.marker(clear)}
    steps: list[Step] = list(found.changed(marker).items())
    steps += [(path, changed[path]) for path in FIRST if path in changed]
    steps += [(path, None) for path in stale]
    if clear:
        steps.append((DATA, None))
    steps += [(path, data) for path, data in changed.items() if path not in FIRST]
    return Plan(steps, [path for path in changed if path != MANIFEST], stale)


def _in_order(files: Mapping[str, bytes]) -> dict[str, bytes]:
    first = [path for path in FIRST if path in files]
    return {path: files[path] for path in (*first, *sorted(set(files) - set(first)))}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def check_chip(board: Board, chip: str) -> None:
    """Refuses a board file for another chip."""
    if board.chip.name in (chip, "sim"):
        return
    raise BadInput(
        tr(
            "the board {board} has an {wanted}, this one has an {chip}",
            board=board.name,
            wanted=board.chip.name,
            chip=chip,
        ),
        tr("take a board with that chip, or another device of the site with --device NAME"),
    )


def needs_clearing(owners: Sequence[tuple[str, str]], own: tuple[str, str]) -> bool:
    """Whether /data is another device's: its events must not be told as those of this one. On a board that
    names no owner, /data is nobody's."""
    return not owners or any(owner != own for owner in owners)
