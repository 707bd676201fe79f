"""What passes between a site and the city's centre, and who may do what there.

The bridge, the rights at a Mosquitto and those at a RabbitMQ are all made from the tables below, so that
what a site sends is what it may send. Patterns are below `sportbox/v1/<site>/`; docs/centre.md explains.
"""

from collections.abc import Iterable
from typing import Literal

from host_tools.mqtt import ROOT
from host_tools.site.models import Site

BrokerKind = Literal["mosquitto", "rabbitmq", "embedded"]

LINK = "bridge"
"""Retained at the centre, below the site's name: `1` while the site is connected, `0` when it is cut off."""

OUT: dict[str, int] = {
    "+/availability": 1,
    "+/info": 1,
    "+/+/state": 1,
    "+/event": 1,
    "+/ack": 1,
    "+/telemetry": 0,
    "+/log": 0,
}
"""What a site sends, with the QoS. Telemetry and logs are worth nothing later, and fill no queue."""

IN: dict[str, int] = {"+/cmd": 1}
"""What a site gets."""

SITE_WRITES = (*OUT, LINK)
SITE_READS = tuple(IN)
"""The rights of a site's bridge: what it does. No site may write orders, not even its own."""

RECORDER = "recorder"

USERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "booking": (("+/cmd",), (LINK, "+/availability", "+/info", "+/ack", "+/+/state")),
    "dashboard": ((), ("#",)),
    RECORDER: ((), ("#",)),
}
"""Services at the centre: what they write and read, of every site."""


def site_base(site: str) -> str:
    return f"{ROOT}/{site}"


def link_topic(site: str) -> str:
    return f"{site_base(site)}/{LINK}"


def below(site: str, patterns: Iterable[str]) -> list[str]:
    """Whole topics or filters of a site; `+` stands for every site."""
    return [f"{site_base(site)}/{pattern}" for pattern in patterns]


def filters_for(site: Site, kind: BrokerKind, rest: bool = True) -> list[str]:
    """What to subscribe to for everything of a site, retained state included.

    RabbitMQ hands out a retained message for its exact topic alone, never for a filter with wildcards
    (https://www.rabbitmq.com/docs/3.13/mqtt#retained), so there each retained topic that the site file knows
    is named, before the filter for all the `rest`. Who takes both gets every message once: they
    lead into the same queue."""
    everything = [f"{site_base(site.site)}/#"] if rest else []
    return [*retained_topics(site), *everything] if kind == "rabbitmq" else everything


def retained_topics(site: Site) -> list[str]:
    """Every topic of a site whose newest message brokers keep."""
    names = [LINK]
    for device, settings in site.devices.items():
        names += [f"{device}/availability", f"{device}/info"]
        names += [f"{device}/{component}/state" for component in settings.components]
    return below(site.site, names)
