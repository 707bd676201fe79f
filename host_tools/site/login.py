"""How this project's tools, and a site's other services, get in at its broker."""

from host_tools.mqtt import Address, Login
from host_tools.site.models import Site
from host_tools.site.openvault import Vault

MANAGER = "manager"


def login_of(site: Site, vault: Vault, user: str = MANAGER) -> Login:
    """The password of the service, and what it must find at the broker. While the CA is renewed, a broker of
    either is the right one."""
    authorities = tuple(authority.certificate_der() for authority in vault.authorities)
    return Login(user, vault.password(user), authorities, site.broker.server_name)


def services_address(site: Site, vault: Vault, user: str = MANAGER) -> Address:
    """Where a service connects, and how; plain where the site has no TLS."""
    if not site.broker.tls:
        return Address(site.broker.host, site.broker.boards_port)
    return Address(site.broker.host, site.broker.services_port, login_of(site, vault, user))
