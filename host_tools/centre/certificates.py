"""A node's certificate and the list of void ones, PEM: kept while they are good."""

from host_tools.brokers.certificates import revocation_lists, server_certificate
from host_tools.centre.keyfile import Keys


def node_certificate(keys: Keys, host: str, before: bytes | None) -> bytes:
    """For TLS servers."""
    return server_certificate(keys.authority, keys.node_keys(host)[host].public_key(), [host], before)


def revocation_list(keys: Keys, before: bytes | None) -> bytes:
    serials = [int(serial, 16) for serial in keys.contents.revoked]
    return revocation_lists([keys.authority], serials, before)
