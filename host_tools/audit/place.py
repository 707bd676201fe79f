"""Where a site's journal is, what it is sealed with, and where its broker is.

That of real boards lies beside the site file (`x.yaml`, `x.audit.db`) and its key in the vault; that of a
simulation lies in its state directory, with a key derived from the secret that lies there, if there is one.
They never mix.
"""

from collections.abc import Callable
from pathlib import Path

from host_tools.audit.seal import Key
from host_tools.audit.store import Store
from host_tools.brokers.users import RECORDER
from host_tools.commands.options import VaultLogin, is_kept_in_simulation, master_secret
from host_tools.mqtt import Address, find_broker, parse_broker
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.secrets import site_of
from host_tools.site.state import running_simulation, state_dir
from host_tools.site.vault import vault_path

SUFFIX = ".audit.db"
FILE = "audit.db"


class Place:
    """A site's journal and what belongs to it. Nothing is opened before it is asked for."""

    def __init__(self, site_file: Path, state: Path | None, passphrase_file: Path | None) -> None:
        self.site: Site = load_site(site_file)
        self._login = VaultLogin(site_file, self.site, RECORDER, passphrase_file)
        self._directory = state_dir(state)
        self._has_vault = vault_path(site_file).exists()
        self.simulated = is_kept_in_simulation(site_file, state, self.site.site)
        path = self._directory / FILE if self.simulated else site_file.with_suffix(SUFFIX)
        self.store = Store(path, self.site.site)

    @property
    def login(self) -> VaultLogin:
        """Of a service that reads everything."""
        return self._login

    def key(self) -> Key:
        """Asks for the vault's passphrase, except of a simulation with secrets of its own."""
        if self.simulated and (not self._has_vault or site_of(self._directory) == self.site.site):
            return Key.of_simulation(master_secret(self._directory, self.site.site), self.site.site)
        return Key(self._login.vault.audit_key)

    @property
    def note(self) -> str | None:
        """What a person may not expect."""
        simulation = running_simulation(self._directory, self.site.site)
        if self.simulated or simulation is None or simulation.is_locked_down:
            return None
        return f"a simulation runs in {self._directory}; --state {self._directory} is for that"

    def find_broker(self, broker: str | None) -> Callable[[], Address]:
        """Where it is now: a simulation started anew has another port."""
        if self.simulated:
            return lambda: find_broker(self.site, broker, self._directory, self._login)
        return lambda: self._real_broker(broker)

    def _real_broker(self, broker: str | None) -> Address:
        if broker is not None:
            return parse_broker(broker, self._login)
        of = self.site.broker
        if not of.tls:
            return Address(of.host, of.boards_port)
        return Address(of.host, of.services_port, self._login())
