"""Who a board is: what it tells of itself, and which device of the site it is to be."""

import re
import threading
import zlib
from dataclasses import dataclass

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.port.console import Console
from host_tools.port.ports import Port
from host_tools.port.script import run_script
from host_tools.site.boards import load_board
from host_tools.site.inventory import Inventory
from host_tools.site.models import Site
from host_tools.strangers import read_json
from host_tools.words import tr

TRIES = 4
LOOK_S = 8.0
_CHIP = re.compile(r"ESP32-?(S3|C3)?(?![A-Z0-9])", re.IGNORECASE)


class Name(BaseModel):
    """What a file on the board says whose it is; fields are None in a file that is damaged."""

    model_config = ConfigDict(extra="ignore")

    site: str | None = Field(None, max_length=100)
    device: str | None = Field(None, max_length=100)
    key_version: int | None = None
    clear: bool | None = None

    @field_validator("site", "device", "key_version", "clear", mode="wrap")
    @classmethod
    def _or_none(cls, value: object, check: ValidatorFunctionWrapHandler) -> object:
        """Another firmware has files of that name, too, with anything in them."""
        try:
            return check(value)
        except ValidationError:
            return None

    @property
    def pair(self) -> tuple[str, str] | None:
        return None if self.site is None or self.device is None else (self.site, self.device)


class Seen(BaseModel):
    """What board/look.py prints."""

    model_config = ConfigDict(extra="ignore")

    mac: str = Field(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")
    machine: str = Field(max_length=200)
    version: str = Field(max_length=40)
    manifest: Name | None
    marker: Name | None
    config: Name | None
    certificate: str | None
    data: bool

    @property
    def chip(self) -> str | None:
        """`esp32`, `esp32s3`, `esp32c3`; None when MicroPython does not tell."""
        found = _CHIP.findall(self.machine)
        return f"esp32{found[-1].lower()}" if found else None

    @property
    def owners(self) -> list[tuple[str, str]]:
        """Site and device that the board is. What it was about to become counts alone: that was decided."""
        if self.marker is not None and self.marker.pair is not None:
            return [self.marker.pair]
        files = (self.manifest, self.config)
        return list(dict.fromkeys(file.pair for file in files if file is not None and file.pair is not None))


def look(console: Console) -> Seen:
    """Asks the board. Raises ToolError."""
    for _ in range(TRIES):
        crc, _, text = run_script(console, "look", "look()", LOOK_S).strip().partition(" ")
        try:
            if int(crc) == zlib.crc32(text.encode()):
                return Seen.model_validate(read_json(text))
        except (ValueError, ValidationError):
            continue
    raise console.garbled()


@dataclass(frozen=True)
class Board:
    """A board as far as choosing its device needs it."""

    port: Port
    mac: str
    chip: str
    owners: list[tuple[str, str]]


class Desk:
    """Gives devices to boards: to each the one that it is, else the first that is missing and fits."""

    def __init__(self, site: Site, inventory: Inventory, device: str | None, force: bool) -> None:
        self._site = site
        self._inventory = inventory
        self._device = device
        self._force = force
        self._given: dict[str, str] = {}  # by MAC: a board that is tried again is the same one
        self._claimed: dict[str, str] = {}
        self._lock = threading.Lock()

    def device_for(self, board: Board) -> str:
        """Kept for this board, also from other commands, until it is recorded or `release` is called. Raises
        BadInput when there is none, or another board is it."""
        with self._lock:
            given = self._given.get(board.mac)
            names = [given] if given is not None else self._possible(board)
            claimed = self._inventory.claim(board.mac, names, self._force and len(names) == 1)
            if claimed is None:
                missing = self._inventory.missing(self._site)
                raise BadInput(
                    tr("no device of the site is missing that fits this {chip}", chip=board.chip),
                    tr("missing: {names}; --device NAME chooses one", names=", ".join(missing) or "-"),
                )
            self._given[board.mac], is_new = claimed
            if is_new:
                self._claimed[board.mac] = claimed[0]
            return claimed[0]

    def keep(self, mac: str) -> None:
        """From now on the board may run as its device: no other becomes it, whatever comes."""
        with self._lock:
            self._claimed.pop(mac, None)

    def release(self, mac: str) -> None:
        """It failed before that: others may become its device."""
        with self._lock:
            device = self._claimed.pop(mac, None)
            if device is not None:
                self._inventory.release(mac, device)

    def _possible(self, board: Board) -> list[str]:
        """Devices that it may be, the best first; other boards may take them meanwhile."""
        if self._device is not None:
            self._check_no_other(board, self._device)
            return [self._device]
        known = self._inventory.device_of(board.mac)
        if known is not None and known in self._site.devices:
            self._check_no_other(board, known)
            return [known]
        missing = [name for name in self._inventory.missing(self._site) if name not in self._given.values()]
        for site, device in board.owners:
            if site == self._site.site and device in missing:
                self._check_no_other(board, device)
                return [device]
        chips = {name: load_board(self._site.devices[name].board).chip.name for name in missing}
        return [name for name in missing if chips[name] == board.chip]

    def _check_no_other(self, board: Board, device: str) -> None:
        if self._force:
            return
        holder = self._inventory.board_of(device)
        mac = holder.mac if holder is not None and holder.provisioned else None
        mac = mac or self._inventory.claimed_by(device)
        if mac is None or mac == board.mac:
            return
        raise BadInput(
            tr(
                "{device} is the board {mac} already, not this one ({own})",
                device=device,
                mac=mac,
                own=board.mac,
            ),
            tr("sportbox replace --device {device} when this board takes its place", device=device),
        )


def check_owner(seen: Seen, site: Site, device: str) -> None:
    """Refuses a board that is somebody else; --force does not come here."""
    for owner in seen.owners:
        if owner != (site.site, device):
            raise BadInput(
                tr(
                    "this board is {old}, not {new}",
                    old=printable("/".join(owner)),
                    new=f"{site.site}/{device}",
                ),
                tr("--force makes it {device} and deletes what it has stored", device=device),
            )
