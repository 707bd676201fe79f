"""A node's certificate and the list of void ones, PEM: kept while they are good."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from host_tools.brokers.certificates import revoked_in
from host_tools.centre.keyfile import Keys
from host_tools.site import ca


def node_certificate(keys: Keys, host: str, before: bytes | None, now: datetime | None = None) -> bytes:
    """For TLS servers; the one of `before` while CA, key and name are the same and it has a year left."""
    now = now or datetime.now(UTC)
    authority, key = keys.authority, keys.node_keys(host)[host].public_key()
    fresh = ca.issue_server(authority, key, [host], now)
    if before is not None and _is_good(before, authority, x509.load_der_x509_certificate(fresh), now):
        return before
    return ca.certificates_pem([fresh])


def _is_good(pem: bytes, authority: ca.Authority, fresh: x509.Certificate, now: datetime) -> bool:
    names = x509.SubjectAlternativeName
    try:
        found = x509.load_pem_x509_certificate(pem)
        found.verify_directly_issued_by(authority.certificate)
        there, wanted = (one.extensions.get_extension_for_class(names).value for one in (found, fresh))
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    ends = found.not_valid_after_utc
    lasts = ends - now > timedelta(days=ca.RENEW_DAYS) or ends == fresh.not_valid_after_utc
    same = found.public_key() == fresh.public_key() and there == wanted
    return same and found.not_valid_before_utc <= now and lasts


def revocation_list(keys: Keys, before: bytes | None, now: datetime | None = None) -> bytes:
    """The list of `before` while it is of this CA and has the same serial numbers. A new one is younger than
    the last: of two that it has loaded, OpenSSL takes the younger."""
    now = now or datetime.now(UTC)
    authority = keys.authority
    wanted = sorted(int(serial, 16) for serial in keys.contents.revoked)
    try:
        old = x509.load_pem_x509_crl(before) if before else None
    except ValueError:
        old = None
    if old is not None and before is not None:
        if old.is_signature_valid(authority.key.public_key()) and revoked_in(old) == wanted:
            return before
        now = max(now, old.last_update_utc + ca.SKEW + timedelta(seconds=1))
    return ca.revocation_list(authority, wanted, now)
