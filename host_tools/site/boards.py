"""boards/<name>/board.toml: the facts of a board - chip, memory, pins by role, polarity, timings."""

import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from host_tools.errors import BadInput
from host_tools.site.chips import CHIPS, Chip, pin_problem
from host_tools.site.explain import COMPONENT_RULE, Explained, explain
from host_tools.site.models import (
    COMPONENT_NAME,
    DoorTimings,
    GateTimings,
    Level,
    LockTimings,
    Model,
    Name,
    OccupancyTimings,
    Pin,
    kind_of,
)

BOARD_FILE = "board.toml"
BOARDS_VARIABLE = "SPORTBOX_BOARDS"
FILE_MAX_BYTES = 65_536
GatePins = Annotated[list[Pin], Field(min_length=2, max_length=2)]


class BoardFacts(Model):
    name: Name
    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    chip: Literal["esp32", "esp32s3", "esp32c3", "sim"]
    flash_mib: Annotated[int, Field(ge=2, le=32)]
    octal_memory: bool = False
    micropython: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_-]{1,64}$")]


class Polarity(Model):
    lock: Level = 1
    door: Level = 0
    gate: Level = 1
    occupancy: Level = 1


class Timings(Model):
    lock: LockTimings = Field(default_factory=LockTimings)
    door: DoorTimings = Field(default_factory=DoorTimings)
    gate: GateTimings = Field(default_factory=GateTimings)
    occupancy: OccupancyTimings = Field(default_factory=OccupancyTimings)


class Led(Model):
    pin: Pin
    active: Level = 1


class Board(Model):
    board: BoardFacts
    pins: dict[str, Pin | GatePins]
    polarity: Polarity = Field(default_factory=Polarity)
    timings: Timings = Field(default_factory=Timings)
    led: Led | None = None

    @property
    def name(self) -> str:
        return self.board.name

    @property
    def chip(self) -> Chip:
        return CHIPS[self.board.chip]

    def roles(self, kind: str) -> list[str]:
        return [role for role in self.pins if kind_of(role) == kind]


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
        raise BadInput(f"there is no board file {path}") from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from error
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
    problems = _check(board, path.parent.name)
    if problems:
        raise _bad(path, text, problems)
    return board


def _check(board: Board, folder: str) -> list[Explained]:
    problems: list[Explained] = []
    if board.name != folder:
        problems.append(
            Explained(("board", "name"), f"must be `{folder}` like its folder (got `{board.name}`)")
        )
    roles = [problem for role, pins in board.pins.items() if (problem := _role_problem(role, pins))]
    if roles:
        return [*problems, *roles]
    users: dict[int, str] = {}
    uses: list[tuple[tuple[str, ...], str, int]] = [
        (("pins", role), kind_of(role), pin)
        for role, pins in board.pins.items()
        for pin in (pins if isinstance(pins, list) else [pins])
    ]
    if board.led is not None:
        uses.append((("led", "pin"), "led", board.led.pin))
    for loc, use, pin in uses:
        reason = pin_problem(board.chip, pin, use, board.board.octal_memory)
        if reason is None and pin in users:
            reason = f"GPIO {pin} is already used by {users[pin]}"
        if reason is not None:
            problems.append(Explained(loc, reason))
        users.setdefault(pin, ".".join(loc))
    if len(board.roles("lock")) > board.chip.rmt_tx:
        problems.append(Explained(("pins",), f"at most {board.chip.rmt_tx} locks: one RMT channel each"))
    return problems


def _role_problem(role: str, pins: int | list[int]) -> Explained | None:
    if COMPONENT_NAME.fullmatch(role) is None:
        return Explained(("pins", role), f"is no role: use {COMPONENT_RULE}")
    if isinstance(pins, list) != (kind_of(role) == "gate"):
        return Explained(("pins", role), "a gate has two pins, everything else one")
    return None


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
