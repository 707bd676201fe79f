"""The site file, version 1: every field with its unit and bounds. docs/site-file.md is made from this file.

Durations are whole numbers; the unit is the end of the name (`_ms`, `_s`). A component's kind is the
beginning of its name: `lock-1`, `door-1`, `gate-1`, `court-1`. `lock-N` and `door-N` belong together.
"""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

FILE_VERSION = 1
MAX_DEVICES = 2000
MAX_COMPONENTS = 32

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9_.:-]+$")]
Pin = Annotated[int, Field(ge=0, le=63)]
Level = Annotated[int, Field(ge=0, le=1)]

ROLE_HELP = "socket of the board, where it is not the one of the component's own name"
COMPONENT_NAME = re.compile(r"(lock|door|gate|court)-([1-9][0-9]?)")
KIND_OF_PREFIX = {"lock": "lock", "door": "door", "gate": "gate", "court": "occupancy"}


class Model(BaseModel):
    """Unknown fields are errors, and a number in quotes is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LockTimings(Model):
    release_ms: Annotated[int, Field(ge=100, le=10_000)] = Field(
        10_000, description="window to open the door: the strike is energised at most this long"
    )
    duty_ms: Annotated[int, Field(ge=100, le=3_600_000)] = Field(
        48_000, description="the coil is energised at most this long within `duty_window_ms`"
    )
    duty_window_ms: Annotated[int, Field(ge=1_000, le=3_600_000)] = Field(
        60_000, description="sliding window of the coil's duty budget"
    )


class DoorTimings(Model):
    debounce_ms: Annotated[int, Field(ge=5, le=1_000)] = Field(
        50, description="the contact must be steady this long before it counts"
    )
    ajar_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = Field(
        60_000, description="open longer than this is reported as ajar"
    )


class GateTimings(Model):
    stuck_ms: Annotated[int, Field(ge=5_000, le=600_000)] = Field(
        10_000, description="a beam broken without a pause for this long is dirt or a fault: `unknown`"
    )


class OccupancyTimings(Model):
    hold_ms: Annotated[int, Field(ge=0, le=600_000)] = Field(
        5_000, description="the court counts as occupied this long after the last motion"
    )
    stuck_ms: Annotated[int, Field(ge=10_000, le=86_400_000)] = Field(
        1_800_000, description="motion without a pause for this long means a stuck sensor: `unknown`"
    )


class Lock(LockTimings):
    title: Title | None = Field(None, description="name for people")
    role: Name | None = Field(None, description=ROLE_HELP)
    pin: Pin | None = Field(None, description="GPIO of the strike driver, where it differs from the board's")
    active: Level | None = Field(None, description="level that energises the strike, where it differs")


class Door(DoorTimings):
    title: Title | None = Field(None, description="name for people")
    role: Name | None = Field(None, description=ROLE_HELP)
    pin: Pin | None = Field(None, description="GPIO of the door contact, where it differs from the board's")
    closed_level: Level | None = Field(None, description="level while the door is closed, where it differs")


class Gate(GateTimings):
    title: Title | None = Field(None, description="name for people")
    role: Name | None = Field(None, description=ROLE_HELP)
    pins: Annotated[list[Pin], Field(min_length=2, max_length=2)] | None = Field(
        None, description="GPIOs of beam A (street side) and beam B (ground side), where they differ"
    )
    blocked_level: Level | None = Field(None, description="level while a beam is broken, where it differs")


class Court(OccupancyTimings):
    title: Title | None = Field(None, description="name for people")
    role: Name | None = Field(None, description=ROLE_HELP)
    pin: Pin | None = Field(None, description="GPIO of the motion sensor, where it differs from the board's")
    active: Level | None = Field(None, description="level on motion, where it differs")


Component = Lock | Door | Gate | Court
COMPONENT_MODELS: dict[str, type[Lock] | type[Door] | type[Gate] | type[Court]] = {
    "lock": Lock,
    "door": Door,
    "gate": Gate,
    "occupancy": Court,
}


class Settings(Model):
    """Behaviour of a board: the site's `defaults`, changed for one device by its `settings`."""

    telemetry_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        30, description="telemetry goes out this often"
    )
    keepalive_s: Annotated[int, Field(ge=5, le=3_600)] = Field(
        30, description="MQTT keep-alive; after 1.5 times this the broker sends the last will"
    )
    connect_ms: Annotated[int, Field(ge=500, le=60_000)] = Field(
        5_000, description="deadline of the TCP connect and of the CONNACK"
    )
    ack_ms: Annotated[int, Field(ge=500, le=60_000)] = Field(
        5_000, description="deadline of SUBACK, PUBACK and PINGRESP"
    )
    backoff_cap_ms: Annotated[int, Field(ge=100, le=3_600_000)] = Field(
        4_000, description="longest wait before a reconnect (full jitter)"
    )
    window: Annotated[int, Field(ge=1, le=32)] = Field(8, description="QoS 1 messages in flight at once")
    packet_max: Annotated[int, Field(ge=1_024, le=16_384)] = Field(
        2_048, description="largest MQTT packet in bytes that a board accepts"
    )
    batch_ms: Annotated[int, Field(ge=0, le=60_000)] = Field(
        1_000, description="ordinary events may wait this long for company before they are written to flash"
    )
    ordinary_bytes: Annotated[int, Field(ge=8_192, le=1_048_576)] = Field(
        49_152, description="flash for ordinary events that wait for the broker"
    )
    reserve_bytes: Annotated[int, Field(ge=8_192, le=262_144)] = Field(
        16_384, description="flash kept for access and alarm events alone"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lines at or over this level go to the topic `log`"
    )


