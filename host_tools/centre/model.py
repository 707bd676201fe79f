"""`centre.yaml`: what a city's centre is, without a secret. Its key file lies beside it (keyfile.py).

centre = load_centre(Path("rostock"))
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site import yamlfile
from host_tools.site.base import Host, Model, Name, TcpPort
from host_tools.site.explain import Explained, explain
from host_tools.site.sections import NODES_MAX, SERVICES_PORT, TLS_PORT

FILE = "centre.yaml"
CLUSTER_PORT = 25_672
"""Where the nodes of a RabbitMQ speak with each other; its own default."""

Kind = Literal["mosquitto", "rabbitmq"]


class Centre(Model):
    version: Literal[1] = 1
    centre: Name = Field(description="name of the centre; no site may be called that")
    kind: Kind = Field(description="which broker it is")
    hosts: Annotated[list[Host], Field(min_length=1, max_length=NODES_MAX)] = Field(
        description="names or addresses of its nodes, the one to use first"
    )
    port: TcpPort = Field(TLS_PORT, description="for bridges of sites: TLS with client certificates")
    services_port: TcpPort = Field(SERVICES_PORT, description="for services: TLS and a password")
    cluster_port: TcpPort = Field(CLUSTER_PORT, description="RabbitMQ's nodes among each other")

    def impossible(self) -> str | None:
        """What does not go together."""
        if len(set(self.hosts)) < len(self.hosts):
            return "two nodes have the same host"
        ports = [self.port, self.services_port]
        if self.kind == "rabbitmq":
            ports.append(self.cluster_port)
        if len(set(ports)) < len(ports):
            return "two of its ports are the same"
        if self.kind == "mosquitto" and len(self.hosts) > 1:
            return "a Mosquitto is one node; several make a RabbitMQ: kind: rabbitmq"
        if self.kind == "rabbitmq" and len(self.hosts) % 2 == 0:
            return "a RabbitMQ has 1, 3, 5 or 7 nodes: it works while more than half of them do"
        plain = [host for host in self.hosts if "." not in host]
        if self.kind == "rabbitmq" and plain:
            return f"RabbitMQ's nodes need a name with a domain, or an IPv4 address, not `{plain[0]}`"
        return None

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        """Where sites connect."""
        return [(host, self.port) for host in self.hosts]


def load_centre(folder: Path) -> Centre:
    """BadInput names what is wrong in the file, and where."""
    path = folder / FILE
    if not path.exists():
        raise BadInput(
            f"there is no centre in {folder}", f"sportbox centre new {folder} --kind mosquitto --host NAME"
        )
    try:
        document = yamlfile.parse(yamlfile.read(path))
    except yamlfile.YamlError as error:
        raise BadInput(f"{path}:{error.mark.line}: {error.message}") from error
    hint = "docs/centre.md, The file centre.yaml"
    try:
        centre = Centre.model_validate(document.data)
    except ValidationError as error:
        found = explain(error, Centre, document.data)
        wrong = [f"{path}:{document.mark(one.loc, one.at_key).line}: {_told(one)}" for one in found]
        raise BadInput(wrong[-1], hint, details=wrong[:-1]) from error
    if (told := centre.impossible()) is not None:
        raise BadInput(f"{path}: {told}", hint)
    return centre


def checked(data: dict[str, object]) -> Centre:
    """A centre of what was typed; BadInput says what is wrong with it."""
    hint = "sportbox centre new --help"
    try:
        centre = Centre.model_validate(data)
    except ValidationError as error:
        raise BadInput(_told(explain(error, Centre, data)[0]), hint) from error
    if (told := centre.impossible()) is not None:
        raise BadInput(told, hint)
    return centre


def _told(one: Explained) -> str:
    field = ".".join(printable(str(part)) for part in one.loc)
    return f"{field}: {one.message}" if field else one.message


def text_of(centre: Centre) -> str:
    """The file of a new centre."""
    lines = [
        "# The centre of a city (docs/centre.md). Its secrets are in centre.vault.",
        f"version: {centre.version}",
        f"centre: {centre.centre}",
        f"kind: {centre.kind}",
        "hosts:",
        *(f"  - {host}" for host in centre.hosts),
        f"port: {centre.port}                 # bridges of sites",
        f"services_port: {centre.services_port}        # dashboards, booking",
    ]
    if centre.kind == "rabbitmq":
        lines.append(f"cluster_port: {centre.cluster_port}        # its nodes among each other")
    return "\n".join(lines) + "\n"
