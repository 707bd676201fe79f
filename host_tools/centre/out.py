"""Ending the connection of a site that has left: a broker puts out who is there under the same client id, and
forgets what waits there.
"""

from host_tools.brokers.wire import Line, Refused, Silent, service
from host_tools.centre.keyfile import Keys
from host_tools.centre.model import Centre
from host_tools.centre.topics import RECORDER
from host_tools.errors import BadInput, Unreachable
from host_tools.mqtt import Login


def put_out(centre: Centre, keys: Keys, site: str) -> str:
    """By the first node that answers, whose host is returned: nodes tell each other. Raises BadInput for a
    site that is a member, Unreachable."""
    if site in keys.members:
        raise BadInput(f"`{site}` is a member, and would be back at once", "sportbox centre leave DIR SITE")
    login = Login(RECORDER, keys.passwords(RECORDER)[RECORDER], (keys.authority.certificate_der(),))
    why = ""
    for host in centre.hosts:
        try:
            Line(host, centre.services_port, service(login, site)).close()
            return host
        except (Refused, Silent, OSError) as error:
            why = f"{host}: {error}"
    raise Unreachable(
        f"the centre cannot be reached: {why}", "where the broker runs, or from where services reach it"
    )