class Broker(Model):
    host: Host = Field("127.0.0.1", description="name or address of the MQTT broker")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(1883, description="TCP port of the broker")


class Ntp(Model):
    host: Host = Field("pool.ntp.org", description="name or address of the time server")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(123, description="UDP port of the time server")


class Wifi(Model):
    ssid: Annotated[str, StringConstraints(min_length=1, max_length=32)] = Field(
        "sportbox", description="name of the network"
    )
    password_secret: Name | None = Field(
        None,
        description="name of the secret that holds the password; the password itself is never in this file",
    )


def kind_of(component: str) -> str:
    """The kind of a component by its name; KeyError for a name of no kind."""
    match = COMPONENT_NAME.fullmatch(component)
    if match is None:
        raise KeyError(component)
    return KIND_OF_PREFIX[match.group(1)]


class Device(Model):
    board: Name = Field(description="folder below boards/ that describes the hardware")
    title: Title | None = Field(None, description="name for people")
    key_version: Annotated[int, Field(ge=1, le=9_999)] = Field(
        1, description="raise it to replace the device's keys"
    )
    settings: Settings = Field(
        default_factory=Settings, description="what differs from the site's `defaults`"
    )
    components: dict[str, Component] = Field(
        min_length=1, max_length=MAX_COMPONENTS, description="`lock-N`, `door-N`, `gate-N`, `court-N`"
    )

    @field_validator("components", mode="before")
    @classmethod
    def _by_kind(cls, value: Any) -> Any:
        """Each component against the model of its kind, so that errors name the field and not a union."""
        if not isinstance(value, dict):
            return value
        found: dict[str, Component] = {}
        errors: list[InitErrorDetails] = []
        for name, fields in value.items():
            if not isinstance(name, str) or COMPONENT_NAME.fullmatch(name) is None:
                errors.append(_error("component_name", "no kind of component has this name", (name,), name))
                continue
            try:
                found[name] = COMPONENT_MODELS[kind_of(name)].model_validate({} if fields is None else fields)
            except ValidationError as error:
                for item in error.errors():
                    details = _error(item["type"], item["msg"], (name, *item["loc"]), item["input"])
                    if "ctx" in item and not isinstance(details["type"], PydanticCustomError):
                        details["ctx"] = item["ctx"]
                    errors.append(details)
        if errors:
            raise ValidationError.from_exception_data("components", errors)
        return found


_OWN_ERRORS = ("component_name",)


def _error(kind: str, message: str, loc: tuple[int | str, ...], value: Any) -> InitErrorDetails:
    own = kind in _OWN_ERRORS
    return InitErrorDetails(
        type=PydanticCustomError(kind, "{text}", {"text": message}) if own else kind,
        loc=loc,
        input=value,
    )


class Site(Model):
    version: Literal[1] = Field(description="version of the site file's format")
    site: Name = Field(description="name of the site in topics and tokens")
    title: Title | None = Field(None, description="name for people")
    time_zone: str = Field("Europe/Berlin", description="IANA time zone, for example `Europe/Berlin`")
    languages: Annotated[list[Literal["de", "en"]], Field(min_length=1, max_length=2)] = Field(
        ["de"], description="languages of messages for people, the first is preferred"
    )
    broker: Broker = Field(default_factory=Broker, description="where boards find the broker")
    ntp: Ntp = Field(default_factory=Ntp, description="where boards get the time")
    wifi: Wifi = Field(default_factory=Wifi, description="the network that boards join")
    defaults: Settings = Field(default_factory=Settings, description="behaviour of all boards")
    devices: dict[Name, Device] = Field(
        min_length=1, max_length=MAX_DEVICES, description="boards by name, as in topics"
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as error:  # KeyError: ZoneInfoNotFoundError
            if available_timezones():  # else this machine has no time zones at all
                raise PydanticCustomError("time_zone", "no such time zone") from error
        return value

    def settings_of(self, device: str) -> Settings:
        own = self.devices[device].settings
        changed = {name: getattr(own, name) for name in own.model_fields_set}
        return self.defaults.model_copy(update=changed)
