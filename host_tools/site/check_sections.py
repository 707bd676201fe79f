"""What a site file says beside its boards, where one field must fit another."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from host_tools.site.base import Model
from host_tools.site.expected import Loc
from host_tools.site.explain import Explained, meant
from host_tools.site.hours import WeekHours, check_hours
from host_tools.site.kinds import KINDS
from host_tools.site.sections import FIRST_NETWORK, Bridge, Broker, Outputs

TLS_LOCKS_MAX = 6
"""Measured in the simulator's heap, under load (tests/faults/test_full_boards.py)."""
M = TypeVar("M", bound=Model)
_HOURS: TypeAdapter[WeekHours] = TypeAdapter(WeekHours)


def check_sections(data: Mapping[str, Any]) -> Iterator[Explained]:
    """Findings in those sections that are right in themselves; the site's own validation tells the others."""
    yield from _networks(data)
    broker = _valid(Broker, data.get("broker", {}))
    if broker is not None and not broker.tls and not is_here(broker.host):
        told = "the broker is open: who is in its network can read and send everything"
        yield Explained(("broker", "tls"), told, note=True)
    if broker is not None and broker.kind != "mosquitto":
        told = f"one of kind `{broker.kind}` is yours to set up: `site apply` only looks at what it keeps"
        yield Explained(("broker", "kind"), told, note=True)
    if broker is not None and broker.bridge is not None:
        yield from _bridge(broker, broker.bridge)
    if broker is not None and broker.tls:
        yield from _memory(data.get("devices"))
    outputs = _valid(Outputs, data.get("outputs", {}))
    if outputs is not None:
        yield from _outputs(outputs)
        if outputs.sensorthings is not None and data.get("position") is None:
            told = "`sportbox bridge` needs the site's `position` for it"
            yield Explained(("outputs", "sensorthings"), told, note=True)
    yield from _hours(data.get("alarm_times"), ("alarm_times",))
    defaults = data.get("defaults")
    if isinstance(defaults, Mapping):
        yield from _hours(defaults.get("opening"), ("defaults", "opening"))


def _bridge(broker: Broker, bridge: Bridge) -> Iterator[Explained]:
    hosts = [bridge.host]
    for number, host in enumerate(bridge.others):
        if host in hosts:
            yield Explained(
                ("broker", "bridge", "others", number), f"this node is there twice (got `{host}`)"
            )
        hosts.append(host)
    if broker.kind != "mosquitto" or not broker.tls:
        told = (
            "nothing bridges: that takes a broker that is set up from here, `kind: mosquitto` and `tls: true`"
        )
        yield Explained(("broker", "bridge"), told, note=True)


def is_here(host: str) -> bool:
    """Whether a host is this computer itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _networks(data: Mapping[str, Any]) -> Iterator[Explained]:
    """That devices join networks which there are."""
    wifi, devices = data.get("wifi", {FIRST_NETWORK: {}}), data.get("devices")
    if not isinstance(wifi, Mapping) or not isinstance(devices, Mapping):
        return
    known = [str(name) for name in wifi]
    for device, fields in devices.items():
        name = fields.get("wifi") if isinstance(fields, Mapping) else None
        if isinstance(name, str) and name not in known:
            told = f"the site has no such network{meant(name, known)} (it has: {', '.join(known)})"
            yield Explained(("devices", device, "wifi"), f"{told} (got `{name}`)")


def _memory(devices: Any) -> Iterator[Explained]:
    """Locks that a board cannot hold beside TLS."""
    for device, fields in devices.items() if isinstance(devices, Mapping) else ():
        components = fields.get("components") if isinstance(fields, Mapping) else None
        names = components if isinstance(components, Mapping) else ()
        locks = [name for name in names if str(name).startswith(f"{KINDS['lock'].prefix}-")]
        if len(locks) > TLS_LOCKS_MAX:
            told = (
                f"too many locks: beside TLS a board has memory for {TLS_LOCKS_MAX}; give the others to a "
                "second board"
            )
            yield Explained(("devices", device, "components", locks[TLS_LOCKS_MAX]), told)


def _outputs(outputs: Outputs) -> Iterator[Explained]:
    things = outputs.sensorthings
    if things is not None and things.user is not None and things.secret is None:
        told = "is required with `user`: the name of the vault's secret that is the password"
        yield Explained(("outputs", "sensorthings", "secret"), told)
    for name in ("sensorthings", "ngsi_ld"):
        output = getattr(outputs, name)
        if output is not None and output.secret is not None and output.url.startswith("http://"):
            told = "the secret goes there without encryption: use https://"
            yield Explained(("outputs", name, "url"), told, note=True)


def _hours(data: Any, loc: Loc) -> Iterator[Explained]:
    if data is None:
        return
    with suppress(ValidationError):
        for item in check_hours(_HOURS.validate_python(data)):
            yield Explained((*loc, *item.loc), item.message)


def _valid(model: type[M], data: Any) -> M | None:
    try:
        return model.model_validate(data)
    except ValidationError:
        return None
