"""The broker's certificate and the list of revoked ones: kept while they are good."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.site import ca
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_issued import certificates
from host_tools.site.models import Site
from host_tools.site.openvault import Vault

BEGIN_CRL = b"-----BEGIN X509 CRL-----"


def server_names(site: Site) -> list[str]:
    """What the certificate stands for: the name that boards check first, then the address."""
    return list(dict.fromkeys([site.broker.name, site.broker.host]))


def broker_certificate(site: Site, vault: Vault, before: bytes | None, now: datetime | None = None) -> bytes:
    """What the site's broker shows, PEM; that of `before` while it is good."""
    return server_certificate(vault.ca, vault.broker_key.public_key(), server_names(site), before, now)


def server_certificate(
    authority: ca.Authority,
    key: ec.EllipticCurvePublicKey,
    names: list[str],
    before: bytes | None,
    now: datetime | None = None,
) -> bytes:
    """PEM; the one of `before` as long as CA, key and names are the same and it has a year left."""
    now = now or datetime.now(UTC)
    if before is not None and _is_good(before, authority, key, names, now):
        return before
    return ca.certificates_pem([ca.issue_server(authority, key, names, now)])


def _is_good(
    pem: bytes, authority: ca.Authority, key: ec.EllipticCurvePublicKey, names: list[str], now: datetime
) -> bool:
    fresh = x509.load_der_x509_certificate(ca.issue_server(authority, key, names, now))
    try:
        found = x509.load_pem_x509_certificate(pem)
        found.verify_directly_issued_by(authority.certificate)
        same = found.public_key() == key and _names(found) == _names(fresh)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    ends = found.not_valid_after_utc
    lasts = ends - now > timedelta(days=ca.RENEW_DAYS) or ends == fresh.not_valid_after_utc
    return same and found.not_valid_before_utc <= now < ends and lasts


def _names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def authorities_pem(vault: Vault) -> bytes:
    """The CAs whose boards are let in: during a renewal of the CA two."""
    return ca.certificates_pem(one.certificate_der() for one in vault.authorities)


def revocation_lists(
    authorities: Sequence[ca.Authority],
    serials: Sequence[int],
    before: bytes | None,
    now: datetime | None = None,
) -> bytes:
    """PEM, one list a CA: without one of its CA a broker refuses a certificate. The lists of `before` stay
    while they are of the same CAs and serials. A new one is younger than the last by at least a second:
    of two that it has loaded, OpenSSL takes the younger, and of two equally old ones the first."""
    now = now or datetime.now(UTC)
    old = _read(before or b"")
    wanted = sorted(set(serials))
    if len(old) == len(authorities) and all(
        one.is_signature_valid(authority.key.public_key()) and revoked_in(one) == wanted
        for one, authority in zip(old, authorities, strict=True)
    ):
        return before or b""
    youngest = max((one.last_update_utc for one in old), default=now - ca.SKEW) + ca.SKEW
    moment = max(now, youngest + timedelta(seconds=1)) if old else now
    return b"".join(ca.revocation_list(authority, wanted, moment) for authority in authorities)


def _read(pem: bytes) -> list[x509.CertificateRevocationList]:
    try:
        parts = pem.split(BEGIN_CRL)[1:]
        return [x509.load_pem_x509_crl(BEGIN_CRL + part) for part in parts]
    except ValueError:
        return []


def revoked_in(found: x509.CertificateRevocationList) -> list[int]:
    return sorted(one.serial_number for one in found)


def serials_in(pem: bytes) -> set[int]:
    """All serial numbers in the lists of a file."""
    return {serial for found in _read(pem) for serial in revoked_in(found)}


def revoked_serials(site: Site, inventory: Inventory) -> dict[int, str]:
    """Serial numbers that must no longer count, with the device: what the inventory has as revoked, by serial
    or by key version, and the certificates of devices that the site file has no more."""
    found: dict[int, str] = {}
    versions: set[tuple[str, int]] = set()
    for one in inventory.revoked():
        if one.serial is not None:
            found[int(one.serial, 16)] = one.device
        if one.key_version:
            versions.add((one.device, one.key_version))
    for serial, issued in certificates(inventory).items():
        if issued.device not in site.devices or (issued.device, issued.key_version) in versions:
            found[int(serial, 16)] = issued.device
    return found
