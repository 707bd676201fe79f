"""Makes a board a device of a site: firmware, configuration, keys and certificates, whole or not at all.

A marker goes to the board first and away last. While it is there, the board only says that it is not
provisioned (firmware/service.py). docs/adr/0009-provisioning.md has the reasons.
"""

import base64
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.port.console import Console, OtherBoard
from host_tools.port.images import VERSION_NEWEST
from host_tools.port.jobs import Outcome, Progress, Stopped
from host_tools.port.plan import DATA, MARKER, OURS, Plan, Wanted, check_chip, make_plan, needs_clearing
from host_tools.port.ports import Port
from host_tools.port.tenant import Board, Desk, Seen, check_owner, look
from host_tools.port.trouble import Lost
from host_tools.port.upload import check_space, is_whole, survey, upload
from host_tools.port.wire import shown
from host_tools.site.boards import load_board
from host_tools.site.ca import CERTIFICATE_FILE, serial_of
from host_tools.site.inventory import Inventory
from host_tools.site.models import Site
from host_tools.words import tr

START_S = 20.0
REACH_S = 15.0
WRITE_TRIES = 2

_REMOVE_MARKER = f"""\
import os
try:
 os.remove({MARKER!r})
except OSError as e:
 if e.errno!=2:raise
"""
STARTS = re.compile(r"sportbox: starts as ([^\r\n]*)")
NOT_PROVISIONED = re.compile(r"sportbox: not provisioned: ([^\r\n]*)")
REACHED = "broker reached"

Files = Callable[[str, bytes | None], dict[str, bytes]]
"""Configuration, secrets and certificates of a device, given the certificate that is on the board."""


@dataclass(frozen=True, repr=False)
class Order:
    """What all boards of one command have in common. It holds secrets and has no `repr`."""

    site: Site
    firmware: dict[str, bytes]
    firmware_version: str
    files: Files
    inventory: Inventory
    desk: Desk
    force: bool = False
    reach_s: float = REACH_S
    digest: Callable[[str], str] = lambda device: ""  # stands for the secrets in `files`
    action: str = "provision"
    mac: str | None = None  # of the only board that it is for


def provision(port: Port, progress: Progress, order: Order) -> Outcome:
    """One board, from whatever it is; raises ToolError. What fails is noted in the inventory, too."""
    progress.step(tr("waiting for the board"))
    with Console.open(port) as console:
        console.hold()
        seen = look(console)
        device = None
        try:
            if order.mac not in (None, seen.mac):
                raise OtherBoard(
                    tr("another board is on {port} now", port=shown(console.port)),
                    tr("leave the boards plugged in where they are, and repeat the command"),
                )
            chip = seen.chip or _asked_chip(console)
            device = order.desk.device_for(Board(port, seen.mac, chip, seen.owners))
            return _provision(console, progress, order, seen, device, chip)
        except Lost:
            raise
        except (ToolError, Stopped) as error:
            with contextlib.suppress(ToolError):
                console.restart()  # as it was, or with its sign
            if isinstance(error, ToolError):
                order.inventory.record(order.action, seen.mac, device, ok=False)
            raise
        finally:
            order.desk.release(seen.mac)  # unless it was kept: then it may run as its device


def _asked_chip(console: Console) -> str:
    """By its boot loader: this MicroPython does not tell. The board restarts."""
    from host_tools.port.chip import identify

    console.close()
    name = identify(console.port).name
    console.connect()
    console.hold()
    return name


def _provision(
    console: Console, progress: Progress, order: Order, seen: Seen, device: str, chip: str
) -> Outcome:
    board = load_board(order.site.devices[device].board)
    check_chip(board, chip)
    if not order.force:
        check_micropython(seen.version)
        check_owner(seen, order.site, device)
        _check_version(seen, order, device)
    certificate = base64.b64decode(seen.certificate) if seen.certificate else None
    wanted = Wanted(
        site=order.site.site,
        device=device,
        key_version=order.site.devices[device].key_version,
        firmware=order.firmware_version,
        files={**order.firmware, **order.files(device, certificate)},
        led=board.led.facts() if board.led is not None else None,
    )
    is_begun = seen.marker is not None and bool(seen.marker.clear)
    clear = seen.data and (is_begun or needs_clearing(seen.owners, (wanted.site, device)))
    plan = _write(console, progress, wanted, clear, lambda: order.desk.keep(seen.mac))
    facts: dict[str, object] = {
        "mac": seen.mac,
        "device": device,
        "changed": plan.is_needed,
        "written": len(plan.written),
        "removed": len(plan.removed),
    }
    progress.step(tr("restarting"))
    console.restart()
    facts["broker"] = reached = _watch(console, progress, order, wanted)
    order.inventory.record(
        order.action,
        seen.mac,
        device,
        chip=chip,
        board=board.name,
        firmware=wanted.firmware,
        micropython=seen.version,
        key_version=wanted.key_version,
        serial=serial_of(wanted.files[CERTIFICATE_FILE]),
        digest=order.digest(device) or None,
        written_s=int(time.time()),
    )
    return Outcome(_told(device, plan, reached, order), facts=facts)


