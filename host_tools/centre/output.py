"""`centre config`: all files of a centre, each node's in a folder, ready to be copied to where it runs."""

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from host_tools.brokers.install import install, installed, owner_of
from host_tools.brokers.mosquitto import READ_AT_START, Place
from host_tools.centre import mosquitto
from host_tools.centre.keyfile import Keys
from host_tools.centre.model import Centre


@dataclass(frozen=True)
class Written:
    """A node's folder, and the names of the files that changed."""

    host: str
    folder: Path
    changed: list[str]
    then: str | None
    """What the broker needs to take them over."""


def write_all(centre: Centre, keys: Keys, out: Path, at: Path | None = None) -> list[Written]:
    """Write what differs. `at`: where the files of a node will lie when it uses them."""
    out = out.absolute()
    user = owner(out, centre.kind)
    wanted = mosquitto.files(centre, keys, Place(at or out, user), installed(out))
    changed = install(out, wanted, user)
    return [Written(centre.hosts[0], out, changed, _then(changed))]


def _then(changed: list[str]) -> str | None:
    if not changed:
        return None
    if set(changed) & READ_AT_START:
        return "start the broker, again where it runs: systemctl restart mosquitto"
    return "let the broker read them: systemctl reload mosquitto"


def owner(out: Path, kind: str) -> str:
    """As whom the broker runs: the owner of the folder, or for root the user of Debian's package."""
    if not out.exists() and os.geteuid() == 0:
        with suppress(KeyError):
            return pwd.getpwnam(kind).pw_name
    return owner_of(out, own=True)
