"""A site on a technician's bench: its file, its vault, and orders to provision simulated chips."""

import shutil
from collections.abc import Callable
from pathlib import Path

from host_tools.build.firmware import COPIES, FIRMWARE, UMQTT, build_firmware
from host_tools.port.jobs import Outcome, Progress
from host_tools.port.ports import Port
from host_tools.port.provision import Order, provision
from host_tools.port.tenant import Desk
from host_tools.site.ca import board_files
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.vault import Vault, new_vault
from tests.host.helpers import ROSTOCK
from tests.sim.chips import TestChip

PASSPHRASE = "correct horse battery staple"
WIFI_PASSWORD = "ball-und-schlaeger"
SCRYPT_N = 1 << 10  # cheap: this vault guards nothing
COMPOSE = """
import json

class NotProvisioned(Exception):
    pass

def load(path):
    with open(path) as file:
        return json.load(file)"""
BOX = """
import asyncio
import machine

class Box:
    def __init__(self, config, secrets, trial=None):
        pass

    async def run(self):
        watchdog = machine.WDT(timeout=8000)
        while True:
            watchdog.feed()
            await asyncio.sleep_ms(200)
"""


def small_firmware(folder: Path, release: str = "1") -> Path:
    """The real start of the firmware with little behind it: a folder as build_firmware() takes it."""
    names = ["main.py", "boot.py", "sportbox/run.py", "sportbox/system/forget.py"]
    own = [FIRMWARE / name for name in [*names, *COPIES] if name != UMQTT]
    own += [*(FIRMWARE / "loader").glob("*.py"), *(FIRMWARE / "sportbox" / "store").glob("*.py")]
    files = {path.relative_to(FIRMWARE).as_posix(): path.read_text() for path in own}
    files |= {"sportbox/__init__.py": "", "sportbox/compose.py": COMPOSE, "sportbox/box.py": BOX}
    for number in range(6):
        files[f"sportbox/part_{number}.py"] = f'TEXT = "{release} {number}"\n' * 40
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


class Watcher(Progress):
    """Progress of a job that nobody looks at. `on_advance` is called at each block that a board has taken."""

    def __init__(self, on_advance: Callable[[], None] = lambda: None) -> None:
        self.steps: list[str] = []
        self._on_advance = on_advance

    def step(self, text: str, total: int | None = None) -> None:
        self.steps.append(text)

    def advance(self, n: int = 1) -> None:
        self._on_advance()

    def talk(self, text: str) -> None:
        self.steps.append(text)


class SiteBench:
    """`firmware`: files by path on the board, the small ones unless told otherwise."""

    def __init__(self, folder: Path, site_file: Path = ROSTOCK) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / site_file.name
        shutil.copyfile(site_file, self.file)
        self.site = load_site(self.file)
        self.vault: Vault = new_vault(self.file, self.site, PASSPHRASE, SCRYPT_N)
        self.vault.set_wifi("wifi-main", WIFI_PASSWORD)
        self.inventory = Inventory.open(self.file)
        self.firmware = build_firmware(small_firmware(folder / "firmware"))

    def order(self, device: str | None = "box-1", force: bool = False, reach_s: float = 0.0) -> Order:
        return Order(
            site=self.site,
            firmware=self.firmware,
            firmware_version="test",
            files=lambda name, certificate: board_files(self.site, name, self.vault, certificate),
            inventory=self.inventory,
            desk=Desk(self.site, self.inventory, device, force),
            force=force,
            reach_s=reach_s,
        )

    def provision(
        self, board: TestChip, order: Order | None = None, progress: Progress | None = None
    ) -> Outcome:
        return provision(Port(board.port), progress or Watcher(), order or self.order())
