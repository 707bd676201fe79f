"""The site file, version 2: every field with its unit and bounds. docs/site-file.md is made from this file.

Durations are whole numbers; the unit is the end of the name (`_ms`, `_s`).
Components: kinds/; broker, Wi-Fi and outputs: sections.py; older versions: migrations.py.
"""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from host_tools.site.base import LabelUrl, Model, Name, Title
from host_tools.site.hardware import BatterySettings, SleepSettings
from host_tools.site.hours import Hours, WeekHours
from host_tools.site.kinds import COMPONENTS_BY_NAME, KINDS, AnyComponent, Lock
from host_tools.site.sections import NETWORKS_MAX, Audit, Broker, Ntp, Outputs, Position, Wifi, a_network

FILE_VERSION = 2
MAX_DEVICES = 2000
MAX_COMPONENTS = 32
KEY_VERSION_MAX = 9_999


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
        5_000,
        description="deadline of SUBACK, PUBACK and PINGRESP; while other PUBACKs come, one may be six times "
        "as late",
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
        49_152,
        description="flash for ordinary events that wait for the broker; on a board with 4 MiB of flash at "
        "most 524288 together with `reserve_bytes`",
    )
    reserve_bytes: Annotated[int, Field(ge=8_192, le=262_144)] = Field(
        16_384, description="flash kept for access and alarm events alone"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="lines at or over this level go to the topic `log` and to the board's own log; `debug` "
        "ones to the console alone",
    )
    opening: WeekHours | None = Field(
        None, description="locks that set none themselves: when bookings may open them [default: always]"
    )
    battery: BatterySettings | None = Field(
        None, description="boards with a battery: thresholds that differ from the board's"
    )
    sleep: SleepSettings | None = Field(
        None, description="boards with a battery: rhythm of deep sleep that differs from the board's"
    )


class Device(Model):
    board: Name = Field(description="folder below boards/ that describes the hardware")
    title: Title | None = Field(None, description="name for people")
    key_version: Annotated[int, Field(ge=1, le=KEY_VERSION_MAX)] = Field(
        1, description="raise it to replace the device's keys"
    )
    wifi: Name | None = Field(
        None, description="the network of the site's `wifi` that it joins [default: the first]"
    )
    settings: Settings = Field(
        default_factory=Settings, description="what differs from the site's `defaults`"
    )
    components: Annotated[
        dict[str, AnyComponent],
        COMPONENTS_BY_NAME,
        Field(
            min_length=1,
            max_length=MAX_COMPONENTS,
            description=", ".join(f"`{prefix}-N`" for prefix in KINDS),
        ),
    ]


class Site(Model):
    version: Literal[2] = Field(description="version of the site file's format")
    site: Name = Field(description="name of the site in topics and tokens")
    title: Title | None = Field(None, description="name for people")
    time_zone: str = Field("Europe/Berlin", description="IANA time zone, for example `Europe/Berlin`")
    languages: Annotated[list[Literal["de", "en"]], Field(min_length=1, max_length=2)] = Field(
        ["de"], description="languages of messages for people, the first is preferred"
    )
    label_url: LabelUrl | None = Field(
        None,
        description="address in the QR codes of labels, for example `https://box.example/{device}/{component}`",
    )
    broker: Broker = Field(default_factory=Broker, description="where boards find the broker")
    ntp: Ntp = Field(default_factory=Ntp, description="where boards get the time")
    wifi: Annotated[dict[Name, Wifi], Field(min_length=1, max_length=NETWORKS_MAX)] = Field(
        default_factory=a_network, description="the networks that boards join, by names of your choice"
    )
    defaults: Settings = Field(default_factory=Settings, description="behaviour of all boards")
    alarm_times: WeekHours | None = Field(
        None,
        description="when the ground is closed: a door opened without an order, motion inside and an open "
        "housing are then alarms",
    )
    position: Position | None = Field(None, description="where the site is, for the maps of data outputs")
    outputs: Outputs = Field(default_factory=Outputs, description="where else the site's data go")
    audit: Audit = Field(default_factory=Audit, description="the journal of who opened what")
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

    def network_of(self, device: str) -> Wifi:
        """The Wi-Fi network that a device joins."""
        name = self.devices[device].wifi
        return self.first_network if name is None else self.wifi[name]

    @property
    def first_network(self) -> Wifi:
        """That of devices which name none."""
        return next(iter(self.wifi.values()))

    def opening_of(self, device: str, lock: str) -> list[Hours] | None:
        """When bookings may open a lock; None: always."""
        component = self.devices[device].components[lock]
        own = component.opening if isinstance(component, Lock) else None
        return own or self.settings_of(device).opening
