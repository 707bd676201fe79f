"""What a site's Mosquitto is given: all files of its directory, from site file, vault and inventory.

    wanted = files(site, vault, revoked, Place(directory, user), installed(directory))
    install(directory, wanted)

Options are those of mosquitto.conf(5), version 2.0. docs/broker.md says what each is for.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from host_tools.brokers import acl, certificates, passwords
from host_tools.brokers.users import services
from host_tools.centre.bridge import CA_FILE, CERTIFICATE_FILE, KEY_FILE, LIMITS, bridge_conf
from host_tools.errors import BadInput
from host_tools.site.ca import key_pem
from host_tools.site.models import Site
from host_tools.site.openvault import Vault
from host_tools.site.sections import Broker

CONF = "mosquitto.conf"
BOARDS_ACL = "boards.acl"
SERVICES_ACL = "services.acl"
PASSWORDS = "passwords"
AUTHORITIES = "ca.pem"
REVOKED = "revoked.pem"
CERTIFICATE = "broker.pem"
KEY = "broker.key"
PID = "mosquitto.pid"
DATA = "data"

PUBLIC = 0o644
PRIVATE = 0o600

PACKET_BYTES = 65_536
"""A client that sends more is put out. With message_size_limit it would get a PUBACK for what is dropped."""
INFLIGHT_MESSAGES = 1_000
MEMORY_BYTES = 1_024 * 1_024 * 1_024
"""Past this a publish is not acknowledged, so a board keeps its event."""
BOARD_CONNECTIONS = 4_000
SERVICE_CONNECTIONS = 1_000
AUTOSAVE_S = 60
"""A broker whose power fails loses at most this much of what waits for services that are away."""
SESSION_DAYS = 30

READ_AT_START = frozenset({CONF, AUTHORITIES, CA_FILE, CERTIFICATE_FILE, KEY_FILE})
"""Files that Mosquitto does not read again on SIGHUP, or not for those who are connected
(tests/mosquitto/test_reload.py)."""


@dataclass(frozen=True)
class File:
    content: bytes = field(repr=False)
    mode: int = PUBLIC


@dataclass(frozen=True)
class Place:
    """Where the files will lie on the broker's machine, and as whom it runs there."""

    directory: Path
    user: str

    def __post_init__(self) -> None:
        text = str(self.directory)
        if not self.directory.is_absolute() or text != text.strip() or not text.isprintable():
            raise BadInput(
                f"{text!r} cannot be the directory of a broker", "an absolute path without control characters"
            )


def files(
    site: Site,
    vault: Vault,
    revoked: Iterable[int],
    place: Place,
    before: Mapping[str, bytes] | None = None,
) -> dict[str, File]:
    """All files by name. What is good in those of `before` (certificate, password hashes, lists of revoked
    certificates) stays, so that making them again changes nothing. BadInput for another kind of broker."""
    check_kind(site.broker)
    before = before or {}
    words = passwords.password_file(vault.passwords(*services(site)), before.get(PASSWORDS, b""))
    section, bridging = _bridge(site, vault, place)
    return {
        **bridging,
        BOARDS_ACL: File(acl.boards_acl(site).encode()),
        SERVICES_ACL: File(acl.services_acl(site).encode()),
        PASSWORDS: File(words, PRIVATE),
        AUTHORITIES: File(certificates.authorities_pem(vault)),
        REVOKED: File(certificates.revocation_lists(vault.authorities, list(revoked), before.get(REVOKED))),
        CERTIFICATE: File(certificates.broker_certificate(site, vault, before.get(CERTIFICATE))),
        KEY: File(key_pem(vault.broker_key), PRIVATE),
        CONF: File((configuration(site, place) + section).encode()),
    }


def _bridge(site: Site, vault: Vault, place: Place) -> tuple[str, dict[str, File]]:
    """The section of the configuration and the files of the bridge to the city's centre, if there is one and
    the site has joined it."""
    to, credentials = site.broker.bridge, vault.bridge
    if to is None or credentials is None:
        return "", {}
    text, made = bridge_conf(site.site, to.endpoints, credentials, place.directory)
    return "\n" + text, {
        name: File(content, PRIVATE if name == KEY_FILE else PUBLIC) for name, content in made.items()
    }


def check_kind(broker: Broker) -> None:
    """BadInput unless it is a Mosquitto with TLS."""
    if broker.kind != "mosquitto":
        raise BadInput(
            f"the site's broker is of kind `{broker.kind}`", "broker: {kind: mosquitto, tls: true}"
        )
    if not broker.tls:
        raise BadInput(
            "the site's broker has no TLS, and is not set up from here",
            "broker: {tls: true}; boards need their certificates (sportbox provision)",
        )


def tls_of(directory: Path) -> list[str]:
    """What a listener shows, and whom it trusts; nobody gets in unknown."""
    return [
        f"cafile {directory / AUTHORITIES}",
        f"certfile {directory / CERTIFICATE}",
        f"keyfile {directory / KEY}",
        "tls_version tlsv1.2",
        "allow_anonymous false",
    ]


def general(place: Place) -> list[str]:
    """What holds for all listeners, of a site's broker and of a city's."""
    at = place.directory
    return [
        "per_listener_settings true",
        f"user {place.user}",
        f"pid_file {at / PID}",
        "",
        "# Retained messages and the sessions of services live through a restart.",
        "persistence true",
        f"persistence_location {at / DATA}/",
        f"autosave_interval {AUTOSAVE_S}",
        f"persistent_client_expiration {SESSION_DAYS}d",
        "retain_available true",
        "check_retain_source true",
        "",
        f"max_packet_size {PACKET_BYTES}",
        f"max_inflight_messages {INFLIGHT_MESSAGES}",
        *(f"{name} {value}" for name, value in LIMITS.items()),
        f"memory_limit {MEMORY_BYTES}",
        "set_tcp_nodelay true",
        "sys_interval 60",
        "",
        "# Who comes and goes, never what is said.",
        "log_dest stderr",
        *(f"log_type {kind}" for kind in ("error", "warning", "notice")),
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]


def configuration(site: Site, place: Place) -> str:
    at = place.directory
    bind = f" {site.broker.host}" if is_loopback(site.broker.host) else ""
    tls = tls_of(at)
    lines = [
        _first_line(site),
        *general(place),
        "",
        "# Boards: the name in the certificate is user and client id: no board takes another's place.",
        f"listener {site.broker.boards_port}{bind}",
        *tls,
        f"crlfile {at / REVOKED}",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        f"acl_file {at / BOARDS_ACL}",
        f"max_connections {BOARD_CONNECTIONS}",
        "",
        "# Services: user and password.",
        f"listener {site.broker.services_port}{bind}",
        *tls,
        f"password_file {at / PASSWORDS}",
        f"acl_file {at / SERVICES_ACL}",
        f"max_connections {SERVICE_CONNECTIONS}",
    ]
    return "\n".join(lines) + "\n"


def _first_line(site: Site) -> str:
    return f"# Written by `sportbox site apply` of `{site.site}`: what is changed here is overwritten."


def is_of(site: Site, conf: bytes) -> bool:
    """Whether a configuration is this site's."""
    return conf.startswith(_first_line(site).encode())


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
