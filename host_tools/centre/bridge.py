"""The part of a site's mosquitto.conf that bridges it to the city's centre; options by mosquitto.conf(5).

    text, files = bridge_conf("mole", [("centre.example", 8883)], vault.bridge, Path("/etc/mosquitto"))
    lines of LIMITS go into the general part of the same file, before the first listener

What a site does while it is cut off: events, states and answers wait in the session that the bridge has at
its own broker, in their order, and go out when the centre is back.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from host_tools.centre.topics import IN, OUT, below, link_topic

Endpoint = tuple[str, int]

KEEPALIVE_S = 20
RESTART_BASE_S = 2
RESTART_CAP_S = 30
"""Decorrelated jitter between these: a centre that comes back is not run down by all its sites at once."""

QUEUED_MESSAGES_MAX = 200_000
"""More than a day of a large site: 500 boards with 300 events and states each are 150,000."""
QUEUED_BYTES_MAX = 256 * 1024 * 1024
"""As much memory may the queue of one client take, 1.3 kB a message."""

LIMITS = {
    "max_queued_messages": str(QUEUED_MESSAGES_MAX),
    "max_queued_bytes": str(QUEUED_BYTES_MAX),
    "max_inflight_bytes": "1",
}
"""For the general part of the file: Mosquitto has these for all clients of a broker, not for a bridge alone.

When a queue is full it drops what comes. The last one keeps the order: while a bridge connects, Mosquitto
2.0 sends what just comes before all that waits for it, unless the bytes in flight are at their limit, and
these it counts with those that wait (db__ready_for_flight in its src/database.c). With 1, a message goes out
at once only if none waits for that client; the queue still goes out max_inflight_messages at a time."""

CA_FILE = "centre-ca.pem"
CERTIFICATE_FILE = "bridge.pem"
KEY_FILE = "bridge.key"


class Credentials(Protocol):
    """vault.bridge: with what a site proves itself at the centre, all PEM."""

    @property
    def certificate(self) -> bytes: ...
    @property
    def key(self) -> bytes: ...
    @property
    def ca(self) -> bytes: ...


def bridge_conf(
    site: str,
    endpoints: Sequence[Endpoint],
    credentials: Credentials,
    folder: Path,
    *,
    keepalive_s: int = KEEPALIVE_S,
    restart_s: tuple[int, int] = (RESTART_BASE_S, RESTART_CAP_S),
) -> tuple[str, dict[str, bytes]]:
    """The section of the configuration, and the files that it names, to be put into `folder` (the key with
    mode 0600). The first endpoint is the one to use, the others stand in for it.

    Mosquitto checks the centre's certificate against the host in the address and no other name."""
    addresses = " ".join(_address(host, port) for host, port in endpoints)
    lines = [
        "# Bridge to the city's centre. It is read at the start alone: after a change, restart the broker.",
        "connection centre",
        f"addresses {addresses}",
        f"remote_clientid {site}",
        f"local_clientid bridge.{site}",  # a dot: no board is called that
        "cleansession false",
        "start_type automatic",
        f"restart_timeout {restart_s[0]} {restart_s[1]}",
        f"keepalive_interval {keepalive_s}",
        "bridge_protocol_version mqttv311",
        "# RabbitMQ refuses the bit that tells a bridge from other clients, and nothing here needs it.",
        "try_private false",
        "bridge_attempt_unsubscribe false",
        "notifications true",
        f"notification_topic {link_topic(site)}",
        f"bridge_cafile {folder / CA_FILE}",
        f"bridge_certfile {folder / CERTIFICATE_FILE}",
        f"bridge_keyfile {folder / KEY_FILE}",
    ]
    for direction, patterns in (("out", OUT), ("in", IN)):
        topics = zip(below(site, patterns), patterns.values(), strict=True)
        lines += [f"topic {topic} {direction} {qos}" for topic, qos in topics]
    files = {
        CA_FILE: credentials.ca,
        CERTIFICATE_FILE: credentials.certificate,
        KEY_FILE: credentials.key,
    }
    return "\n".join(lines) + "\n", files


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
