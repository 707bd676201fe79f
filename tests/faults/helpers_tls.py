"""A Mosquitto with mutual TLS for boards and a plain listener for the test's own ears, and certificates: a
site's own as host_tools/site/ca.py makes them, and others that no authority of ours would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from host_tools.broker import BrokerProcess, free_port
from host_tools.sim.flash import write_files
from host_tools.sim.world import FLASH_FILE
from host_tools.site import ca
from tests.faults.helpers import SITE, Bench, Board

NAME = "broker.test"
DAY = timedelta(days=1)

TLS_CONF = """\
listener {tls_port} {host}
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
require_certificate true
use_identity_as_username true
"""


@dataclass(frozen=True)
class Server:
    """What a broker shows: its certificate, and the authorities whose boards it lets in."""

    authority: ca.Authority
    name: str = NAME
    begins: timedelta = -DAY
    ends: timedelta = 365 * DAY
    boards_of: ca.Authority | None = None

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")]))
            .issuer_name(self.authority.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + self.begins)
            .not_valid_after(now + self.ends)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self.name)]), critical=False)
        )
        certificate = builder.sign(self.authority.key, SHA256())
        boards = self.boards_of or self.authority
        (folder / "ca.pem").write_bytes(boards.certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


class TlsBroker(BrokerProcess):
    """`serves(server)` before `launch()`; boards go to `tls_port`, the test itself to `port`."""

    def __init__(self, state_dir: Path, server: Server) -> None:
        super().__init__("mosquitto", "127.0.0.1", free_port(), state_dir)
        self.tls_port = free_port()
        self.server = server

    def launch(self) -> "TlsBroker":
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._launch()
        return self

    def show(self, server: Server) -> None:
        """From now on the broker is another one, on the same ports."""
        self.server = server
        self.restart()

    @property
    def boards(self) -> tuple[str, int]:
        return self.host, self.tls_port

    def _command(self) -> list[str]:
        self.server.write(self.state_dir)
        command = super()._command()
        configuration = self.state_dir / "mosquitto.conf"
        more = TLS_CONF.format(tls_port=self.tls_port, host=self.host, folder=self.state_dir)
        configuration.write_text(configuration.read_text() + more)
        return command


def certified(
    bench: Bench,
    name: str,
    broker: tuple[str, int],
    authority: ca.Authority,
    *,
    own: bytes | bool = True,
    more: dict[str, bytes] | None = None,
    **changes: Any,
) -> Board:
    """A board with the authority's certificate and, unless `own` is false, one of its own (or that given)."""
    board = bench.add(name, broker, tls=NAME, **changes)
    key = ec.generate_private_key(ec.SECP256R1())
    files = {ca.CA_FILE: authority.certificate_der(), **(more or {})}
    if own:
        certificate = own if isinstance(own, bytes) else ca.issue(authority, key.public_key(), name)
        files |= {ca.CERTIFICATE_FILE: certificate, ca.KEY_FILE: ca.key_der(key)}
    write_files(board.sim.folder / FLASH_FILE, files)
    return board


__all__ = ["DAY", "NAME", "SITE", "Server", "TlsBroker", "certified"]
