"""What a service of a city needs at a site's broker, as one object for its own configuration."""

from typing import Any

from host_tools.brokers.users import services
from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site.ca import certificates_pem
from host_tools.site.explain import meant
from host_tools.site.login import services_address
from host_tools.site.models import Site
from host_tools.site.openvault import Vault

Json = dict[str, Any]


def access_of(site: Site, vault: Vault, service: str) -> Json:
    """With the password. `server_name` is what the broker's certificate must name, `publish` and `subscribe`
    are the topics that it may use. BadInput for an unknown service."""
    rights = services(site)
    if service not in rights:
        guess = meant(service, list(rights))
        raise BadInput(f"there is no service `{printable(service)}`{guess}", f"one of {', '.join(rights)}")
    address = services_address(site, vault, service)
    login = address.login
    return {
        "site": site.site,
        "service": service,
        "url": str(address),
        "host": address.host,
        "port": address.port,
        "user": login.user if login else None,
        "password": login.password if login else None,
        "server_name": (login.server_name or address.host) if login else None,
        "ca": certificates_pem(login.authorities).decode() if login else None,
        "publish": list(rights[service].writes),
        "subscribe": list(rights[service].reads),
    }


def without_password(found: Json) -> Json:
    return {name: value for name, value in found.items() if name != "password"}
