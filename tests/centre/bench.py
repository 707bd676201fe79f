"""A city's centre and a site that has joined it, each with its own Mosquitto, for tests."""

import contextlib
import dataclasses
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess, find_mosquitto, free_port
from host_tools.brokers import running
from host_tools.brokers.boards import client_context
from host_tools.brokers.mosquitto import CONF
from host_tools.brokers.wire import Line, Refused, Silent, Who, service
from host_tools.centre.keyfile import Keys, new_keys, source_of
from host_tools.centre.members import admit, join
from host_tools.centre.model import FILE, Centre, checked, text_of
from host_tools.centre.output import write_all
from host_tools.mqtt import Address, Login
from tests.mosquitto.bench import Bench, Pass
from tests.run_dirs import RUNS
from tests.vaults import passphrase_file

BRIDGE_S = 60.0
"""A bridge tries again after 2 to 30 s, the longer the longer it was cut off."""


def new_centre(folder: Path, kind: str, hosts: list[str]) -> tuple[Centre, Keys]:
    """A centre in a folder, on free ports, whose key file opens in a moment."""
    folder.mkdir(parents=True)
    ports = {"port": free_port(), "services_port": free_port(), "cluster_port": free_port()}
    made = checked({"version": 1, "centre": "city", "kind": kind, "hosts": hosts, **ports})
    (folder / FILE).write_text(text_of(made))
    return made, new_keys(folder, made, source_of(passphrase_file(folder)), n=16)


def login(centre: Centre, keys: Keys, user: str) -> Login:
    return Login(user, keys.passwords(user)[user], (keys.authority.certificate_der(),))


def bridge_line(
    centre: Centre, keys: Keys, with_: Pass | None, client_id: str, host: str = "", lasting: bool = False
) -> Line:
    """Somebody at the port for bridges; Refused when the centre does not want it."""
    certificate = (with_.certificate, with_.key) if with_ else (None, None)
    context = client_context([keys.authority.certificate_der()], None, *certificate)
    return Line(host or centre.hosts[0], centre.port, Who(client_id, context, lasting=lasting))


def joined(centre: Centre, keys: Keys, name: str) -> Pass:
    """A site that has joined, and only that: what its bridge has."""
    made = Pass(keys.authority, name)
    handed = admit(keys, centre, name, made.key.public_key())
    made.certificate = ssl.PEM_cert_to_DER_cert(handed.certificate.decode())
    return made


class CentreMosquitto(BrokerProcess):
    """A centre's Mosquitto with the files of `centre config`."""

    def __init__(self, centre: Centre, keys: Keys, folder: Path) -> None:
        super().__init__("mosquitto", centre.hosts[0], centre.port, folder)
        self.centre, self.keys = centre, keys
        self.services = Address(self.host, centre.services_port, login(centre, keys, "dashboard"))

    def launch(self) -> "CentreMosquitto":
        self.state_dir.mkdir(exist_ok=True)
        self.configure()
        self._launch()
        return self

    def configure(self) -> None:
        write_all(self.centre, self.keys, self.state_dir)

    def _command(self) -> list[str]:
        return [str(find_mosquitto()), "-c", str(self.state_dir / CONF)]

    def _answers(self, deadline: float) -> bool:
        assert self.services.login is not None
        try:
            with Line(self.host, self.services.port, service(self.services.login, ".ready"), 2.0):
                return True
        except (Refused, Silent, OSError):
            return False


class BridgedSite(Bench):
    """A site whose file names the centre, and that has joined it."""

    def __init__(self, folder: Path, name: str, centre: Centre, keys: Keys) -> None:
        super().__init__(folder, name)
        others = f", others: [{', '.join(centre.hosts[1:])}]" if centre.hosts[1:] else ""
        bridge = f"bridge: {{host: {centre.hosts[0]}, port: {centre.port}{others}}}"
        self.file.write_text(self.file.read_text().replace("tls: true,", f"tls: true, {bridge},"))
        join(keys, centre, self.vault)
        self.link = f"sportbox/v1/{name}/bridge"

    def restart(self) -> None:
        assert self.broker is not None
        self.broker.restart()


class City:
    """A centre, and lines of its services."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre, self.keys = new_centre(folder / "city", "mosquitto", ["127.0.0.1"])
        self.broker = CentreMosquitto(self.centre, self.keys, folder / "broker")
        self.sites: list[BridgedSite] = []
        self.lines: list[Line] = []

    def service(self, user: str, client_id: str | None = None, lasting: bool = False) -> Line:
        who = service(login(self.centre, self.keys, user), client_id or f"test-{user}")
        who = dataclasses.replace(who, lasting=lasting)
        self.lines.append(Line("127.0.0.1", self.centre.services_port, who, BRIDGE_S))
        return self.lines[-1]

    def bridge(self, name: str) -> Line:
        """A bridge of a site that has joined, without a site."""
        made = Pass(self.keys.authority, name)
        self.lines.append(bridge_line(self.centre, self.keys, made, name))
        return self.lines[-1]

    def join(self, name: str) -> Pass:
        """A site without a broker."""
        return joined(self.centre, self.keys, name)

    def bridged(self, name: str) -> BridgedSite:
        """A site with a broker that does not run yet."""
        self.sites.append(BridgedSite(self.folder, name, self.centre, self.keys))
        return self.sites[-1]

    def reload(self) -> None:
        """The broker has read its new files when this returns. It notices the signal only when somebody
        connects, and lets the first to come in by the old list."""
        self.broker.configure()
        running.reload(self.broker.state_dir, self.broker.services)

    def wait_for(self, site: BridgedSite, state: bytes) -> None:
        """Until the centre tells that the site is connected, or that it is not."""
        with self.service("dashboard", "test-link") as line:
            line.subscribe(site.link)
            line.until(lambda: [one.payload for one in line.got if one.topic == site.link][-1:] == [state])

    def close(self) -> None:
        for line in self.lines:
            line.vanish()
        for site in self.sites:
            site.close()
        self.broker.stop()


@contextlib.contextmanager
def folder_for(name: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Stays behind when a test failed."""
    if find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto mosquitto-clients")
    folder = RUNS / f"centre-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failed_before = request.session.testsfailed
    yield folder
    if request.session.testsfailed == failed_before:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def city(name: str, request: pytest.FixtureRequest) -> Iterator[City]:
    """With a running Mosquitto as its centre."""
    with folder_for(name, request) as folder:
        made = City(folder)
        try:
            made.broker.launch()
            yield made
        finally:
            made.close()


def payloads(line: Line, topic: str) -> list[bytes]:
    return [one.payload for one in line.got if one.topic == topic]
