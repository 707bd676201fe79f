"""The folder of a simulated chip: flash, world, doorbell, console, as of a board of `sim up`.

The world is wired from the config.json on the chip's flash, or from one that is given; a board without any
has no doors, no locks, and is called by its MAC.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from host_tools.errors import BadInput
from host_tools.sim import layout
from host_tools.sim.board import CONFIG_FILE
from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.image import sim_image
from host_tools.sim.chip.targets import target
from host_tools.sim.flash import CONFIG, read_file, write_files
from host_tools.sim.rules import BoardWorld
from host_tools.sim.world import FLASH_FILE, PREFIX_MAC, World

Json = dict[str, Any]


def new_mac() -> bytes:
    return PREFIX_MAC + secrets.token_bytes(3)


class Body:
    """What of a chip is there without power."""

    def __init__(
        self, folder: Path, chip: str, *, flash_mib: int = 4, blank: bool = False, mac: bytes
    ) -> None:
        """Opens the folder, or makes it; `flash_mib`, `blank` and `mac` are for a new one."""
        facts = target(chip)
        self.folder = folder
        self.name = folder.name
        self.chip = chip
        self.flash_file = folder / FLASH_FILE
        self.given: Json | None = None  # a configuration that counts instead of the flash's
        self._seen: bytes | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if not self.flash_file.exists():
            image = b"" if blank else sim_image(chip)
            Flash.create(self.flash_file, flash_mib, image, facts.bootloader_at).close()
        is_new = not World.is_there(folder)
        if is_new:
            World.create(folder, mac).close()
        self.world = World(folder)
        self.world.power_off()
        self.world.put("wifi_changed_us", 0)
        self.world.put("chip", layout.CHIPS.index(chip))
        self._wire(self._bare(), is_new)

    @property
    def mac(self) -> bytes:
        return self.world.get("mac_high").to_bytes(3, "big") + self.world.get("mac_low").to_bytes(3, "big")

    def put(self, files: dict[str, bytes]) -> None:
        """Files on the flash of a board that is off."""
        write_files(self.flash_file, files)

    def rewire(self) -> str | None:
        """Wire the world as the configuration on the flash says; why that was not possible, if it was not."""
        raw = json.dumps(self.given).encode() if self.given else read_file(self.flash_file, CONFIG)
        if raw is None or raw == self._seen:
            return None
        self._seen = raw
        try:
            config = json.loads(raw)
            if config["chip"] != self.chip:
                raise ValueError(f"it is for {config['chip']!r}")
            self._wire(config, self._is_bare())
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, BadInput) as error:
            self._wire(self._bare(), False)
            return f"the world is bare, for {CONFIG} cannot be used: {type(error).__name__}: {error}"
        return None

    def _wire(self, config: Json, furnish: bool) -> None:
        wired = BoardWorld(self.name, self.world, config)
        wired.wire()
        if furnish:
            wired.furnish()
        (self.folder / CONFIG_FILE).write_text(json.dumps(config))

    def _is_bare(self) -> bool:
        try:
            return not json.loads((self.folder / CONFIG_FILE).read_text())["components"]
        except (OSError, ValueError, KeyError):
            return True

    def _bare(self) -> Json:
        return {
            "site": "none",
            "device": self.name,
            "board": self.chip,
            "chip": self.chip,
            "broker": {"host": "127.0.0.1", "port": 1883},
            "ntp": {"host": "127.0.0.1", "port": 123},
            "components": {},
        }
