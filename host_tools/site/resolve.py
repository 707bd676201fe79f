"""From a site and its boards to what one board reads: /config.json and /secrets.json."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from host_tools.errors import BadInput
from host_tools.site.boards import Board, load_board
from host_tools.site.explain import Explained, nearest
from host_tools.site.hours import facts_of
from host_tools.site.keys import ROLES, code_key, device_key, key_id
from host_tools.site.kinds import Door, Keypad, Lock, Tamper, kind_of, kind_with
from host_tools.site.kinds.kind import Part, Plug
from host_tools.site.localtime import utc_offsets
from host_tools.site.models import Device, Settings, Site
from host_tools.site.wiring import bus_is_needed
from host_tools.words import tr

CONFIG_VERSION = 1
HASH_DIGITS = 12
_ALARMING = (Door, Tamper)  # what is inside belongs to a door
CODE_FIELDS = ("codes", "codes_before")
Address = tuple[str, int]


def device_of(site: Site, name: str) -> Device:
    """A device by name; BadInput that names the nearest one."""
    if name in site.devices:
        return site.devices[name]
    meant = nearest(name, list(site.devices))
    guess = tr(", did you mean `{name}`?", name=meant) if meant else ""
    known = ", ".join(list(site.devices)[:20])
    problem = tr("site `{site}` has no board `{name}`", site=site.site, name=name)
    raise BadInput(problem + guess, tr("its boards: {names}", names=known))


def device_config(
    site: Site, device: str, broker: Address | None = None, ntp: Address | None = None
) -> dict[str, Any]:
    """The board's /config.json; `broker` and `ntp` stand in for the site's own in a simulation, that broker
    without TLS."""
    described = device_of(site, device)
    board = load_board(described.board)
    settings = site.settings_of(device)
    broker_host, broker_port = broker or (site.broker.host, site.broker.boards_port)
    ntp_host, ntp_port = ntp or (site.ntp.host, site.ntp.port)
    config: dict[str, Any] = {
        "version": CONFIG_VERSION,
        "site": site.site,
        "device": device,
        "board": board.name,
        "chip": board.chip.name,
        "broker": {"host": broker_host, "port": broker_port},
        "ntp": {"host": ntp_host, "port": ntp_port},
        **_behaviour(settings),
        **_hardware(board, settings, described),
        "components": {name: _component(name, described, board) for name in described.components},
    }
    if _add_hours(config, site, device):
        config["utc_offsets"] = utc_offsets(site.time_zone)
    if site.broker.tls and broker is None:
        config["broker"]["tls"] = {"name": site.broker.name}
    config["hash"] = config_hash(config)
    return config


def device_secrets(
    site: Site, device: str, master: bytes | Mapping[int, bytes], wifi_password: str = ""
) -> dict[str, Any]:
    """The board's /secrets.json. Keep it out of logs and of the terminal. `master`: the one secret, or those
    of each generation while two are valid; keypad codes are then checked against both, the newest first."""
    described = device_of(site, device)
    version = described.key_version
    masters = {1: master} if isinstance(master, bytes) else dict(sorted(master.items(), reverse=True))
    secrets: dict[str, Any] = {
        "wifi": {"ssid": site.network_of(device).ssid, "password": wifi_password},
        "broker": {"user": None, "password": None},
        "keys": {
            key_id(role, version, generation): {
                "role": role,
                "k": device_key(secret, site.site, device, role, version).hex(),
            }
            for generation, secret in masters.items()
            for role in ROLES
        },
    }
    locks = locks_with_codes(described)
    for name, secret in zip(CODE_FIELDS, masters.values(), strict=False):
        if locks:
            secrets[name] = {lock: code_key(secret, site.site, device, lock, version).hex() for lock in locks}
    return secrets


def locks_with_codes(device: Device) -> list[str]:
    """The locks that a keypad opens."""
    keypads = [part for part in device.components.values() if isinstance(part, Keypad)]
    return sorted({lock for keypad in keypads for lock in keypad.opens})


def config_hash(config: dict[str, Any]) -> str:
    """Names a configuration in `info`: the same settings give the same digits on every machine."""
    bare = {name: value for name, value in config.items() if name != "hash"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def part_of(name: str, device: Device, board: Board) -> Part[Any]:
    """A component with the board's timings wherever the site file sets none."""
    component = device.components[name]
    timings = getattr(board.timings, kind_of(name), None)
    changed = {
        field: getattr(timings, field)
        for field in (timings.model_fields_set if timings is not None else ())
        if field not in component.model_fields_set
    }
    return Part(name, component.model_copy(update=changed), device, board)


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


def _add_hours(config: dict[str, Any], site: Site, device: str) -> bool:
    """Opening hours of the device's locks, each once, and alarm times; nothing where there are none.
    True if the board must know the local time."""
    components = site.devices[device].components
    for name, component in components.items():
        opening = site.opening_of(device, name) if isinstance(component, Lock) else None
        if opening is not None:
            facts, known = facts_of(opening), config.setdefault("openings", [])
            if facts not in known:
                known.append(facts)
            config["components"][name]["opening"] = known.index(facts)
    if site.alarm_times is not None and any(isinstance(part, _ALARMING) for part in components.values()):
        config["alarm_times"] = facts_of(site.alarm_times)
    return (
        "alarm_times" in config
        or "openings" in config
        or any(isinstance(part, Keypad) for part in components.values())
    )


def _hardware(board: Board, settings: Settings, device: Device) -> dict[str, Any]:
    """What the board has beside its components; null where it has none."""
    sockets = [
        plug.socket
        for name in device.components
        for plug in kind_with(name).plugs(part_of(name, device, board))
        if isinstance(plug, Plug)
    ]
    power = board.power and board.power.with_settings(settings.battery, settings.sleep)
    i2c = board.i2c if bus_is_needed(board, sockets) else None
    named = {
        "led": board.led,
        "buzzer": board.buzzer,
        "i2c": i2c,
        "expander": board.expander if i2c is not None else None,
        "rtc": board.rtc,
        "power": power,
    }
    return {name: None if part is None else part.facts() for name, part in named.items()}


def _component(name: str, device: Device, board: Board) -> dict[str, Any]:
    kind = kind_with(name)
    part = part_of(name, device, board)
    for plug in kind.plugs(part):
        if isinstance(plug, Explained):
            raise BadInput(f"`{name}`: {plug.message}", hint="sportbox site check SITE.yaml")
    return {"kind": kind.name, **kind.facts(part)}
