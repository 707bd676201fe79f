"""What a site file says about its boards, checked against boards/ and the facts of the chips."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from host_tools.errors import BadInput
from host_tools.site.boards import Board, board_names, load_board, power_problems
from host_tools.site.expected import Loc
from host_tools.site.explain import Explained, meant
from host_tools.site.hours import check_hours
from host_tools.site.kinds import KINDS, Lock, kind_with
from host_tools.site.kinds.kind import Part, Plug, Socket
from host_tools.site.models import Device, Settings
from host_tools.site.resolve import part_of
from host_tools.site.uses import Wire
from host_tools.site.wiring import Wiring, bus_is_needed, timed_outputs

SMALL_FLASH_MIB = 4
SMALL_OUTBOX_BYTES = 524_288
"""Of such a flash, 203 blocks of 4 KiB are free with firmware in both slots (`make bench`, flash). A bundle
that comes takes 24 of them, 6 are kept back for orders, and segments of the outbox end before their block."""


def check_devices(data: Mapping[str, Any]) -> list[Explained]:
    """Findings in those devices of a site file that are right in themselves."""
    devices = data.get("devices")
    if not isinstance(devices, Mapping):
        return []
    found: list[Explained] = []
    defaults = Settings()
    with suppress(ValidationError):  # the site's own validation reports it, here and below
        defaults = Settings.model_validate(data.get("defaults", {}))
    for name, fields in devices.items():
        try:
            device = Device.model_validate(fields)
        except ValidationError:
            continue
        found.extend(check_device(device, defaults, ("devices", name)))
    return found


def check_device(device: Device, defaults: Settings, loc: Loc) -> list[Explained]:
    try:
        board = load_board(device.board)
    except BadInput as error:
        known = board_names()
        if device.board in known:
            raise  # the board file itself is broken: that is the message to give
        guess = meant(device.board, known)
        message = f"there is no board `{device.board}`{guess} (boards: {', '.join(known)})"
        if "there is no board file" not in error.message:
            raise
        return [Explained((*loc, "board"), message)]
    inside: Loc = (*loc, "components")
    parts = [part_of(name, device, board) for name in device.components]
    found = [
        Explained((*inside, part.name, *item.loc), item.message, item.at_key, item.note)
        for part in parts
        for item in kind_with(part.name).check(part)
    ]
    found += _opening(device, loc)
    found += _pins(parts, board, inside)
    found += _settings(device.settings, defaults, board, loc)
    return found


def _opening(device: Device, loc: Loc) -> Iterator[Explained]:
    """Opening hours of the device and of its locks."""
    for item in check_hours(device.settings.opening):
        yield Explained((*loc, "settings", "opening", *item.loc), item.message)
    for name, component in device.components.items():
        if isinstance(component, Lock):
            for item in check_hours(component.opening):
                yield Explained((*loc, "components", name, "opening", *item.loc), item.message)


def _pins(parts: list[Part[Any]], board: Board, loc: Loc) -> Iterator[Explained]:
    wiring = Wiring(board)
    plugged: list[tuple[Part[Any], Plug, Loc]] = []
    for part in parts:
        for plug in kind_with(part.name).plugs(part):
            if isinstance(plug, Plug):
                plugged.append((part, plug, (*loc, part.name)))
            else:
                yield Explained((*loc, part.name, *plug.loc), plug.message)
    sockets = [plug.socket for _, plug, _ in plugged]
    for who, wire in board.fixed_wires(bus_is_needed(board, sockets)):
        list(wiring.add(who, (), wire))  # the board file's own check has told what is wrong with it
    sockets_of: dict[str, str] = {}
    for part, plug, place in plugged:
        if plug.role is not None and sockets_of.setdefault(plug.role, part.name) != part.name:
            told = f"socket `{plug.role}` is already used by `{sockets_of[plug.role]}`"
            yield Explained((*place, "role") if part.component.role is not None else place, told)
            continue
        yield from wiring.add_socket(f"`{part.name}`", place, plug.socket)
        for wire in plug.socket.wires():
            own = plug.fields.get(wire.part)
            yield from wiring.add(f"`{part.name}`", (*place, own) if own else place, wire)
    yield from _timed(board, [(part.name, plug.socket) for part, plug, _ in plugged], loc)


def _timed(board: Board, sockets: list[tuple[str, Socket]], loc: Loc) -> Iterator[Explained]:
    """One RMT channel bounds one pulse: a lock has one, or all on the expander share one."""
    wires: list[Wire] = []
    limit = board.chip.rmt_tx
    for name, socket in sockets:
        if name.partition("-")[0] != KINDS["lock"].prefix:
            continue
        wires += socket.wires()
        needed = timed_outputs(board, wires)
        if len(needed) > limit:
            told = (
                f"too many locks: {board.chip.name} has {limit} RMT channels, one a lock (and one for "
                "all that are on the port expander)"
            )
            yield Explained((*loc, name), told)


def _outbox(own: Settings, defaults: Settings, board: Board, loc: Loc) -> Iterator[Explained]:
    """Beside both slots, a bundle that comes and what is kept back, not all that may be set has room."""
    if board.board.flash_mib > SMALL_FLASH_MIB:
        return
    sizes = {
        name: getattr(own if name in own.model_fields_set else defaults, name)
        for name in ("ordinary_bytes", "reserve_bytes")
    }
    if sum(sizes.values()) <= SMALL_OUTBOX_BYTES:
        return
    largest = max(sizes, key=lambda name: sizes[name])
    where = (*loc, "settings") if largest in own.model_fields_set else ("defaults",)
    told = (
        f"the flash of board `{board.name}`, {board.board.flash_mib} MiB, has no room for an outbox of "
        f"{sum(sizes.values())} bytes: `ordinary_bytes` and `reserve_bytes` together may be "
        f"{SMALL_OUTBOX_BYTES}"
    )
    yield Explained((*where, largest), told)


def _settings(own: Settings, defaults: Settings, board: Board, loc: Loc) -> Iterator[Explained]:
    """Power settings of the device, which the board must be able to follow, or those of all devices."""
    yield from _outbox(own, defaults, board, loc)
    power = board.power
    if own.battery is not None and (power is None or power.battery is None):
        told = f"board `{board.name}` measures no battery: leave `battery` out"
        yield Explained((*loc, "settings", "battery"), told)
    if own.sleep is not None and (power is None or power.sleep is None):
        told = f"board `{board.name}` never sleeps: leave `sleep` out"
        yield Explained((*loc, "settings", "sleep"), told)
    if power is not None:
        settled = power.with_settings(own.battery or defaults.battery, own.sleep or defaults.sleep)
        for item in power_problems(settled):
            where = (*loc, "settings") if getattr(own, str(item.loc[0])) is not None else ("defaults",)
            yield Explained((*where, *item.loc), item.message)
