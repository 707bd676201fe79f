"""Joining by two files, where centre and site are not on one computer. The private key never leaves the site.

    mole.csr  from the site: its name and public key, signed with its key (PKCS 10, RFC 2986)
    mole.pem  from the centre: the bridge's certificate, then the centre's CA

Neither is secret. Who carries them compares the digest of the CA that both sides print.
"""

import re
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from host_tools.centre.keyfile import Keys
from host_tools.centre.members import Handed, admit
from host_tools.centre.model import Centre
from host_tools.errors import BadInput
from host_tools.site.base import NAME_PATTERN
from host_tools.site.ca import key_pem
from host_tools.site.openvault import Vault
from host_tools.words.system import reason

FILE_MAX_BYTES = 32_768
_NAME = re.compile(NAME_PATTERN)


def request(vault: Vault) -> bytes:
    """What a site asks with, PEM; the same key until the answer is there."""
    key = vault.bridge_key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, vault.site)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def answer(keys: Keys, centre: Centre, path: Path) -> tuple[str, bytes]:
    """The site that asked, and what it gets. BadInput when the file is no request."""
    try:
        asked = x509.load_pem_x509_csr(_read(path))
        names = [str(one.value) for one in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key = asked.public_key()
        is_right = asked.is_signature_valid and isinstance(key.curve, ec.SECP256R1)  # type: ignore[union-attr]
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        is_right, names = False, []
    if not is_right or len(names) != 1 or not _NAME.fullmatch(names[0]):
        raise BadInput(
            f"{path} is no request of a site", "at the site: sportbox centre request SITE.yaml -o F.csr"
        )
    assert isinstance(key, ec.EllipticCurvePublicKey)
    handed = admit(keys, centre, names[0], key)
    return names[0], handed.certificate + handed.ca


def accept(vault: Vault, path: Path) -> Handed:
    """Put the centre's answer into the site's vault. BadInput when it is none to this site's request."""
    hint = "at the centre: sportbox centre admit DIR F.csr -o F.pem"
    try:
        certificate, authority = x509.load_pem_x509_certificates(_read(path))
        certificate.verify_directly_issued_by(authority)
        names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key = certificate.public_key()
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise BadInput(f"{path} is no answer of a centre", hint) from None
    if names != [vault.site]:
        raise BadInput(f"{path} is not for the site `{vault.site}`", hint)
    if not vault.has_bridge_key or key != vault.bridge_key.public_key():
        raise BadInput(
            f"{path} does not answer what this site asked last",
            "ask again: sportbox centre request SITE.yaml -o F.csr",
        )
    handed = Handed(*(one.public_bytes(serialization.Encoding.PEM) for one in (certificate, authority)))
    vault.set_bridge(handed.certificate, key_pem(vault.bridge_key), handed.ca)
    return handed


def digest(pem: bytes) -> str:
    """SHA-256 of a CA's certificate, for two people to compare."""
    return x509.load_pem_x509_certificate(pem).fingerprint(SHA256()).hex()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {reason(error)}") from error
    if len(content) > FILE_MAX_BYTES:
        raise BadInput(f"{path} has more than {FILE_MAX_BYTES} bytes")
    return content
