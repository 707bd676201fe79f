"""Who is who at a site's broker, and what each may do: the table that rights and their proof are made of.

Patterns are below `sportbox/v1/<site>/`. A board's are below its own base, by the name in its certificate.
"""

from dataclasses import dataclass

from host_tools.mqtt import ROOT
from host_tools.site.models import Site

BOOKING = "booking"
DASHBOARD = "dashboard"
MANAGER = "manager"
RECORDER = "recorder"

PROBE = "_probe"
"""Plays a board in the proof of delivery. No device can be called that. (With a dot it would be two levels to
a RabbitMQ at the centre, which ends the connection of a bridge that sends what it may not.)"""

DEVICE_WRITES = ("availability", "info", "+/state", "event", "telemetry", "ack", "log", "update/get")
DEVICE_READS = ("cmd", "update/data")


@dataclass(frozen=True)
class Rights:
    """What a service may do: filters of whole topics."""

    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def base(site: str) -> str:
    return f"{ROOT}/{site}"


def board(site: str, name: str) -> Rights:
    """What the board of this name may do: nothing outside its own base."""
    below = f"{base(site)}/{name}"
    return Rights(
        tuple(f"{below}/{topic}" for topic in DEVICE_WRITES),
        tuple(f"{below}/{topic}" for topic in DEVICE_READS),
    )


def services(site: Site) -> dict[str, Rights]:
    """The users with a password. `manager` is this project's own tools, `recorder` journal and data outputs.
    Home Assistant logs in as `dashboard`, where that output is on, and reads what `manager` announces."""
    below = base(site.site)
    everything = (f"{below}/#",)
    output = site.outputs.home_assistant
    announced = (f"{output.prefix}/#",) if output is not None else ()
    booking_reads = ("+/availability", "+/info", "+/ack", "+/+/state")
    return {
        BOOKING: Rights((f"{below}/+/cmd",), tuple(f"{below}/{one}" for one in booking_reads)),
        DASHBOARD: Rights((), everything + announced),
        MANAGER: Rights((f"{below}/+/cmd", f"{below}/+/update/data", *announced), everything + announced),
        RECORDER: Rights((), everything),
    }
