"""Sites join a centre and leave it. The bridge's key is made at the site, and only its certificate here.

handed = admit(keys, centre, "mole", public_key)     # at the centre
vault.set_bridge(handed.certificate, key, handed.ca) # at the site
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.centre.keyfile import REVOKED_MAX, SITES_MAX, Contents, Keys, Member
from host_tools.centre.model import Centre
from host_tools.centre.topics import USERS
from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site import ca
from host_tools.site.models import Site
from host_tools.site.openvault import Vault


@dataclass(frozen=True)
class Handed:
    """What the centre gives a site, PEM."""

    certificate: bytes
    ca: bytes


def check_name(centre: Centre, site: str) -> None:
    """BadInput for a site whose name is taken: at a RabbitMQ sites and services are users of one list."""
    if site in USERS or site == centre.centre:
        raise BadInput(
            f"a site cannot join under the name `{site}`: the centre has a user of that name",
            "give the site another name in its site file",
        )


def admit(keys: Keys, centre: Centre, site: str, public_key: ec.EllipticCurvePublicKey) -> Handed:
    """A certificate for the bridge of a site; the one that it had is void from now on."""
    check_name(centre, site)
    authority = keys.authority
    der = ca.issue(authority, public_key, site)
    until = x509.load_der_x509_certificate(der).not_valid_after_utc
    member = Member(serial=ca.serial_of(der), until=f"{until:%Y-%m-%d}")

    def change(now: Contents) -> Contents:
        if len(now.members) >= SITES_MAX and site not in now.members:
            raise BadInput(f"the centre has {SITES_MAX} sites, and cannot have more")
        return now.model_copy(
            update={
                "members": {**now.members, site: member},
                "left": [one for one in now.left if one != site],
                "revoked": _with_revoked(now, site),
            }
        )

    keys.change(change)
    return Handed(ca.certificates_pem([der]), ca_pem(keys))


def dismiss(keys: Keys, site: str) -> None:
    """The site's certificate is void from now on; BadInput when it is no member."""

    def change(now: Contents) -> Contents:
        if site not in now.members:
            known = ", ".join(sorted(now.members)) or "none"
            raise BadInput(f"no site `{printable(site)}` has joined", f"those that have: {known}")
        return now.model_copy(
            update={
                "members": {name: one for name, one in now.members.items() if name != site},
                "left": [*(one for one in now.left if one != site), site][-REVOKED_MAX:],
                "revoked": _with_revoked(now, site),
            }
        )

    keys.change(change)


def _with_revoked(now: Contents, site: str) -> list[str]:
    member = now.members.get(site)
    if member is None:
        return now.revoked
    if len(now.revoked) >= REVOKED_MAX:
        raise BadInput(f"the centre's list of void certificates is full ({REVOKED_MAX})", "make a new centre")
    return [*now.revoked, member.serial]


def ca_pem(keys: Keys) -> bytes:
    return ca.certificates_pem([keys.authority.certificate_der()])


def is_joined(keys: Keys, vault: Vault, now: datetime | None = None) -> bool:
    """Whether what a site has is good for this centre, and for a year."""
    now = now or datetime.now(UTC)
    member, bridge = keys.members.get(vault.site), vault.bridge
    if member is None or bridge is None or bridge.ca != ca_pem(keys):
        return False
    try:
        found = x509.load_pem_x509_certificate(bridge.certificate)
        found.verify_directly_issued_by(keys.authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    lasts = found.not_valid_after_utc - now > timedelta(days=ca.RENEW_DAYS)
    return lasts and f"{found.serial_number:x}" == member.serial


def join(keys: Keys, centre: Centre, vault: Vault, again: bool = False) -> bool:
    """Centre and site are on one computer: the site's vault gets all that its bridge needs. False when it
    has that already. Cut off between the two files, the next one ends it."""
    if is_joined(keys, vault) and not again:
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    handed = admit(keys, centre, vault.site, key.public_key())
    vault.set_bridge(handed.certificate, ca.key_pem(key), handed.ca)
    return True


def missing_in(site: Site, centre: Centre) -> str | None:
    """What the site file should say of the centre, when it does not."""
    bridge = site.broker.bridge
    if bridge is not None and bridge.endpoints == centre.endpoints:
        return None
    others = f", others: [{', '.join(centre.hosts[1:])}]" if centre.hosts[1:] else ""
    return f"broker: {{bridge: {{host: {centre.hosts[0]}, port: {centre.port}{others}}}}}"
