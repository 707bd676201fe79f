"""`centre config`: all files of a centre, each node's in a folder, ready to be copied to where it runs."""

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from host_tools.brokers.install import install, installed, owner_of
from host_tools.brokers.mosquitto import READ_AT_START, Place
from host_tools.centre import mosquitto, rabbitmq
from host_tools.centre.keyfile import Keys
from host_tools.centre.model import Centre

RABBITMQ_AT_ONCE = (rabbitmq.DEFINITIONS, rabbitmq.LIST_SUFFIX)
"""What a RabbitMQ takes over while it runs; for all else it is started again."""


@dataclass(frozen=True)
class Written:
    """A node's folder, the names of the files that changed, and what the broker needs to take them over."""

    host: str
    folder: Path
    changed: list[str]
    then: list[str]


def write_all(centre: Centre, keys: Keys, out: Path, at: Path | None = None) -> list[Written]:
    """Write what differs. `at`: where the files of a node will lie when it uses them. A RabbitMQ has a folder
    for each node, by its host."""
    out = out.absolute()
    user = owner(out, centre.kind)
    if centre.kind == "mosquitto":
        wanted = mosquitto.files(centre, keys, Place(at or out, user), installed(out))
        changed = install(out, wanted, user)
        return [Written(centre.hosts[0], out, changed, _then_mosquitto(changed, at or out))]
    found = []
    for host in centre.hosts:
        folder = out / host
        wanted = rabbitmq.files(centre, keys, host, Place(at or folder, user).directory, installed(folder))
        changed = install(folder, wanted, user)
        found.append(Written(host, folder, changed, _then_rabbitmq(changed, at or folder)))
    return found


def _then_mosquitto(changed: list[str], at: Path) -> list[str]:
    """The unit is that of docs/broker.md."""
    if not changed:
        return []
    do = "restart" if set(changed) & READ_AT_START else "reload"
    return [f"systemctl {do} sportbox-broker@{at.name}"]


def _then_rabbitmq(changed: list[str], at: Path) -> list[str]:
    if any(not name.endswith(RABBITMQ_AT_ONCE) for name in changed):
        return ["systemctl restart rabbitmq-server, one node after the other"]
    if rabbitmq.DEFINITIONS in changed:
        return [f"rabbitmqctl import_definitions {at / rabbitmq.DEFINITIONS}, on one of the nodes"]
    return []


def owner(out: Path, kind: str) -> str:
    """As whom the broker runs: the owner of the folder, or for root the user of Debian's package."""
    if not out.exists() and os.geteuid() == 0:
        with suppress(KeyError):
            return pwd.getpwnam(kind).pw_name
    return owner_of(out, own=True)
