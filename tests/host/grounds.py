"""A site with a vault, an inventory, and boards that play along at a real broker."""

import itertools
import time
from pathlib import Path

from host_tools.mqtt import Address, Topics
from host_tools.site.boards_provider import BoardsProvider
from host_tools.site.ca import serial_of
from host_tools.site.credentials import Credentials
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.renew.push import Limits
from host_tools.site.vault import Vault
from tests.host.helpers import GOOD, changed
from tests.host.played_renewal import RenewedBoard, Script
from tests.vaults import cheap_vault

QUICK = Limits(present_s=1, answer_s=1, final_s=3, info_s=2, busy_s=0.01, again_s=0.05, tries=3)
WITH_WIFI = changed("defaults:\n", "wifi: {ssid: net, password_secret: wifi-main}\ndefaults:\n", GOOD)
MACS = {"box-1": "02:00:00:00:00:01", "court-1": "02:00:00:00:00:02"}
NUMBERS = itertools.count(1)


class Ground:
    """Its site has a name of its own, so that several share a broker."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "x.yaml"
        self.name = f"site-{next(NUMBERS)}"
        self._port = port
        self.write(WITH_WIFI)
        self.vault: Vault = cheap_vault(self.file)
        self.inventory = Inventory.open(self.file)
        self.boards: dict[str, RenewedBoard] = {}

    def write(self, text: str) -> None:
        self.file.write_text(text.replace("test-site", self.name))

    def provider(self) -> BoardsProvider:
        address = Address("127.0.0.1", self._port)
        return BoardsProvider(
            self.file, load_site(self.file), self.vault, self.inventory, address, QUICK, wait_s=2, back_s=0.4
        )

    def provisioned(self, device: str, script: Script | None = None) -> RenewedBoard:
        """A board as `sportbox provision` leaves it, at the broker."""
        credentials = Credentials(load_site(self.file), self.vault, self.inventory)
        files = credentials.files(device)
        self.inventory.record(
            "provision",
            MACS[device],
            device,
            key_version=1,
            serial=serial_of(files["/certs/device.der"]),
            digest=credentials.declared(device).digest,
            written_s=int(time.time()),
        )
        return self.comes(device, files, script)

    def comes(self, device: str, files: dict[str, bytes], script: Script | None = None) -> RenewedBoard:
        mac = MACS.get(device, "02:00:00:00:00:09")
        board = RenewedBoard(self._port, Topics(self.name, device), {}, script, files, mac)
        self.boards[device] = board
        return board

    def differs(self) -> list[tuple[str, str, str]]:
        return [(one.name, one.what, one.text) for one in self.provider().changes()]

    def apply(self) -> list[str]:
        provider = self.provider()
        return provider.apply(provider.changes(), lambda text: None)

    def close(self) -> None:
        for board in self.boards.values():
            board.close()
