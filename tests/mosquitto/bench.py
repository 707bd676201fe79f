"""A site with a vault, and its own Mosquitto with TLS; clients of every kind, for tests."""

import contextlib
import shutil
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.broker import find_mosquitto, free_port
from host_tools.brokers.boards import client_context
from host_tools.brokers.certificates import revoked_serials
from host_tools.brokers.foreground import SiteBroker, start
from host_tools.brokers.wire import Line, Message, Refused, Who, service
from host_tools.site import ca
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_issued import Issued, note_certificate
from host_tools.site.load import load_site
from host_tools.site.login import login_of
from host_tools.site.models import Site
from tests.run_dirs import RUNS
from tests.vaults import cheap_vault

SITE = """\
version: 1
site: {name}
broker: {{host: 127.0.0.1, port: {port}, tls: true, services_port: {services}}}
devices:
  box-1: {{board: box-esp32s3, components: {{lock-1: {{}}, door-1: {{}}}}}}
  court-1: {{board: field-esp32c3, components: {{court-1: {{}}}}}}
"""


class Pass:
    """A certificate and its key, as a board has them."""

    def __init__(
        self,
        authority: ca.Authority,
        name: str,
        now: datetime | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        self.name = name
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = ca.issue(authority, self.key.public_key(), name, now)

    @property
    def serial(self) -> str:
        return ca.serial_of(self.certificate)


class Bench:
    def __init__(self, folder: Path, name: str = "mole") -> None:
        self.file = folder / f"{name}.yaml"
        self.file.write_text(SITE.format(name=name, port=free_port(), services=free_port()))
        self.vault = cheap_vault(self.file)
        self.inventory = Inventory.open(self.file)
        self.directory = folder / f"{name}.broker"
        self.lines: list[Line] = []
        self.broker: SiteBroker | None = None

    @property
    def site(self) -> Site:
        return load_site(self.file)

    @property
    def base(self) -> str:
        return f"sportbox/v1/{self.site.site}"

    def start(self) -> SiteBroker:
        self.broker = start(self.site, self.vault, self.directory, revoked_serials(self.site, self.inventory))
        return self.broker

    def close(self) -> None:
        for line in self.lines:
            line.vanish()
        if self.broker is not None:
            self.broker.stop()

    def issued(self, name: str, version: int = 1) -> Pass:
        """As for a board that was provisioned."""
        made = Pass(self.vault.ca, name)
        note_certificate(self.inventory, made.serial, Issued(name, version, 1, "x", made.certificate))
        return made

    def context(self, with_: Pass | None = None) -> ssl.SSLContext:
        trusted = [one.certificate_der() for one in self.vault.authorities]
        return client_context(trusted, None, *((with_.certificate, with_.key) if with_ else (None, None)))

    def board(self, with_: Pass | None, client_id: str | None = None, will: Message | None = None) -> Line:
        """A connection to the port for boards; Refused when the broker does not want it."""
        name = with_.name if with_ else "box-1"
        who = Who(client_id or f"{self.site.site}-{name}", self.context(with_), will=will)
        return self._keep(Line("127.0.0.1", self.site.broker.boards_port, who))

    def service(self, user: str, client_id: str | None = None, will: Message | None = None) -> Line:
        login = login_of(self.site, self.vault, user)
        who = service(login, client_id or f".test-{user}", will)
        return self._keep(Line("127.0.0.1", self.site.broker.services_port, who))

    def refused(self, with_: Pass | None) -> str | None:
        """Why the broker does not let a board in; None when it does."""
        try:
            self.board(with_).close()
        except Refused as error:
            return str(error)
        return None

    def _keep(self, line: Line) -> Line:
        self.lines.append(line)
        return line


@contextlib.contextmanager
def bench(name: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """With a broker that runs. Its folder stays behind when a test failed."""
    if find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto mosquitto-clients")
    folder = RUNS / f"mosquitto-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failed_before = request.session.testsfailed
    made = Bench(folder)
    try:
        made.start()
        yield made
    finally:
        made.close()
    if request.session.testsfailed == failed_before:
        shutil.rmtree(folder, ignore_errors=True)
