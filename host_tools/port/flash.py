"""One board, from whatever it was to MicroPython at its prompt."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.output import printable
from host_tools.port.chip import Chip, Loader, packed_size
from host_tools.port.image import Image, fits, load_image, title
from host_tools.port.images import VERSION_NEWEST, official_image
from host_tools.port.inhabited import tenant
from host_tools.port.jobs import Outcome, Progress
from host_tools.port.ports import Port, back_again
from host_tools.port.trouble import gone
from host_tools.site.boards import Board, board_names, load_board
from host_tools.words import tr

if TYPE_CHECKING:
    from host_tools.site.inventory import Inventory

BACK_S = 10.0
PROMPT_S = 40.0  # the first boot formats the file system
SIMULATED = "sim"
_VERSION_CODE = "import sys\nprint('.'.join(map(str, sys.implementation.version[:3])))"


@dataclass(frozen=True)
class Plan:
    """What every board of a command gets. `board`: the board file named, else it is found by the chip.
    `images`: files that were named, one a chip at most; without any it is the official one."""

    board: Board | None = None
    images: tuple[Image, ...] = ()
    version: str = VERSION_NEWEST
    force: bool = False
    inventory: "Inventory | None" = None


def flash(port: Port, progress: Progress, plan: Plan) -> Outcome:
    """Raises ToolError; Lost is worth another try, which begins from the start."""
    progress.step(tr("looking which chip it is"))
    with Loader.open(port, progress, fast=progress.attempt == 1) as loader:
        chip = loader.chip
        progress.facts |= {"chip": chip.name, "mac": chip.mac, "flash_mib": chip.flash_mib}
        image = image_for(chip, plan)
        done = bool(progress.kept.get("written"))  # by a try that was cut off later
        if (plan.force and not done) or not _same(loader, image, progress):
            if not plan.force:
                _spare(loader, plan)
            try:
                _write(loader, image, progress)
            except ToolError:
                _note(plan, chip, image, ok=False)
                raise
            done = progress.kept["written"] = True
        loader.restart()
    progress.step(tr("waiting for MicroPython"))
    version = prompt(port)
    facts = {"micropython": version, "image": image.file, "sha256": image.sha256, "changed": done}
    if done:
        _note(plan, chip, image, ok=True)
    told = {"chip": title(chip.name), "mac": chip.mac, "version": version}
    if not done:
        return Outcome(tr("{chip} {mac} has this image already: nothing changed", **told), facts=facts)
    return Outcome(tr("{chip} {mac}: MicroPython {version} written and verified", **told), facts=facts)


def image_for(chip: Chip, plan: Plan) -> Image:
    """The checked image; BadInput if board file, chip and image do not fit together."""
    if plan.board is not None:
        check_board(plan.board, chip)
    if plan.images:
        image = next((one for one in plan.images if one.chip == chip.name), plan.images[0])
    else:
        build = plan.board.board.micropython if plan.board else _only_build(chip)
        image = _official(build, plan.version)
    fits(image, chip.name, chip.flash_mib)
    return image


def check_board(board: Board, chip: Chip) -> None:
    facts = board.board
    if facts.chip != chip.name:
        others = ", ".join(fitting_boards(chip))
        raise BadInput(
            tr(
                "the board {board} has an {one}, this chip is an {other}",
                board=board.name,
                one=title(facts.chip),
                other=title(chip.name),
            ),
            tr("boards with this chip: {boards}", boards=others)
            if others
            else tr("take a board with an {chip}", chip=title(facts.chip)),
        )
    if facts.flash_mib > chip.flash_mib:
        raise BadInput(
            tr(
                "the board {board} has {need} MiB of flash, this chip has {has} MiB",
                board=board.name,
                need=facts.flash_mib,
                has=chip.flash_mib,
            ),
            tr("take a board with at least {need} MiB of flash", need=facts.flash_mib),
        )


def fitting_boards(chip: Chip) -> list[str]:
    """The board files that a chip can be, by name."""
    boards = [load_board(name) for name in board_names() if name != SIMULATED]
    return [
        board.name
        for board in boards
        if board.board.chip == chip.name and board.board.flash_mib <= chip.flash_mib
    ]


def _only_build(chip: Chip) -> str:
    """The MicroPython build of the boards that this chip can be."""
    names = fitting_boards(chip)
    told = {"chip": title(chip.name), "mib": chip.flash_mib}
    if not names:
        raise BadInput(
            tr("no board file fits an {chip} with {mib} MiB of flash", **told),
            tr("name an image with --image, or add the board to boards/"),
        )
    builds = {load_board(name).board.micropython for name in names}
    if len(builds) > 1:
        raise BadInput(
            tr("several boards have an {chip}, and not the same MicroPython", **told),
            "--board " + " | ".join(names),
        )
    return builds.pop()


_images: dict[Path, Image] = {}
_images_lock = threading.Lock()


def _official(build: str, version: str) -> Image:
    path = official_image(build, version)
    with _images_lock:  # checked once for all boards
        if path not in _images:
            _images[path] = load_image(path)
        return _images[path]


def _same(loader: Loader, image: Image, progress: Progress) -> bool:
    """Whether bootloader, table and app are on the flash already. The gaps are the board's own."""
    progress.step(tr("comparing with what is on it"))
    return all(loader.holds(address, data) for address, data in image.regions)


def _spare(loader: Loader, plan: Plan) -> None:
    """ToolError if the board is somebody: flashing would erase that."""
    found = tenant(loader)
    who = f"{found.site}/{found.device}" if found else None
    if who is None and plan.inventory is not None:
        row = plan.inventory.board(loader.chip.mac)
        who = row.device if row is not None and row.provisioned else None
    if who is not None:
        raise ToolError(
            tr("this board is provisioned as {who}, and flashing erases everything on it", who=who),
            tr("take another board; if this one is meant, repeat the command with --force"),
        )


def _write(loader: Loader, image: Image, progress: Progress) -> None:
    progress.step(tr("erasing"))
    loader.erase()
    progress.step(tr("writing"), packed_size(image.data))
    loader.write(image.address, image.data)
    progress.step(tr("verifying"))
    loader.verify(image.address, image.data)


def prompt(port: Port) -> str:
    """Waits for MicroPython's prompt; its version."""
    from host_tools.port.console import Console

    found = back_again(port, BACK_S)  # a chip with USB of its own leaves the bus when it restarts
    if found is None:
        raise gone(port)
    try:
        with Console.open(found, patience_s=PROMPT_S) as console:
            return printable(console.run(_VERSION_CODE).strip())[:40]
    except Unreachable as error:
        raise type(error)(
            tr(
                "the image is written and verified, but MicroPython does not answer: {why}", why=error.message
            ),
            tr(
                "press RESET on the board and look at it with `sportbox doctor --port {port}`",
                port=port.device,
            ),
        ) from error


def _note(plan: Plan, chip: Chip, image: Image, ok: bool) -> None:
    if plan.inventory is not None:
        board = plan.board.name if plan.board else None
        version = image.version.removeprefix("v") or None
        plan.inventory.record("flash", chip.mac, ok=ok, chip=chip.name, board=board, micropython=version)
