"""A site's certificate authority, and what a board gets from it.

    files = board_files(site, "box-1", vault, certificate_on_the_board_or_None)

A board's private key is derived from the master secret, so it is stored on the board alone, and the next
version is another key. Certificates follow RFC 5280; all that MicroPython loads is DER.
"""

import contextlib
import ipaddress
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from host_tools.site.keys import SALT
from host_tools.site.models import Site
from host_tools.site.resolve import device_config, device_of, device_secrets

if TYPE_CHECKING:
    from host_tools.site.vault import Vault

CONFIG_FILE = "/config.json"
SECRETS_FILE = "/secrets.json"
CA_FILE = "/certs/ca.der"
NEXT_CA_FILE = "/certs/ca-next.der"
"""The other CA that the board trusts while the CA is renewed."""
CERTIFICATE_FILE = "/certs/device.der"
KEY_FILE = "/certs/device.key"

CA_YEARS = 20
DEVICE_YEARS = 10
SERVER_YEARS = 5
RENEW_DAYS = 365
"""A certificate that ends within this time is renewed at the next visit."""
SKEW = timedelta(days=1)
"""Valid from yesterday on: laptops and boards do not agree on the time."""
YEAR = timedelta(days=365)
BRIEF = timedelta(hours=1)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of the curve P-256 (NIST SP 800-186, 3.2.1.3)."""
SEED_BYTES = 48


@dataclass(frozen=True, repr=False)
class Authority:
    """Key and self-signed certificate of a site."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def key_der(self) -> bytes:
        return key_der(self.key)

    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def new_authority(site: str, now: datetime | None = None) -> Authority:
    """A new EC P-256 key, and the certificate with which it vouches for itself."""
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"sportbox {site}", site)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + CA_YEARS * YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
    )
    return Authority(key, builder.sign(key, SHA256()))


def device_private_key(master: bytes, site: str, device: str, version: int) -> ec.EllipticCurvePrivateKey:
    """The board's key for TLS: 384 bits of HKDF-SHA256 reduced to 1 .. n-1, as FIPS 186-5, A.2.1 does with
    random bits. These are 128 bits more than n has, so the numbers are equally likely but for 2^-128."""
    info = f"{site}/{device}/tls/{version}".encode()
    seed = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=SALT, info=info).derive(master)
    return ec.derive_private_key(int.from_bytes(seed, "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())


def issue(
    authority: Authority, public_key: ec.EllipticCurvePublicKey, device: str, now: datetime | None = None
) -> bytes:
    """The certificate of a board, DER: for TLS clients."""
    names = [x509.DNSName(device)]
    return _issue(
        authority, public_key, device, names, ExtendedKeyUsageOID.CLIENT_AUTH, DEVICE_YEARS * YEAR, now
    )


def issue_brief(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    name: str,
    now: datetime | None = None,
    serial: int | None = None,
) -> bytes:
    """As `issue`, but for an hour: to try the broker, or to put a board out of it; kept nowhere. With the
    `serial` number of a revoked one a broker must refuse it."""
    names = [x509.DNSName(name)]
    return _issue(authority, public_key, name, names, ExtendedKeyUsageOID.CLIENT_AUTH, BRIEF, now, serial)


def issue_server(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    names: list[str],
    now: datetime | None = None,
) -> bytes:
    """The certificate of a broker, DER: for TLS servers. The `names` are host names and IP addresses."""
    server = ExtendedKeyUsageOID.SERVER_AUTH
    return _issue(authority, public_key, names[0], _alternative(names), server, SERVER_YEARS * YEAR, now)


def _alternative(names: list[str]) -> list[x509.GeneralName]:
    """RFC 5280, 4.2.1.6: an address is no DNS name. Older mbed TLS compares what it is given with DNS names
    alone, so an IPv4 address is there as both."""
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        if ":" not in name:
            found.append(x509.DNSName(name))
        with contextlib.suppress(ValueError):
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
    return found


def _issue(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    common: str,
    names: Sequence[x509.GeneralName],
    usage: x509.ObjectIdentifier,
    lasts: timedelta,
    now: datetime | None,
    serial: int | None = None,
) -> bytes:
    """Not beyond the authority's own end. The serial number has 159 random bits (RFC 5280, 4.1.2.2 allows 20
    bytes)."""
    now = now or datetime.now(UTC)
    site = authority.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    issuer = authority.key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common, str(site)))
        .issuer_name(authority.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(min(now + lasts, authority.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )
    return builder.sign(authority.key, SHA256()).public_bytes(serialization.Encoding.DER)


def revocation_list(authority: Authority, serials: list[int], now: datetime | None = None) -> bytes:
    """The certificates of this authority that must no longer count, PEM (RFC 5280, 5). It holds as
    long as the authority itself: a broker refuses everybody once its list is out of date."""
    now = now or datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - SKEW)
        .next_update(max(authority.certificate.not_valid_after_utc, now + YEAR))
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
    )
    for serial in sorted(set(serials)):
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - SKEW)
        builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(authority.key, SHA256()).public_bytes(serialization.Encoding.PEM)


def certificates_pem(certificates: Iterable[bytes]) -> bytes:
    """DER certificates as one PEM file: those that a broker trusts, or its own."""
    loaded = (x509.load_der_x509_certificate(der) for der in certificates)
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in loaded)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """SEC 1, not encrypted: for the broker's own file, mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def is_good(
    certificate: bytes,
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    device: str,
    now: datetime | None = None,
) -> bool:
    """Whether a certificate that is on a board can stay: of this CA, key and board, and not about to end."""
    now = now or datetime.now(UTC)
    try:
        found = x509.load_der_x509_certificate(certificate)
        found.verify_directly_issued_by(authority.certificate)
        if found.public_key() != public_key:
            return False
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        other = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    ends, limit = found.not_valid_after_utc, authority.certificate.not_valid_after_utc
    return (
        [name.value for name in names] == [device]
        and other.get_values_for_type(x509.DNSName) == [device]
        and list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        and found.not_valid_before_utc <= now < ends
        and (ends - now > timedelta(days=RENEW_DAYS) or ends == limit)  # a new one would end with the CA, too
    )


def board_files(
    site: Site, device: str, vault: "Vault", certificate: bytes | None = None
) -> dict[str, bytes]:
    """What makes a board `device`, by path on the board. The `certificate` that is on it is kept if it
    is still good; all else depends on site file and vault alone. So a second time the files are the same."""
    version = device_of(site, device).key_version
    key = device_private_key(vault.master, site.site, device, version)
    if certificate is None or not is_good(certificate, vault.ca, key.public_key(), device):
        certificate = issue(vault.ca, key.public_key(), device)
    files = {
        CONFIG_FILE: _json(device_config(site, device)),
        SECRETS_FILE: _json(device_secrets(site, device, vault.masters, vault.wifi_password(site, device))),
        CA_FILE: vault.ca.certificate_der(),
        CERTIFICATE_FILE: certificate,
        KEY_FILE: key_der(key),
    }
    for other in vault.authorities[1:]:
        files[NEXT_CA_FILE] = other.certificate_der()
    return files


def serial_of(certificate: bytes) -> str:
    """The serial number as hex digits, which names a certificate in the inventory and at the broker."""
    return f"{x509.load_der_x509_certificate(certificate).serial_number:x}"


def key_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """SEC 1 (RFC 5915), not encrypted: for the board and for the vault's contents alone."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _name(common: str, site: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
