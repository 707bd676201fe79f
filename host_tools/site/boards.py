"""boards/<name>/board.toml: the facts of a board - chip, sockets by role, polarity, timings, power."""

import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from host_tools.errors import BadInput
from host_tools.site.base import Model, Name, Pin, pin_number
from host_tools.site.chips import CHIPS, Chip
from host_tools.site.energy import Energy
from host_tools.site.expected import Loc
from host_tools.site.explain import Explained, explain
from host_tools.site.hardware import Buzzer, Expander, I2c, Led, Polarity, Power, Rtc
from host_tools.site.kinds import SOCKETS_BY_NAME
from host_tools.site.kinds.court import TOF_MAX, OccupancyTimings, TofSocket
from host_tools.site.kinds.door import DoorTimings, InsideTimings
from host_tools.site.kinds.gate import GateTimings
from host_tools.site.kinds.kind import Socket
from host_tools.site.kinds.lock import LockTimings
from host_tools.site.uses import Wire
from host_tools.site.wiring import Wiring
from host_tools.words import tr
from host_tools.words.system import reason

BOARD_FILE = "board.toml"
BOARDS_VARIABLE = "SPORTBOX_BOARDS"
FILE_MAX_BYTES = 65_536


class BoardFacts(Model):
    """`external_pulls`: pins with a pull resistor on the board, where the chip has none inside.
    `alternatives`: GPIOs that several sockets have, of which a site uses one."""

    name: Name
    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    chip: Literal["esp32", "esp32s3", "esp32c3", "sim"]
    flash_mib: Annotated[int, Field(ge=2, le=32)]
    octal_memory: bool = False
    micropython: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_-]{1,64}$")]
    external_pulls: list[Pin] = Field(default_factory=list)
    alternatives: list[Pin] = Field(default_factory=list)


class Timings(Model):
    lock: LockTimings = Field(default_factory=LockTimings)
    door: DoorTimings = Field(default_factory=DoorTimings)
    inside: InsideTimings = Field(default_factory=InsideTimings)
    gate: GateTimings = Field(default_factory=GateTimings)
    occupancy: OccupancyTimings = Field(default_factory=OccupancyTimings)


class Board(Model):
    board: BoardFacts
    pins: Annotated[dict[str, Socket], SOCKETS_BY_NAME]
    polarity: Polarity = Field(default_factory=Polarity)
    timings: Timings = Field(default_factory=Timings)
    led: Led | None = None
    buzzer: Buzzer | None = None
    i2c: I2c | None = None
    expander: Expander | None = None
    rtc: Rtc | None = None
    power: Power | None = None
    energy: Energy | None = None

    @property
    def name(self) -> str:
        return self.board.name

    @property
    def chip(self) -> Chip:
        return CHIPS[self.board.chip]

    @property
    def pulled(self) -> frozenset[int]:
        return frozenset(pin_number(pin) for pin in self.board.external_pulls)

    @property
    def sleeps(self) -> bool:
        return self.power is not None and self.power.sleep is not None

    def roles(self, prefix: str) -> list[str]:
        return [role for role in self.pins if role.partition("-")[0] == prefix]

    def fixed_wires(self, bus: bool) -> Iterator[tuple[str, Wire]]:
        """What the board uses itself, and what for; `bus`: something talks over I2C."""
        for who, part in (
            ("the status LED", self.led),
            ("the buzzer", self.buzzer),
            ("the I2C bus", self.i2c if bus else None),
            ("the port expander", self.expander),
            ("the power supply", self.power),
        ):
            for wire in part.wires() if part is not None else ():
                yield who, wire


def boards_dir() -> Path:
    """The folder boards/: $SPORTBOX_BOARDS, else the one beside this package."""
    chosen = os.environ.get(BOARDS_VARIABLE)
    return Path(chosen) if chosen else Path(__file__).resolve().parents[2] / "boards"


def board_names(folder: Path | None = None) -> list[str]:
    base = folder or boards_dir()
    if not base.is_dir():
        raise BadInput(
            f"there is no folder {base} with boards", hint=f"set {BOARDS_VARIABLE} to the folder boards/"
        )
    return sorted(path.parent.name for path in base.glob(f"*/{BOARD_FILE}"))


