"""The files of a centre that is a Mosquitto: configuration, rights, certificates, passwords.

Sites and services have a port each. A bridge's name and client id are those in its certificate, so no site
takes another's place. Options are those of mosquitto.conf(5), version 2.0.
"""

from collections.abc import Mapping

from host_tools.brokers import passwords
from host_tools.brokers.mosquitto import (
    AUTHORITIES,
    CERTIFICATE,
    CONF,
    KEY,
    PASSWORDS,
    PRIVATE,
    REVOKED,
    SERVICE_CONNECTIONS,
    SERVICES_ACL,
    File,
    Place,
    general,
    is_loopback,
    tls_of,
)
from host_tools.centre.certificates import node_certificate, revocation_list
from host_tools.centre.keyfile import SITES_MAX, Keys
from host_tools.centre.members import ca_pem
from host_tools.centre.model import Centre
from host_tools.centre.topics import SITE_READS, SITE_WRITES, USERS, below
from host_tools.site.ca import key_pem

BRIDGES_ACL = "bridges.acl"
ANY_SITE = "+"


def files(centre: Centre, keys: Keys, place: Place, before: Mapping[str, bytes]) -> dict[str, File]:
    """All files by name. What is good in those of `before` stays: made again, nothing changes."""
    host = centre.hosts[0]
    words = passwords.password_file(keys.passwords(*USERS), before.get(PASSWORDS, b""))
    return {
        BRIDGES_ACL: File(bridges_acl(list(keys.members)).encode()),
        SERVICES_ACL: File(services_acl().encode()),
        PASSWORDS: File(words, PRIVATE),
        AUTHORITIES: File(ca_pem(keys)),
        REVOKED: File(revocation_list(keys, before.get(REVOKED))),
        CERTIFICATE: File(node_certificate(keys, host, before.get(CERTIFICATE))),
        KEY: File(key_pem(keys.node_keys(host)[host]), PRIVATE),
        CONF: File(configuration(centre, place).encode()),
    }


def bridges_acl(sites: list[str]) -> str:
    """A block a site. Who has left has none, and so no rights."""
    return _blocks({site: (below(site, SITE_WRITES), below(site, SITE_READS)) for site in sites})


def services_acl() -> str:
    return _blocks(
        {user: (below(ANY_SITE, writes), below(ANY_SITE, reads)) for user, (writes, reads) in USERS.items()}
    )


def _blocks(rights: Mapping[str, tuple[list[str], list[str]]]) -> str:
    lines = ["# Written by `sportbox centre config`: what is changed here is overwritten."]
    for user, (writes, reads) in rights.items():
        lines += ["", f"user {user}", *(f"topic write {one}" for one in writes)]
        lines += [f"topic read {one}" for one in reads]
    return "\n".join(lines) + "\n"


def configuration(centre: Centre, place: Place) -> str:
    at, host = place.directory, centre.hosts[0]
    bind = f" {host}" if is_loopback(host) else ""
    tls = tls_of(at)
    lines = [
        f"# Written by `sportbox centre config` for `{centre.centre}`: what is changed here is overwritten.",
        *general(place),
        "",
        "# Bridges of sites: the name in the certificate is the site, user and client id.",
        f"listener {centre.port}{bind}",
        *tls,
        f"crlfile {at / REVOKED}",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        f"acl_file {at / BRIDGES_ACL}",
        f"max_connections {2 * SITES_MAX}",
        "",
        "# Services: user and password.",
        f"listener {centre.services_port}{bind}",
        *tls,
        f"password_file {at / PASSWORDS}",
        f"acl_file {at / SERVICES_ACL}",
        f"max_connections {SERVICE_CONNECTIONS}",
    ]
    return "\n".join(lines) + "\n"
