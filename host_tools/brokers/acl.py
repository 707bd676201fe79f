"""Mosquitto's access control lists (mosquitto.conf(5), acl_file): one for boards, one for services.

Each listener has its own, so a board that is named like a service has the rights of a board.
"""

from host_tools.brokers.users import DEVICE_READS, DEVICE_WRITES, base, services
from host_tools.site.models import Site

WARNING = "# Written by `sportbox site apply` from the site file: what is changed here is overwritten.\n"


def boards_acl(site: Site) -> str:
    """%u is the name in the certificate, so no board needs a line of its own."""
    below = f"{base(site.site)}/%u"
    lines = [f"pattern write {below}/{topic}" for topic in DEVICE_WRITES]
    lines += [f"pattern read {below}/{topic}" for topic in DEVICE_READS]
    return WARNING + "\n".join(lines) + "\n"


def services_acl(site: Site) -> str:
    blocks = [WARNING]
    for user, rights in services(site).items():
        lines = [f"user {user}", *(f"topic write {topic}" for topic in rights.writes)]
        lines += [f"topic read {topic}" for topic in rights.reads]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
