"""Connecting as a board would: to try the broker, and to put a board out of it."""

import secrets
import ssl
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from host_tools.brokers.wire import Line, Message, Refused, Silent, Who
from host_tools.errors import Unreachable
from host_tools.mqtt import Login
from host_tools.site.ca import Authority, certificates_pem, issue_brief
from host_tools.site.models import Site
from host_tools.site.openvault import Vault


def client_context(
    trusted: Iterable[bytes],
    server_name: str | None = None,
    certificate: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> ssl.SSLContext:
    """Trusts the CAs and shows the certificate, if there is one (both DER). Python's ssl takes keys of files
    alone: this one is encrypted for the moment that it lies there."""
    context = Login("", "", tuple(trusted), server_name).context()
    if certificate is None or key is None:
        return context
    password = secrets.token_bytes(24).hex().encode()
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
    with tempfile.TemporaryDirectory(prefix="sportbox-") as folder:
        path = Path(folder) / "client.pem"
        path.write_bytes(certificates_pem([certificate]) + sealed)
        context.load_cert_chain(path, password=password)
    return context


def as_board(
    site: Site, vault: Vault, name: str, will: Message | None = None, signer: Authority | None = None
) -> Who:
    """A board of this name, with a key that was made for it just now. Its will waits for nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_brief(signer or vault.ca, key.public_key(), name)
    trusted = [one.certificate_der() for one in vault.authorities]
    context = client_context(trusted, site.broker.server_name, certificate, key)
    return Who(f"{site.site}-{name}", context, will=will, will_qos=0)


def put_out(site: Site, vault: Vault, names: Sequence[str]) -> None:
    """End the connections of these boards: Mosquitto looks at a certificate when a client connects, and never
    again. The name in the certificate is the client id, and a second client of the same id ends the first
    (MQTT 3.1.1, 3.1.4-2). Raises Unreachable."""
    for name in dict.fromkeys(names):
        try:
            Line(site.broker.host, site.broker.boards_port, as_board(site, vault, name)).close()
        except (Refused, Silent, OSError) as error:
            raise Unreachable(
                f"{name} could not be put out of the broker: {error}",
                "sportbox site apply SITE.yaml, once more",
            ) from error
