"""`sportbox grant`: a token that lets its bearer do one thing on one board."""

import json
import re
import time
from typing import Annotated, Any

import typer

from host_tools import token
from host_tools.commands.key import Role
from host_tools.commands.options import (
    BoardName,
    FromVault,
    KeysFrom,
    PassphraseFile,
    SiteFile,
    StateDir,
    duration_s,
    keys_of,
    new_app,
)
from host_tools.errors import BadInput
from host_tools.mqtt import Topics
from host_tools.output import printable, say
from host_tools.site.explain import nearest
from host_tools.site.kinds import kind_of
from host_tools.site.load import load_site
from host_tools.site.models import Device, Site
from host_tools.site.resolve import device_of
from host_tools.update.form import VERSION
from host_tools.update.limits import BUNDLE_BYTES_MAX

app = new_app()

LOCK_ACTIONS = ("unlock", "lock")
WHOLE_BOARD = "device"  # the component of orders that concern no lock
AHEAD_MAX_S = 366 * 86_400
SUBJECT_MAX = 64
NONCE_MAX = 64
GATE_COUNT_MAX = 9_999
RESETS = ({"reset": "replay_log"}, {"reset": "clock"})
KNOWN_ARGS = {
    "lock": "--arg override=contact",
    "configure": "--arg reset=replay_log or --arg reset=clock",
    "log": "--arg level=debug, info, warning or error",
    "update": "--arg sha256=..., size=... and version=... of a bundle, allow_downgrade=true; or abort=true",
}
LEVELS = ("debug", "info", "warning", "error")
PUBLISH_OVERHEAD = 16  # fixed header, topic length, packet id, and a little room


@app.command()
def grant(
    site_file: SiteFile,
    board: BoardName,
    component: Annotated[
        str, typer.Argument(metavar="COMPONENT", help="for example lock-2, or `device`", show_default=False)
    ],
    act: Annotated[str, typer.Option("--act", help=f"one of {', '.join(token.ACTIONS)}")] = "unlock",
    role: Annotated[
        Role, typer.Option("--key", help="`booking` may only unlock, `ops` everything")
    ] = Role.booking,
    valid: Annotated[str, typer.Option("--valid", metavar="TIME", help="90s, 15m, 2h; at most 24h")] = "15m",
    not_before: Annotated[
        str | None,
        typer.Option("--not-before", metavar="TIME", help="starts to count this long from now, e.g. 1h"),
    ] = None,
    sub: Annotated[str, typer.Option("--sub", help="opaque name of the bearer, no personal data")] = "cli",
    nonce: Annotated[
        str | None,
        typer.Option("--nonce", help="the `nonce` in the board's `info`, if its clock is not trusted"),
    ] = None,
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="K=V", help="an argument of the action")
    ] = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Print a token that opens a box (or does something else on a board)."""
    site = load_site(site_file)
    device = device_of(site, board)
    _check(site, board, device, component, act, role)
    _check_text("--sub", sub, SUBJECT_MAX)
    if nonce is not None:
        _check_text("--nonce", nonce, NONCE_MAX)
    now_s = int(time.time())
    order = token.Order(
        site=site.site,
        device=board,
        component=component,
        now_s=now_s,
        valid_s=duration_s(valid, "--valid"),
        act=act,
        subject=sub,
        not_before_s=now_s + duration_s(not_before, "--not-before") if not_before is not None else None,
        nonce=nonce,
        args=_args(arg or []),
    )
    claims = order.claims()
    _check_life(claims)
    master = keys_of(site_file, site, KeysFrom(state, vault, passphrase_file))
    key = master.key(site.site, board, role.value, device.key_version)
    made = token.make(claims, key, master.key_id(role.value, device.key_version))
    room = site.settings_of(board).packet_max - len(Topics(site.site, board).cmd) - PUBLISH_OVERHEAD
    limit = min(room, token.TOKEN_MAX_BYTES)
    if len(made) > limit:
        raise BadInput(f"the token has {len(made)} bytes, the board takes at most {limit}", "use fewer --arg")
    print(made)
    _warn(act, component, order.args)


def _warn(act: str, component: str, given: dict[str, Any]) -> None:
    """Arguments that today's boards do not know; those of tomorrow may."""
    known = KNOWN_ARGS.get(act, "none")
    if act == "configure" and component != WHOLE_BOARD:
        known = "--arg count=7, of a gate, 0 to 9999"
    ok = given in ({}, {"override": "contact"}) if act == "lock" else not given
    if act == "log":
        ok = not given or (set(given) == {"level"} and given["level"] in LEVELS)
    if act == "update":
        ok = given == {"abort": True} or _is_update(given)
    if act == "configure":
        count = given.get("count")
        is_count = set(given) == {"count"} and type(count) is int and 0 <= count <= GATE_COUNT_MAX
        ok = given in RESETS if component == WHOLE_BOARD else is_count
    if not ok:
        say(f"note: boards know other arguments of `{act}` for `{printable(component)}`: {known}")


