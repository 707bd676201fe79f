"""A site's broker as a child of this process: for a laptop, for tests, and for simulated sites.

    broker = start(site, vault, directory, revoked)

It runs until `stop`, or until this process ends. What it keeps lies in the directory: the next one goes on.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

from host_tools.broker import BrokerProcess, find_mosquitto
from host_tools.brokers import running
from host_tools.brokers.install import install, installed, owner_of, record
from host_tools.brokers.mosquitto import CONF, Place, files, is_loopback
from host_tools.errors import BadInput, ToolError
from host_tools.mqtt import Address
from host_tools.site.inventory import Inventory
from host_tools.site.login import services_address
from host_tools.site.models import Site
from host_tools.site.openvault import Vault

INSTALL_HINT = "sudo apt install mosquitto (macOS: brew install mosquitto)"


class SiteBroker(BrokerProcess):
    """A Mosquitto with the configuration of a directory. Ended by somebody else in order (that is how `site
    apply` lets it take over what needs a restart) it starts again."""

    def __init__(self, directory: Path, services: Address, boards_port: int) -> None:
        super().__init__("mosquitto", services.host, boards_port, directory)
        self.services = services

    def launch(self) -> "SiteBroker":
        self._launch()
        return self

    @property
    def url(self) -> str:
        return str(self.services)

    @property
    def broker_pid(self) -> int:
        pid = running.pid_of(self.state_dir)
        if pid is None:
            raise ToolError("the broker does not run")
        return pid

    def kill(self) -> None:
        os.kill(self.broker_pid, signal.SIGKILL)
        super().kill()

    def freeze(self) -> None:
        os.kill(self.broker_pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.broker_pid, signal.SIGCONT)

    def stop(self) -> None:
        pid = running.pid_of(self.state_dir)
        if self.is_running and pid is not None:
            os.kill(pid, signal.SIGCONT)  # a frozen one could not hear that it is to end
        super().stop()

    def _wrapper(self) -> Path:
        return Path(running.__file__).with_name(running.KEEPER)

    def _command(self) -> list[str]:
        return [the_mosquitto(), "-c", str(self.state_dir / CONF)]

    def _answers(self, deadline: float) -> bool:
        return running.pid_of(self.state_dir) is not None and running.answers(self.services)


def the_mosquitto() -> str:
    """The program; ToolError where there is none."""
    program = find_mosquitto()
    if program is None:
        raise ToolError("Mosquitto is not installed", INSTALL_HINT)
    return program


def directory_of(site_file: Path, site: Site) -> Path:
    """Where the broker's files are on this computer."""
    return site.broker.folder(site_file).absolute()


def start(site: Site, vault: Vault, directory: Path, revoked: Iterable[int] = ()) -> SiteBroker:
    """Install the files, start, and wait until a service gets in. Raises BadInput or ToolError."""
    directory = directory.absolute()
    the_mosquitto()
    user = owner_of(directory, own=True)
    wanted = files(site, vault, revoked, Place(directory, user), installed(directory))
    if (pid := running.pid_of(directory)) is not None:
        raise ToolError(
            f"a broker runs with {directory / CONF} already (process {pid})",
            "use that one, or end it first",
        )
    for port in (site.broker.boards_port, site.broker.services_port):
        _must_be_free(site.broker.host, port)
    install(directory, wanted, user)
    broker = SiteBroker(directory, services_address(site, vault), site.broker.boards_port).launch()
    record(directory, wanted, user)
    return broker


def start_unless_it_runs(
    site_file: Path, site: Site, vault: Vault, inventory: Inventory
) -> SiteBroker | None:
    """The site's broker on this computer; None when it runs already."""
    from host_tools.brokers.certificates import revoked_serials

    directory = directory_of(site_file, site)
    if running.pid_of(directory) is not None and running.answers(services_address(site, vault)):
        return None
    return start(site, vault, directory, revoked_serials(site, inventory))


def must_be_here(host: str) -> None:
    """BadInput unless the site's broker is to be on this computer."""
    hint = (
        "in the site file: broker: {host: 127.0.0.1} for a laptop; `sportbox broker config` writes its files"
    )
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BadInput(f"the broker's name {host} is not known: {error.strerror}", hint) from error
    for family, kind, _, _, address in found:
        with socket.socket(family, kind) as probe, contextlib.suppress(OSError):
            probe.bind(address)  # of no other computer does that succeed
            return
    raise BadInput(f"the site's broker is at {host}, which is not this computer", hint)


def _must_be_free(host: str, port: int) -> None:
    """An early and clear word; Mosquitto's own would only stand in its log."""
    bind = host if is_loopback(host) else ""
    with socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except PermissionError as error:
            raise BadInput(
                f"port {port} is for root alone", "a port above 1023 in the site file, or run it as root"
            ) from error
        except OSError as error:
            raise ToolError(
                f"port {port} is in use: {error.strerror}",
                f"`ss -ltnp sport = :{port}` says by whom; Debian's own mosquitto, perhaps?",
            ) from error
