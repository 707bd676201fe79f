"""What work on a site needs, opened together: site file, site, vault, inventory; and the parts of the site.

place = open_workplace(site_file, passphrase_file)
found = survey(place.providers())
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from host_tools.errors import ToolError
from host_tools.mqtt import Address
from host_tools.site.boards import load_board
from host_tools.site.boards_provider import BoardsProvider
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.login import services_address
from host_tools.site.models import Site
from host_tools.site.openvault import Vault
from host_tools.site.passphrase import WIFI_VARIABLE, has_terminal, passphrase_source
from host_tools.site.plan import Provider
from host_tools.site.planner import carry_out, sentence
from host_tools.site.rotation import Ground
from host_tools.site.vault import open_vault
from host_tools.words.system import reason

LOCK_SUFFIX = ".lock"


@dataclass(frozen=True)
class Workplace:
    site_file: Path
    site: Site
    vault: Vault
    inventory: Inventory

    def providers(self) -> list[Provider]:
        """All parts of the site, in the order in which they are changed: each needs those before it."""
        parts: list[Provider | None] = [self.retired(), self.broker(), self.home_assistant(), self.boards()]
        return [part for part in parts if part is not None]

    def bring(self, say: Callable[[str], None]) -> list[str]:
        """Every part to what site file and vault say; what is left, a sentence each. When the broker is done
        its delivery is proven: one that drops messages is told, and nothing else is changed through it."""
        broker, retired = self.broker(), self.retired()
        left = carry_out([retired], say) if retired is not None else []
        undone = carry_out([broker], say) if broker is not None else []
        if broker is not None and not undone:
            undone = self._prove(say)
            if undone:
                return left + undone
        rest: list[Provider | None] = [self.home_assistant(), self.boards()]
        return left + undone + carry_out([part for part in rest if part is not None], say)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes broker and boards meanwhile; the lock goes with the process, however that ends.
        Raises ToolError."""
        path = self.inventory.path.with_name(self.inventory.path.name + LOCK_SUFFIX)
        try:
            file = path.open("ab")
        except OSError as error:
            raise ToolError(
                f"cannot write {path}: {reason(error)}", "the folder of the site file must be yours"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ToolError(
                    f"another command changes broker and boards of {self.site.site} just now",
                    "wait for its end: `site apply` and `site rotate` go one at a time",
                ) from error
            yield

    def _prove(self, say: Callable[[str], None]) -> list[str]:
        from host_tools.brokers.certificates import revoked_serials
        from host_tools.brokers.prove import prove_delivery

        try:
            revoked = revoked_serials(self.site, self.inventory)
            wrong = prove_delivery(self.site, self.vault, say, revoked)
        except ToolError as error:
            return [sentence("delivery", error)]
        return [f"delivery: {one}" for one in wrong]

    def broker(self) -> Provider | None:
        """None where it is not set up from here: `notes` says so."""
        if not self.sets_up_broker:
            return None
        from host_tools.brokers.provider import BrokerProvider

        return BrokerProvider(self.site_file, self.site, self.vault, self.inventory)

    def retired(self) -> Provider | None:
        """Home Assistant's discovery that the site file no longer asks for."""
        if not self.sets_up_broker:
            return None
        from host_tools.brokers.foreground import directory_of
        from host_tools.brokers.install import installed
        from host_tools.brokers.mosquitto import SERVICES_ACL
        from host_tools.site.announced import retired

        rights = installed(directory_of(self.site_file, self.site)).get(SERVICES_ACL)
        return retired(self.site, self.address(), rights)

    def home_assistant(self) -> Provider | None:
        """Its discovery, where that output is on."""
        if self.site.outputs.home_assistant is None:
            return None
        from host_tools.data.home_assistant import HomeAssistant
        from host_tools.site.announced import Announced

        return Announced(HomeAssistant(self.site, self.address(), self._on_battery), self.broker())

    def boards(self) -> BoardsProvider:
        return BoardsProvider(self.site_file, self.site, self.vault, self.inventory)

    def ground(self) -> Ground:
        """Broker and boards, for a rotation."""
        return Ground(self.boards(), self.broker())

    def read_again(self) -> "Workplace":
        """The same with the site file as it is now."""
        return replace(self, site=load_site(self.site_file))

    def address(self) -> Address:
        """Where this project's tools find the broker."""
        return services_address(self.site, self.vault)

    @property
    def sets_up_broker(self) -> bool:
        return self.site.broker.kind == "mosquitto" and self.site.broker.tls

    def notes(self) -> list[str]:
        """What no part tells by itself."""
        if self.sets_up_broker:
            return []
        what = f"of kind `{self.site.broker.kind}`" if self.site.broker.tls else "open (`tls: false`)"
        return [f"the broker is {what}, and is not set up from here: only what is at it is looked at"]

    def _on_battery(self, device: str) -> bool:
        power = load_board(self.site.devices[device].board).power
        return power is not None and power.battery is not None


def open_workplace(
    site_file: Path, passphrase_file: Path | None, *, wifi: bool = False, create: bool = False
) -> Workplace:
    """`create`: a vault is made where there is none; `wifi`: passwords that it lacks are asked for, where
    somebody or the environment can tell. Raises BadInput or ToolError, each with a cure."""
    site = load_site(site_file)
    told = wifi and (has_terminal() or any(name.startswith(WIFI_VARIABLE) for name in os.environ))
    vault = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=told, create=create)
    return Workplace(site_file, site, vault, Inventory.open(site_file))
