"""Where a site's rollouts are kept, who signs for its boards, and where its broker is.

Those of real boards lie beside the site file, those of a simulation in its state directory. They never mix.
"""

from pathlib import Path

from host_tools.brokers.users import MANAGER
from host_tools.commands.options import BrokerAndKeys, VaultLogin, is_kept_in_simulation, masters_of
from host_tools.errors import Unreachable
from host_tools.mqtt import Address, find_broker
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.state import running_simulation, state_dir
from host_tools.update.rollout.keys import Keys
from host_tools.update.rollout.store import FILE, SUFFIX, Store


class Place:
    """Nothing is opened before it is asked for."""

    def __init__(self, site_file: Path, options: BrokerAndKeys) -> None:
        self.file = site_file
        self.site: Site = load_site(site_file)
        self._options = options
        self._login = VaultLogin(site_file, self.site, MANAGER, options.passphrase)
        self._directory = state_dir(options.state)
        is_played = is_kept_in_simulation(site_file, options.state, self.site.site)
        path = self._directory / FILE if is_played else site_file.with_suffix(SUFFIX)
        self.store = Store(path, self.site.site)
        self._has_run = False  # the simulation whose broker it is

    def keys(self) -> Keys:
        """May ask for the vault's passphrase. Raises BadInput where there are none."""
        return Keys(self.site, masters_of(self.file, self.site, self._options, self._login))

    def address(self) -> Address:
        """Where the broker is now: a simulation started anew has another port. Unreachable while it is away:
        the site's own broker is none for its boards."""
        if self._options.broker is None:
            runs = running_simulation(self._directory, self.site.site) is not None
            if self._has_run and not runs:
                raise Unreachable(
                    f"the simulation in {self._directory} runs no longer", f"sportbox sim up {self.file}"
                )
            self._has_run = runs
        return find_broker(self.site, self._options.broker, self._directory, self._login)
