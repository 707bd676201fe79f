"""What of a board's configuration can be changed by order, and within which bounds: those of the site file.

The firmware has the same bounds in a table of its own (firmware/sportbox/system/setting.py); a test compares.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site.expected import expected_of, type_of
from host_tools.site.explain import nearest
from host_tools.site.models import Settings, Site
from host_tools.site.renew.blob import seal
from host_tools.site.resolve import config_hash
from host_tools.site.sections import Broker, Ntp, Wifi

MQTT = ("keepalive_s", "connect_ms", "ack_ms", "backoff_cap_ms", "window", "packet_max")
OUTBOX = ("ordinary_bytes", "reserve_bytes", "batch_ms")
SECRET_GROUP = "wifi"


@dataclass(frozen=True)
class Place:
    """Where a setting stands in a board's files, and in which model of the site file."""

    path: tuple[str, ...]
    model: type[BaseModel]

    @property
    def kind(self) -> Any:
        return type_of(self.model.model_fields[self.path[-1]])


PLACES: dict[str, Place] = {
    "telemetry_s": Place(("telemetry_s",), Settings),
    "log_level": Place(("log_level",), Settings),
    **{name: Place(("mqtt", name), Settings) for name in MQTT},
    **{name: Place(("outbox", name), Settings) for name in OUTBOX},
    "broker.host": Place(("broker", "host"), Broker),
    "broker.port": Place(("broker", "port"), Broker),
    "ntp.host": Place(("ntp", "host"), Ntp),
    "ntp.port": Place(("ntp", "port"), Ntp),
    "wifi.ssid": Place((SECRET_GROUP, "ssid"), Wifi),
}
"""By the names that a site file has for them."""


@dataclass(frozen=True)
class Change:
    """`plain`: what a board may be told openly, as it stands in its configuration; `secret` goes sealed."""

    names: dict[str, Any]  # for people: without what is secret
    plain: dict[str, Any]
    secret: dict[str, Any] = field(default_factory=dict, repr=False)

    def args(self, key: bytes, digest: str | None) -> dict[str, Any]:
        """Of the order; `key` is the one that signs it, `digest` the hash of the whole configuration then."""
        plain = {**self.plain, **({} if digest is None else {"hash": digest})}
        args: dict[str, Any] = {"set": plain} if plain else {}
        if self.secret:
            sealed = seal(key, json.dumps(self.secret).encode())
            args["set_sealed"] = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
        return args


def read_change(pairs: Sequence[str], password: str | None = None) -> Change:
    """Of `K=V`s, as they were typed. Raises BadInput that names the setting and its bounds."""
    names: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    secret: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadInput(f"`{printable(pair)}` is not K=V", "telemetry_s=30")
        place = _place(name)
        known = place.path[-1] if place.path[0] in ("mqtt", "outbox") else ".".join(place.path)
        if known in names:
            raise BadInput(f"`{known}` is given twice")
        names[known] = value = _value(known, place, text)
        _put(secret if place.path[0] == SECRET_GROUP else plain, place.path, value)
    if password is not None:
        _put(secret, (SECRET_GROUP, "password"), password)
    if not names and not secret:
        raise BadInput("nothing is to be changed", f"name one or more of {', '.join(PLACES)}")
    return Change(names, plain, secret)


def changed(config: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The whole configuration afterwards, with its hash."""
    merged = _merged(config, change.plain)
    merged["hash"] = config_hash(merged)
    return merged


def declared(site: Site, device: str, name: str) -> Any:
    """What the site file says of a setting."""
    settings = site.settings_of(device)
    if name in Settings.model_fields:
        return getattr(settings, name)
    section, _, part = name.partition(".")
    if section == SECRET_GROUP:
        return site.network_of(device).ssid
    if name == "broker.port":
        return site.broker.boards_port
    return getattr(site.broker if section == "broker" else site.ntp, part)


def _place(name: str) -> Place:
    bare = name.removeprefix("mqtt.").removeprefix("outbox.")
    if bare in PLACES:
        return PLACES[bare]
    if name in ("wifi.password", "password"):
        raise BadInput("a password is not given here, where others could read it", "--wifi-password-file F")
    meant = nearest(bare, list(PLACES))
    guess = f", did you mean `{meant}`?" if meant else ""
    raise BadInput(
        f"`{printable(name)}` cannot be changed by order{guess}",
        f"these can: {', '.join(PLACES)}; all else comes with `sportbox site apply`",
    )


def _value(name: str, place: Place, text: str) -> Any:
    value: Any = text
    if "between" in (expected_of(place.kind, []) or ""):
        try:
            value = int(text)
        except ValueError:
            raise _wrong(name, place, text) from None
    try:
        return TypeAdapter(place.kind).validate_python(value, strict=True)
    except ValidationError:
        raise _wrong(name, place, text) from None


def _wrong(name: str, place: Place, text: str) -> BadInput:
    return BadInput(f"{name}: `{printable(text)[:80]}` is not {expected_of(place.kind, [])}")


def _put(content: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        content = content.setdefault(name, {})
    content[path[-1]] = value


def _merged(content: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(content)
    for name, value in change.items():
        merged[name] = _merged(merged.get(name, {}), value) if isinstance(value, Mapping) else value
    return merged
