"""`sportbox sim board`: simulated chips on serial ports, for esptool, mpremote and our commands."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from host_tools.commands.options import StateDir
from host_tools.errors import EXIT_DONE, BadInput
from host_tools.output import emit, say

if TYPE_CHECKING:
    from host_tools.sim.chip.board import ChipBoard
    from host_tools.sim.chip.host import ChipHost

BOARDS_MAX = 64
CHIPS = ("esp32", "esp32s3", "esp32c3")
SERIALS = ("pty", "rfc2217")


@dataclass
class Order:
    """What is asked for."""

    chip: str
    state: Path
    flash_mib: int = 4
    serial: str = "pty"
    blank: bool = False
    baud: int | None = None
    faults: list[str] = field(default_factory=list)
    count: int = 1
    name: str | None = None
    config: dict[str, Any] | None = None  # of the world, whatever the flash says
    files: dict[str, bytes] = field(default_factory=dict)  # for the flash


def board(
    chip: Annotated[str, typer.Option("--chip", metavar="CHIP", help="esp32, esp32s3 or esp32c3")],
    flash_mib: Annotated[int, typer.Option("--flash-mib", metavar="4|8", help="size of a new flash")] = 4,
    serial: Annotated[
        str, typer.Option("--serial", metavar="pty|rfc2217", help="rfc2217 has DTR and RTS, and is slow")
    ] = "pty",
    blank: Annotated[bool, typer.Option("--blank", help="a new flash is empty, without MicroPython")] = False,
    state: StateDir = None,
    baud: Annotated[
        int | None,
        typer.Option("--baud", metavar="N", min=300, help="limit both directions to N/10 bytes a second"),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="F",
            help="drop=RATE[:SEED], disconnect=N, reset-write=N, bad-sector=OFFSET,"
            " cut=N, cut-op=N, overrun=N, busy; may be repeated",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, max=BOARDS_MAX, help="so many boards")
    ] = 1,
    provisioned: Annotated[
        str | None,
        typer.Option("--provisioned", metavar="SITE.yaml:DEVICE", help="it carries the files of this device"),
    ] = None,
    site_file: Annotated[
        Path | None, typer.Option("--site", metavar="SITE.yaml", help="wire the world as this site says")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="NAME", help="the device of --site that it stands in for"),
    ] = None,
) -> int:
    """Run a chip with a serial port until Ctrl-C; the first line says where the port is.

    Without --state its flash lies in a temporary directory and is gone afterwards.
    """
    if chip not in CHIPS:
        raise BadInput(f"--chip {chip}: there is no such chip", f"--chip {' | '.join(CHIPS)}")
    if serial not in SERIALS:
        raise BadInput(f"--serial {serial}: not known", f"--serial {' | '.join(SERIALS)}")
    temporary = None if state is not None else Path(tempfile.mkdtemp(prefix="sportbox-board-"))
    directory = (state or temporary or Path()).resolve()
    try:
        order = Order(chip, directory, flash_mib, serial, blank, baud, fault or [], count)
        _put_site(order, site_file, device, provisioned)
        asyncio.run(run_boards(order))
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return EXIT_DONE


def _put_site(order: Order, site_file: Path | None, device: str | None, provisioned: str | None) -> None:
    """What sites say about the board."""
    from host_tools.site.load import load_site
    from host_tools.site.resolve import device_config

    if (site_file is None) != (device is None):
        raise BadInput("--site and --device belong together")
    if site_file is not None and device is not None:
        if order.count > 1:
            raise BadInput("--device names one board, --count asks for several")
        order.name, order.config = device, device_config(load_site(site_file), device)
        if order.config["chip"] != order.chip:
            raise BadInput(
                f"{device} has an {order.config['chip']}, not an {order.chip}",
                f"--chip {order.config['chip']}",
            )
    if provisioned is not None:
        order.files = provisioned_files(provisioned, order.state)


def provisioned_files(text: str, state: Path) -> dict[str, bytes]:
    """Firmware and configuration of a device of a site; the site's secret is in the state directory."""
    from host_tools.build.firmware import build_firmware
    from host_tools.output import json_line
    from host_tools.site.load import load_site
    from host_tools.site.resolve import device_config, device_secrets
    from host_tools.site.secrets import load_or_create

    file, _, name = text.rpartition(":")
    if not file or not name:
        raise BadInput("--provisioned wants SITE.yaml:DEVICE")
    site = load_site(Path(file))
    config = device_config(site, name)
    secrets = device_secrets(site, name, load_or_create(state, site.site))
    own = {"/config.json": json_line(config).encode(), "/secrets.json": json_line(secrets).encode()}
    return {**build_firmware(), **own}


async def run_boards(order: Order, stop: asyncio.Event | None = None) -> None:
    """Run the boards until SIGINT, SIGTERM, SIGHUP or `stop`."""
    from host_tools.sim.chip.host import ChipHost
    from host_tools.sim.control import ControlServer
    from host_tools.sim.site import ZYGOTE_LOG, StateLock

    end = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end.set)
    lock = StateLock(order.state)
    with contextlib.ExitStack() as undo:
        undo.callback(lock.release)
        host = ChipHost(order.state / ZYGOTE_LOG)
        undo.callback(host.close)
        boards = [_add(host, order, number) for number in range(order.count)]
        control = await ControlServer.start(order.state, _power(host))
        undo.callback(control.stop)
        for board in boards:
            board.power_on()
            emit(
                {
                    "port": board.port.url,
                    "mac": board.body.mac.hex(":"),
                    "state_dir": str(order.state),
                    "board": board.name,
                }
            )
        say(f"{order.count} simulated, Ctrl-C ends it")
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(end.wait()), host.failed]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if host.failed.done():
            raise host.failed.result()


def _add(host: "ChipHost", order: Order, number: int) -> "ChipBoard":
    from host_tools.sim.chip.body import Body, new_mac
    from host_tools.sim.chip.faults import parse
    from host_tools.sim.world import mac_of

    boards = order.state / "boards"
    there = sorted(path.name for path in boards.iterdir()) if boards.is_dir() else []
    mac = new_mac()
    name = order.name or (there[number] if number < len(there) else mac.hex())
    if order.config is not None:
        mac = mac_of(order.config["site"], name)
    body = Body(boards / name, order.chip, flash_mib=order.flash_mib, blank=order.blank, mac=mac)
    body.given = order.config
    if order.files:
        body.put(order.files)
    link = order.state / ("port" if number == 0 else f"port-{number + 1}")
    return host.add(body, link, order.serial, order.baud, parse(order.faults), _talk(name))


def _talk(name: str) -> Callable[[str], None]:
    return lambda event: say(f"{name}: {event}")


def _power(host: "ChipHost") -> Callable[[str, str], int]:
    """What `sim cut`, `sim boot` and `sim brownout` do."""
    from host_tools.sim.layout import BROWNOUT

    def power(command: str, name: str) -> int:
        board = host.boards.get(name)
        if board is None:
            raise BadInput(
                f"there is no board `{name}` here",
                f"its boards: {', '.join(host.boards)}",
            )
        if command == "boot":
            if board.state != "off":
                raise BadInput(f"{name} has power already", f"sportbox sim cut {name}")
            board.power_on()
        elif board.state == "off" and command == "brownout":
            raise BadInput(f"{name} has no power", f"sportbox sim boot {name}")
        elif command == "cut":
            board.power_off()
        else:
            board.reset(BROWNOUT)
        return board.pid()

    return power