def load_board(name: str, folder: Path | None = None) -> Board:
    """One board, checked against the facts of its chip; BadInput names file, line and field."""
    return _load((folder or boards_dir()) / name / BOARD_FILE)


@cache
def _load(path: Path) -> Board:
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            raise BadInput(f"{path}: larger than {FILE_MAX_BYTES} bytes")
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        known = ", ".join(board_names(path.parents[1]))
        raise BadInput(
            tr("there is no board file {file}", file=path), tr("the boards: {names}", names=known)
        ) from error
    except OSError as error:
        raise BadInput(tr("cannot read {file}: {why}", file=path, why=reason(error))) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start})") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: {error}") from error
    try:
        board = Board.model_validate(data)
    except ValidationError as error:
        raise _bad(path, text, explain(error, Board, data)) from error
    problems = list(_check(board, path.parent.name, data))
    if problems:
        raise _bad(path, text, problems)
    return board


def _check(board: Board, folder: str, data: dict[str, Any]) -> Iterator[Explained]:
    if board.name != folder:
        yield Explained(("board", "name"), f"must be `{folder}` like its folder (got `{board.name}`)")
    wiring = Wiring(board, frozenset(pin_number(pin) for pin in board.board.alternatives))
    for role, socket in board.pins.items():
        place: Loc = ("pins", role)
        table = isinstance(data["pins"][role], dict)
        if isinstance(socket, TofSocket) and int(role.rpartition("-")[2]) > TOF_MAX:
            yield Explained(place, f"use tof-1 to tof-{TOF_MAX}: each has an I2C address of its own")
        yield from wiring.add_socket(f"pins.{role}", place, socket)
        for wire in socket.wires():
            yield from wiring.add(f"pins.{role}", (*place, wire.part) if table else place, wire)
    for table_name in ("led", "buzzer", "i2c", "expander", "power"):
        part = getattr(board, table_name)
        for wire in part.wires() if part is not None else ():
            place = (table_name, *wire.part.split("."))
            yield from wiring.add(".".join(map(str, place)), place, wire)
    if board.expander is not None and board.i2c is None:
        yield Explained(("expander",), "needs the I2C bus ([i2c])")
    if board.rtc is not None and board.i2c is None:
        yield Explained(("rtc",), "needs the I2C bus ([i2c])")
    if board.power is not None:
        for item in power_problems(board.power):
            yield Explained(("power", *item.loc), item.message)


def power_problems(power: Power) -> Iterator[Explained]:
    """What does not fit in a power supply; places are relative to it."""
    battery, sleep = power.battery, power.sleep
    if battery is not None and not battery.critical_mv < battery.low_mv < battery.ok_mv:
        told = (
            f"critical_mv ({battery.critical_mv}) must be less than low_mv ({battery.low_mv}), "
            f"and that less than ok_mv ({battery.ok_mv})"
        )
        yield Explained(("battery", "low_mv"), told)
    if sleep is not None and sleep.awake_s >= sleep.every_s:
        told = f"must be less than every_s ({sleep.every_s}) (got {sleep.awake_s})"
        yield Explained(("sleep", "awake_s"), told)
    if sleep is not None and power.source != "battery":
        yield Explained(("sleep",), 'is for boards with source = "battery"')


def _bad(path: Path, text: str, problems: list[Explained]) -> BadInput:
    lines = [
        f"{path}:{_line_of(text, problem.loc)}: {'.'.join(map(str, problem.loc))}: {problem.message}"
        for problem in problems
    ]
    return BadInput(f"the board file {path} is wrong", details=lines)


def _line_of(text: str, loc: tuple[Any, ...]) -> int:
    """The line of a TOML field: the last header or key that matches the beginning of `loc`."""
    found, section = 1, ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        key = re.match(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""", line)
        if header:
            section = header.group(1)
            if section == ".".join(map(str, loc[: section.count(".") + 1])):
                found = number
        elif key and f"{section}.{key.group(1)}" == ".".join(map(str, loc[: section.count(".") + 2])):
            found = number
    return found
