"""The site file's sections beside its boards: broker, time, Wi-Fi, outputs, audit."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from host_tools.site.base import TENANT_PATTERN, FilePath, Host, Model, Name, TcpPort, Title, Topic, Url

PLAIN_PORT = 1883
TLS_PORT = 8883
SERVICES_PORT = 8884
NETWORKS_MAX = 16
NODES_MAX = 7
"""Of a central broker."""
DIRECTORY_SUFFIX = ".broker"
FIRST_NETWORK = "main"
"""Name of the network of a file that names none."""


class Bridge(Model):
    host: Host = Field(description="name or address of the city's central broker")
    port: TcpPort = Field(TLS_PORT, description="its port for bridges: always TLS")
    others: Annotated[list[Host], Field(max_length=NODES_MAX - 1)] = Field(
        [], description="where it is a cluster: its other nodes, at the same port, in the order of use"
    )

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        """The nodes to connect to, the one to use first."""
        return [(host, self.port) for host in (self.host, *self.others)]


class Broker(Model):
    kind: Literal["mosquitto", "rabbitmq", "embedded"] = Field(
        "mosquitto",
        description="`site apply` sets up a Mosquitto with TLS, and only looks at others;"
        " `embedded` is for a laptop",
    )
    host: Host = Field("127.0.0.1", description="name or address of the MQTT broker")
    port: TcpPort | None = Field(None, description="port for boards [default: 8883 with TLS, 1883 without]")
    tls: bool = Field(
        True,
        description="boards and broker prove to each other who they are, with certificates of the site's CA",
    )
    server_name: Host | None = Field(None, description="name in the broker's certificate [default: `host`]")
    services_port: TcpPort = Field(
        SERVICES_PORT, description="port for services (booking, dashboards, tools): TLS and a password"
    )
    directory: FilePath | None = Field(
        None,
        description="folder for the broker's files, from the site file's folder on [default: the site file's "
        "name with `.broker` for `.yaml`]",
    )
    bridge: Bridge | None = Field(
        None, description="the city's central broker, where all of the site's messages go, too"
    )

    @property
    def boards_port(self) -> int:
        """Where boards connect."""
        return self.port or (TLS_PORT if self.tls else PLAIN_PORT)

    @property
    def name(self) -> str:
        """What the broker's certificate must name."""
        return self.server_name or self.host

    def folder(self, site_file: Path) -> Path:
        """Where `site apply` puts the broker's files."""
        if self.directory is None:
            return site_file.with_suffix(DIRECTORY_SUFFIX)
        return site_file.parent / self.directory


class Ntp(Model):
    host: Host = Field("pool.ntp.org", description="name or address of the time server")
    port: TcpPort = Field(123, description="UDP port of the time server")


class Wifi(Model):
    ssid: Annotated[str, StringConstraints(min_length=1, max_length=32)] = Field(
        "sportbox", description="the name that the network sends out"
    )
    password_secret: Name | None = Field(
        None,
        description="name of the secret that holds the password; the password itself is never in this file",
    )


def a_network() -> dict[str, Wifi]:
    """What a site has that describes none."""
    return {FIRST_NETWORK: Wifi()}


class Position(Model):
    latitude: Annotated[float, Field(ge=-90, le=90)] = Field(description="degrees north, WGS 84")
    longitude: Annotated[float, Field(ge=-180, le=180)] = Field(description="degrees east, WGS 84")


class HomeAssistant(Model):
    prefix: Topic = Field("homeassistant", description="discovery prefix, as set in Home Assistant")


class SensorThings(Model):
    url: Url = Field(description="the service's root, for example `https://frost.example/v1.1`")
    user: Title | None = Field(None, description="with it `secret` is this user's password, else a token")
    secret: Name | None = Field(
        None, description="name of the vault's secret: password or bearer token [default: none is sent]"
    )


class NgsiLd(Model):
    url: Url = Field(description="the context broker's root, for example `https://orion.example`")
    tenant: Annotated[str, StringConstraints(max_length=50, pattern=TENANT_PATTERN)] | None = Field(
        None, description="sent as `NGSILD-Tenant`"
    )
    secret: Name | None = Field(
        None, description="name of the vault's secret: bearer token [default: none is sent]"
    )


class Outputs(Model):
    home_assistant: HomeAssistant | None = Field(None, description="Home Assistant discovers the boards")
    sensorthings: SensorThings | None = Field(None, description="an OGC SensorThings 1.1 service")
    ngsi_ld: NgsiLd | None = Field(None, description="an NGSI-LD context broker")


class Audit(Model):
    retention_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        90, description="entries are kept this long, then removed"
    )