def _is_update(given: dict[str, Any]) -> bool:
    digest, size, version = str(given.get("sha256")), given.get("size"), str(given.get("version"))
    names = set(given) - ({"allow_downgrade"} if given.get("allow_downgrade") is True else set())
    return (
        names == {"sha256", "size", "version"}
        and re.fullmatch("[0-9a-f]{64}", digest) is not None
        and type(size) is int
        and 0 < size <= BUNDLE_BYTES_MAX
        and VERSION.fullmatch(version) is not None
    )


def _check(site: Site, board: str, device: Device, component: str, act: str, role: Role) -> None:
    shown = printable(component)
    whole_board = component == WHOLE_BOARD and act not in LOCK_ACTIONS
    if component not in device.components and not whole_board:
        meant = nearest(component, list(device.components))
        guess = f", did you mean `{meant}`?" if meant else ""
        raise BadInput(
            f"board `{board}` of `{site.site}` has no component `{shown}`{guess}",
            f"its components: {', '.join(device.components)}",
        )
    if act not in token.ACTIONS:
        meant = nearest(act, token.ACTIONS)
        guess = f", did you mean `{meant}`?" if meant else ""
        raise BadInput(f"there is no action `{printable(act)}`{guess}", f"--act {' | '.join(token.ACTIONS)}")
    if role is Role.booking and act not in token.BOOKING_ACTIONS:
        raise BadInput(f"a booking key may only unlock, the board would refuse `{act}`", "add --key ops")
    if act in LOCK_ACTIONS and kind_of(component) != "lock":
        locks = [name for name in device.components if kind_of(name) == "lock"]
        raise BadInput(
            f"`{shown}` is no lock, so there is nothing to {act}",
            f"its locks: {', '.join(locks)}" if locks else f"board `{board}` has no locks",
        )


def _check_text(option: str, text: str, longest: int) -> None:
    if not 1 <= len(text) <= longest or not text.isprintable():
        raise BadInput(f"{option} must be 1 to {longest} printable characters")


def _check_life(claims: dict[str, Any]) -> None:
    if claims["exp"] <= claims["nbf"]:
        raise BadInput("--valid must be at least 1s", "--valid 15m")
    if claims["exp"] - claims["nbf"] > token.LIFETIME_MAX_S:
        raise BadInput("a token lives at most 24 h: boards refuse a longer one", "--valid 24h")
    if claims["nbf"] - claims["iat"] > AHEAD_MAX_S:
        raise BadInput("--not-before must be at most 366d", "--not-before 1h")


def _args(pairs: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInput(f"--arg: `{printable(pair)}` is not K=V", "--arg seconds=5")
        if name in found:
            raise BadInput(f"--arg: `{printable(name)}` is given twice")
        found[name] = _value(value)
    return found


def _value(text: str) -> str | int | bool:
    """Whole numbers and true or false as such, everything else as text (boards have no exact fractions)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (bool, int)) else text