def check_micropython(version: str) -> None:
    """Refuses a board whose MicroPython is not of the firmware's series: it may not load a file of it."""
    series = VERSION_NEWEST.rpartition(".")[0]
    if version.rpartition(".")[0] != series:
        raise BadInput(
            tr(
                "the board runs MicroPython {version}, the firmware needs {series}",
                version=printable(version),
                series=series,
            ),
            tr("flash it first: sportbox flash --force (that erases the board)"),
        )


def _check_version(seen: Seen, order: Order, device: str) -> None:
    """Refuses to bring keys back that were replaced: the site file is an old one, or a replacement is half
    done, of which the board in hand may be the old one."""
    if order.inventory.pending(device) is not None:
        raise BadInput(
            tr("the replacement of {device} is not finished", device=device),
            tr("finish it: sportbox replace --device {device} with the new board", device=device),
        )
    version = order.site.devices[device].key_version
    newest = order.inventory.newest_version(device)
    on_board = seen.manifest
    if on_board is not None and on_board.pair == (order.site.site, device):
        newest = max(newest, on_board.key_version or 0)
    if newest > version:
        raise BadInput(
            tr(
                "{device} had key version {newest} already, and the site file says {version}",
                device=device,
                newest=newest,
                version=version,
            ),
            tr("take the newest site file; --force goes back to the old keys"),
        )


def _write(
    console: Console,
    progress: Progress,
    wanted: Wanted,
    clear: bool,
    before_end: Callable[[], None] = lambda: None,
) -> Plan:
    """All of the plan, read back; the marker goes last. Answers the plan as it was at first. `before_end` is
    called before the board can run as what it is now."""
    first: Plan | None = None
    for _ in range(WRITE_TRIES):
        progress.step(tr("comparing what is on the board"))
        found = survey(console, (*OURS, DATA) if clear else OURS)
        plan = make_plan(wanted, found, clear)
        first = first or plan
        if plan.is_needed:
            check_space(console, found, plan.steps)
            upload(console, plan.steps, progress)
        elif MARKER not in found.files:
            before_end()
            return first
        progress.step(tr("reading back"))
        if is_whole(console, wanted.digests()):
            before_end()
            console.sure(_REMOVE_MARKER)
            return first
        clear = False
    raise ToolError(
        tr("the board does not keep what is written to it"),
        tr("the flash of this board is worn or broken: take another board"),
    )


def _watch(console: Console, progress: Progress, order: Order, wanted: Wanted) -> bool | None:
    """Waits until the firmware says that it runs, as whom; then whether the broker was reached, None if that
    was not waited for."""
    heard = console.listen(START_S, f"{STARTS.pattern}[\r\n]|{NOT_PROVISIONED.pattern}[\r\n]|Traceback")
    starts = STARTS.search(heard)
    if starts is None or starts.group(1) != f"{wanted.site}/{wanted.device}":
        why = NOT_PROVISIONED.search(heard)
        raise ToolError(
            tr(
                "the board does not start: {text}",
                text=printable(why.group(1)[:200]) if why else tr("it does not say why"),
            ),
            tr("sportbox doctor --port {port} tells more; then provision it again", port=shown(console.port)),
        )
    if not order.reach_s:
        return None
    progress.step(tr("waiting for the broker"))
    return REACHED in heard or REACHED in console.listen(order.reach_s, REACHED)


def _told(device: str, plan: Plan, reached: bool | None, order: Order) -> str:
    done = (
        tr(
            "{device}: {written} files written, {removed} removed, read back; the board runs",
            device=device,
            written=len(plan.written),
            removed=len(plan.removed),
        )
        if plan.is_needed
        else tr("{device}: nothing to do, all is as it should be; the board runs", device=device)
    )
    if reached is None:
        return done
    note = (
        tr("reached the broker")
        if reached
        else tr("note: no broker within {seconds} s", seconds=f"{order.reach_s:g}")
    )
    return f"{done}; {note}"
