"""What a service of the city needs at the centre, as one object for its own configuration."""

from typing import Any

from host_tools.centre.keyfile import Keys
from host_tools.centre.members import ca_pem
from host_tools.centre.model import Centre
from host_tools.centre.topics import USERS, below
from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site.explain import nearest


def access_of(centre: Centre, keys: Keys, service: str) -> dict[str, Any]:
    """With the password, as `site login` gives it. `hosts` in the order of use; each names itself in its
    certificate. A client id is the service's name, or begins with it and a dot: RabbitMQ insists."""
    if service not in USERS:
        meant = nearest(service, list(USERS))
        guess = f", did you mean `{meant}`?" if meant else ""
        raise BadInput(f"there is no service `{printable(service)}`{guess}", f"one of {', '.join(USERS)}")
    writes, reads = USERS[service]
    return {
        "centre": centre.centre,
        "kind": centre.kind,
        "service": service,
        "hosts": centre.hosts,
        "port": centre.services_port,
        "user": service,
        "password": keys.passwords(service)[service],
        "client_id": f"{service}.",
        "ca": ca_pem(keys).decode(),
        "publish": below("+", writes),
        "subscribe": below("+", reads),
    }
