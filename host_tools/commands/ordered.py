"""A board of a site that is given orders: where its broker is, and what signs them.

ordered = OrderedBoard(site_file, board, BrokerAndKeys(state, vault, passphrase_file, broker))
await give(ordered.address(), ordered.topics, ordered.key(), Ask("identify"), say)
"""

from pathlib import Path
from typing import TYPE_CHECKING

from host_tools.brokers.users import MANAGER
from host_tools.commands.options import BrokerAndKeys, VaultLogin, keys_of
from host_tools.mqtt import Address, Topics, find_broker
from host_tools.site.load import load_site
from host_tools.site.resolve import device_of
from host_tools.site.state import state_dir

if TYPE_CHECKING:
    from host_tools.site.boardlog import Key


class OrderedBoard:
    """BadInput where the site file has no such board. Nothing but that file is opened unasked."""

    def __init__(self, site_file: Path, board: str, options: BrokerAndKeys, user: str = MANAGER) -> None:
        self.site = load_site(site_file)
        self._device = device_of(self.site, board)
        self.topics = Topics(self.site.site, board)
        self._site_file = site_file
        self._options = options
        self._login = VaultLogin(site_file, self.site, user, options.passphrase)

    def address(self) -> Address:
        """Of the broker. May ask for the vault's passphrase."""
        return find_broker(self.site, self._options.broker, state_dir(self._options.state), self._login)

    def key(self) -> "Key":
        """What signs orders to it. May ask for the vault's passphrase."""
        from host_tools.site.boardlog import Key

        master = keys_of(self._site_file, self.site, self._options, self._login)
        site, board, version = self.site.site, self.topics.device, self._device.key_version
        return Key(master.key_id("ops", version), master.key(site, board, "ops", version))
