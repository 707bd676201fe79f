"""From a site and its boards to what one board reads: /config.json and /secrets.json."""

import hashlib
import json
from typing import Any

from host_tools.errors import BadInput
from host_tools.site.boards import Board, load_board
from host_tools.site.explain import nearest
from host_tools.site.keys import ROLES, device_key, key_id
from host_tools.site.models import Component, Court, Device, Door, Gate, Lock, Settings, Site, kind_of

CONFIG_VERSION = 1
HASH_DIGITS = 12
Address = tuple[str, int]


def device_of(site: Site, name: str) -> Device:
    """A device by name; BadInput that names the nearest one."""
    if name in site.devices:
        return site.devices[name]
    meant = nearest(name, list(site.devices))
    guess = f", did you mean `{meant}`?" if meant else ""
    known = ", ".join(list(site.devices)[:20])
    raise BadInput(f"site `{site.site}` has no board `{name}`{guess}", hint=f"its boards: {known}")


def device_config(
    site: Site, device: str, broker: Address | None = None, ntp: Address | None = None
) -> dict[str, Any]:
    """The board's /config.json; `broker` and `ntp` stand in for the site's own in a simulation."""
    described = device_of(site, device)
    board = load_board(described.board)
    settings = site.settings_of(device)
    broker_host, broker_port = broker or (site.broker.host, site.broker.port)
    ntp_host, ntp_port = ntp or (site.ntp.host, site.ntp.port)
    config: dict[str, Any] = {
        "version": CONFIG_VERSION,
        "site": site.site,
        "device": device,
        "board": board.name,
        "broker": {"host": broker_host, "port": broker_port},
        "ntp": {"host": ntp_host, "port": ntp_port},
        **_behaviour(settings),
        "led": {"pin": board.led.pin, "active": board.led.active} if board.led is not None else None,
        "components": {
            name: _component(name, component, described, board)
            for name, component in described.components.items()
        },
    }
    config["hash"] = config_hash(config)
    return config


def device_secrets(site: Site, device: str, master: bytes, wifi_password: str = "") -> dict[str, Any]:
    """The board's /secrets.json. Keep it out of logs and of the terminal."""
    version = device_of(site, device).key_version
    return {
        "wifi": {"ssid": site.wifi.ssid, "password": wifi_password},
        "broker": {"user": None, "password": None},
        "keys": {
            key_id(role, version): {
                "role": role,
                "k": device_key(master, site.site, device, role, version).hex(),
            }
            for role in ROLES
        },
    }


def config_hash(config: dict[str, Any]) -> str:
    """Names a configuration in `info`: the same settings give the same digits on every machine."""
    bare = {name: value for name, value in config.items() if name != "hash"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def pins_of(name: str, component: Component, board: Board) -> list[int] | None:
    """The component's GPIOs: its own, else those of its role (its name, unless the site file says more)."""
    own = component.pins if isinstance(component, Gate) else component.pin
    found = own if own is not None else board.pins.get(component.role or name)
    if found is None:
        return None
    return list(found) if isinstance(found, list) else [found]


def with_board_timings(component: Component, board: Board) -> Component:
    """The component with the board's timings wherever the site file sets none."""
    kind = _kind(component)
    timings = getattr(board.timings, kind)
    changed = {
        field: getattr(timings, field)
        for field in timings.model_fields_set
        if field not in component.model_fields_set
    }
    return component.model_copy(update=changed)


def _kind(component: Component) -> str:
    return {Lock: "lock", Door: "door", Gate: "gate", Court: "occupancy"}[type(component)]


def _behaviour(settings: Settings) -> dict[str, Any]:
    return {
        "mqtt": {
            "keepalive_s": settings.keepalive_s,
            "connect_ms": settings.connect_ms,
            "ack_ms": settings.ack_ms,
            "backoff_cap_ms": settings.backoff_cap_ms,
            "window": settings.window,
            "packet_max": settings.packet_max,
        },
        "telemetry_s": settings.telemetry_s,
        "outbox": {
            "ordinary_bytes": settings.ordinary_bytes,
            "reserve_bytes": settings.reserve_bytes,
            "batch_ms": settings.batch_ms,
        },
        "log_level": settings.log_level,
    }


def _component(name: str, component: Component, device: Device, board: Board) -> dict[str, Any]:
    timed = with_board_timings(component, board)
    pins = pins_of(name, component, board)
    if pins is None:
        raise BadInput(f"board `{board.name}` has no pin for `{name}`")
    number = name.partition("-")[2]
    polarity = board.polarity
    if isinstance(timed, Lock):
        return {
            "kind": kind_of(name),
            "door": f"door-{number}",
            "pin": pins[0],
            "active": polarity.lock if timed.active is None else timed.active,
            "release_ms": timed.release_ms,
            "duty_ms": timed.duty_ms,
            "duty_window_ms": timed.duty_window_ms,
        }
    if isinstance(timed, Door):
        lock = f"lock-{number}"
        return {
            "kind": kind_of(name),
            "lock": lock if lock in device.components else None,
            "pin": pins[0],
            "closed_level": polarity.door if timed.closed_level is None else timed.closed_level,
            "debounce_ms": timed.debounce_ms,
            "ajar_ms": timed.ajar_ms,
        }
    if isinstance(timed, Gate):
        blocked = polarity.gate if timed.blocked_level is None else timed.blocked_level
        return {"kind": kind_of(name), "pins": pins, "blocked_level": blocked, "stuck_ms": timed.stuck_ms}
    return {
        "kind": kind_of(name),
        "pin": pins[0],
        "active": polarity.occupancy if timed.active is None else timed.active,
        "hold_ms": timed.hold_ms,
        "stuck_ms": timed.stuck_ms,
    }
