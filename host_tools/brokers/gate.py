"""Who must not get in at a site's broker: tried, one after the other."""

import dataclasses
import secrets
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.brokers.boards import client_context
from host_tools.brokers.users import MANAGER, PROBE
from host_tools.brokers.wire import Line, Refused, Who, service
from host_tools.site import ca
from host_tools.site.login import login_of
from host_tools.site.models import Site
from host_tools.site.openvault import Vault

LONG_AGO = timedelta(days=3)


def open_doors(site: Site, vault: Vault, revoked: Collection[int], wait_s: float) -> list[str]:
    """Whom the broker lets in and must not, a sentence each. Raises OSError when there is no broker."""
    boards, others = site.broker.boards_port, site.broker.services_port
    found = [
        f"port {boards}, for boards, lets in {what}"
        for what, who in _boards(site, vault, revoked)
        if _is_let_in(site, boards, who, wait_s)
    ]
    return found + [
        f"port {others}, for services, lets in {what}"
        for what, who in _services(site, vault)
        if _is_let_in(site, others, who, wait_s)
    ]


def _is_let_in(site: Site, port: int, who: Who, wait_s: float) -> bool:
    try:
        Line(site.broker.host, port, who, wait_s).close()
    except Refused:
        return False
    return True


def _boards(site: Site, vault: Vault, revoked: Collection[int]) -> Iterator[tuple[str, Who]]:
    trusted = [one.certificate_der() for one in vault.authorities]
    name = site.broker.server_name
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()

    def shows(certificate: bytes | None) -> Who:
        return Who(PROBE, client_context(trusted, name, certificate, key))

    yield "plain TCP", Who(PROBE)
    yield "a client without certificate", shows(None)
    stranger = ca.new_authority(site.site)
    yield "a certificate of another CA", shows(ca.issue_brief(stranger, public, PROBE))
    for authority in vault.authorities:
        past = datetime.now(UTC) - LONG_AGO
        yield "an expired certificate", shows(ca.issue_brief(authority, public, PROBE, past))
        if revoked:
            serial = max(revoked)
            listed = ca.issue_brief(authority, public, PROBE, serial=serial)
            yield f"a certificate that was revoked (serial number {serial:x})", shows(listed)


def _services(site: Site, vault: Vault) -> Iterator[tuple[str, Who]]:
    login = login_of(site, vault, MANAGER)
    wrong = dataclasses.replace(login, password=secrets.token_urlsafe(24))
    nobody = dataclasses.replace(login, user="nobody")
    yield "plain TCP", Who(PROBE)
    yield "a client without password", Who(PROBE, login.context())
    yield "a wrong password", service(wrong, PROBE)
    yield "a user that there is not", service(nobody, PROBE)
