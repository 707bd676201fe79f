"""What a site file says about its boards, checked against boards/ and the facts of the chips."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from host_tools.errors import BadInput
from host_tools.site.boards import Board, board_names, load_board
from host_tools.site.chips import pin_problem
from host_tools.site.explain import Explained, Loc, nearest
from host_tools.site.models import Component, Court, Device, Lock, kind_of
from host_tools.site.resolve import pins_of, with_board_timings


def check_devices(data: Mapping[str, Any]) -> list[Explained]:
    """Findings in those devices of a site file that are right in themselves."""
    devices = data.get("devices")
    if not isinstance(devices, Mapping):
        return []
    found: list[Explained] = []
    for name, fields in devices.items():
        try:
            device = Device.model_validate(fields)
        except ValidationError:
            continue  # the site's own validation has reported it
        found.extend(check_device(device, ("devices", name)))
    return found


def check_device(device: Device, loc: Loc) -> list[Explained]:
    try:
        board = load_board(device.board)
    except BadInput as error:
        known = board_names()
        if device.board in known:
            raise  # the board file itself is broken: that is the message to give
        meant = nearest(device.board, known)
        guess = f", did you mean `{meant}`?" if meant else ""
        message = f"there is no board `{device.board}`{guess} (boards: {', '.join(known)})"
        if "there is no board file" not in error.message:
            raise
        return [Explained((*loc, "board"), message)]
    inside: Loc = (*loc, "components")
    return [*_pairs(device, inside), *_pins(device, board, inside), *_timings(device, board, inside)]


def _pairs(device: Device, loc: Loc) -> list[Explained]:
    return [
        Explained((*loc, name), f"needs its contact `door-{name.removeprefix('lock-')}` on the same board")
        for name in device.components
        if kind_of(name) == "lock" and f"door-{name.removeprefix('lock-')}" not in device.components
    ]


def _pins(device: Device, board: Board, loc: Loc) -> list[Explained]:
    found: list[Explained] = []
    users: dict[int, str] = {board.led.pin: "the status LED"} if board.led is not None else {}
    for name, component in device.components.items():
        kind = kind_of(name)
        own = "pins" if kind == "gate" else "pin"
        role_problem = _role(name, component, board, own)
        pins = pins_of(name, component, board)
        if role_problem is not None or pins is None:
            place: Loc = (*loc, name, "role") if component.role is not None else (*loc, name)
            found.append(Explained(place, role_problem or "has no pin"))
            continue
        place = (*loc, name, own) if getattr(component, own) is not None else (*loc, name)
        for pin in pins:
            reason = pin_problem(board.chip, pin, kind, board.board.octal_memory)
            if reason is None and pin in users:
                reason = f"GPIO {pin} is already used by {users[pin]}"
            if reason is not None:
                found.append(Explained(place, reason))
            users.setdefault(pin, f"`{name}`")
    locks = [name for name in device.components if kind_of(name) == "lock"]
    for name in locks[board.chip.rmt_tx :]:
        message = f"too many locks: {board.chip.name} has {board.chip.rmt_tx} RMT channels, one a lock"
        found.append(Explained((*loc, name), message))
    return found


def _role(name: str, component: Component, board: Board, own: str) -> str | None:
    """Why the component finds no pins on this board, or None."""
    kind = kind_of(name)
    roles = board.roles(kind)
    offered = ", ".join(roles) or "none"
    if component.role is not None:
        if getattr(component, own) is not None:
            return f"give `role` or `{own}`, not both"
        if component.role not in roles:
            return f"board `{board.name}` has no such socket (it has: {offered}) (got `{component.role}`)"
    elif getattr(component, own) is None and name not in roles:
        return f"board `{board.name}` has no socket `{name}` (it has: {offered}): give `role` or `{own}`"
    return None


def _timings(device: Device, board: Board, loc: Loc) -> list[Explained]:
    found: list[Explained] = []
    for name, component in device.components.items():
        timed = with_board_timings(component, board)
        if isinstance(timed, Lock):
            if timed.release_ms > timed.duty_ms:
                message = f"must not exceed duty_ms ({timed.duty_ms}) (got {timed.release_ms})"
                found.append(Explained((*loc, name, "release_ms"), message))
            if timed.duty_ms > timed.duty_window_ms:
                message = f"must not exceed duty_window_ms ({timed.duty_window_ms}) (got {timed.duty_ms})"
                found.append(Explained((*loc, name, "duty_ms"), message))
        elif isinstance(timed, Court) and timed.hold_ms >= timed.stuck_ms:
            message = f"must be less than stuck_ms ({timed.stuck_ms}) (got {timed.hold_ms})"
            found.append(Explained((*loc, name, "hold_ms"), message))
    return found
