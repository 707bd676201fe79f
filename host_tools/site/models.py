"""The site file, version 1: every field with its unit and bounds. docs/site-file.md is made from this file.

Durations are whole numbers; the unit is the end of the name (`_ms`, `_s`). Components: kinds/.
"""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from host_tools.site.base import Host, LabelUrl, Model, Name, Title
from host_tools.site.hardware import BatterySettings, SleepSettings
from host_tools.site.kinds import COMPONENTS_BY_NAME, KINDS, AnyComponent

FILE_VERSION = 1
MAX_DEVICES = 2000
MAX_COMPONENTS = 32
KEY_VERSION_MAX = 9_999
PLAIN_PORT = 1883
TLS_PORT = 8883
SERVICES_PORT = 8884

TcpPort = Annotated[int, Field(ge=1, le=65_535)]


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
    battery: BatterySettings | None = Field(
        None, description="boards with a battery: thresholds that differ from the board's"
    )
    sleep: SleepSettings | None = Field(
        None, description="boards with a battery: rhythm of deep sleep that differs from the board's"
    )


class Broker(Model):
    kind: Literal["mosquitto", "rabbitmq", "embedded"] = Field(
        "mosquitto", description="which broker `site apply` sets up; `embedded` is for a laptop alone"
    )
    host: Host = Field("127.0.0.1", description="name or address of the MQTT broker")
    port: TcpPort | None = Field(None, description="port for boards [default: 8883 with TLS, 1883 without]")
    tls: bool = Field(
        False,
        description="boards and broker prove to each other who they are, with certificates of the site's CA",
    )
    server_name: Host | None = Field(None, description="name in the broker's certificate [default: `host`]")
    services_port: TcpPort = Field(
        SERVICES_PORT, description="port for services (booking, dashboards, tools): TLS and a password"
    )

    @property
    def boards_port(self) -> int:
        """Where boards connect."""
        return self.port or (TLS_PORT if self.tls else PLAIN_PORT)

    @property
    def name(self) -> str:
        """What the broker's certificate must name."""
        return self.server_name or self.host


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


class Device(Model):
    board: Name = Field(description="folder below boards/ that describes the hardware")
    title: Title | None = Field(None, description="name for people")
    key_version: Annotated[int, Field(ge=1, le=KEY_VERSION_MAX)] = Field(
        1, description="raise it to replace the device's keys"
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
    version: Literal[1] = Field(description="version of the site file's format")
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
