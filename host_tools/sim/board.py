"""One simulated board as a folder: flash, world, doorbell, console. `sim up`, tests and demo use it.

    zygote = ZygoteHost()
    board = SimBoard(Path("/tmp/state/boards/box-1"), zygote)
    board.create(config, secrets, Template(build_firmware()))
    board.boot(); board.set("door-1", "pull"); board.show(); board.cut(); print(board.log())

`set` and `show` need no zygote and work on a board that is off.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host_tools.errors import BadInput, ToolError
from host_tools.sim import layout
from host_tools.sim.flash import NOTHING, Template
from host_tools.sim.host import ZygoteHost
from host_tools.sim.rules import BoardWorld
from host_tools.sim.world import LOG_FILE, World, mac_of

CONFIG_FILE = "config.json"

Json = dict[str, Any]


def chip_of(config: Json) -> int:
    """The chip of a board as layout.CHIPS numbers them; 0 for the simulator's own."""
    chip = config["chip"]
    return layout.CHIPS.index(chip) if chip in layout.CHIPS else 0


class SimBoard:
    def __init__(self, folder: Path, zygote: ZygoteHost | None = None) -> None:
        self.folder = folder
        self.name = folder.name
        self._zygote = zygote

    def create(
        self,
        config: Json,
        secrets: Json,
        template: Template,
        certificates: Mapping[str, bytes] = NOTHING,
    ) -> None:
        """Put the board together, or bring one up to date that was there before. It must be off."""
        self.folder.mkdir(parents=True, exist_ok=True)
        is_new = not World.is_there(self.folder)
        template.install(self.folder, config, secrets, certificates)
        (self.folder / CONFIG_FILE).write_text(json.dumps(config))
        if is_new:
            World.create(self.folder, mac_of(config["site"], config["device"])).close()
        world = World(self.folder)
        world.power_off()
        world.put("wifi_changed_us", 0)  # times of before this machine's last start mean nothing
        world.put("chip", chip_of(config))
        wired = BoardWorld(self.name, world, config)
        wired.wire()
        if is_new:
            wired.furnish()
        world.close()

    @property
    def view(self) -> BoardWorld:
        """The board's world, mapped anew: the caller may keep it."""
        try:
            config = json.loads((self.folder / CONFIG_FILE).read_text())
            return BoardWorld(self.name, World(self.folder), config)
        except FileNotFoundError:
            raise BadInput(f"there is no simulated board {self.name} in {self.folder.parent}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"cannot read the simulated board {self.name} in {self.folder.parent}: {error}",
                hint=f"sportbox sim up SITE.yaml --state {self.folder.parent.parent} makes it anew",
            ) from None

    def boot(self) -> int:
        return self._power().boot(self.name, self.folder)

    def cut(self) -> int:
        return self._power().cut(self.name)

    def brownout(self) -> int:
        return self._power().brownout(self.name)

    def pid(self) -> int:
        """Of the VM that runs; 0 when the board is off or its program ended."""
        with_pid = self.view
        return with_pid.world.get("pid") if with_pid.world.has_power() else 0

    def _power(self) -> ZygoteHost:
        if self._zygote is None:
            raise ToolError("this process does not power the board", hint="sportbox sim up SITE.yaml")
        return self._zygote

    def set(self, component: str, value: str) -> Json:
        return self.view.set(component, value)

    def show(self) -> Json:
        return self.view.show()

    def log(self) -> str:
        """What the board printed since its console file was begun."""
        path = self.folder / LOG_FILE
        return path.read_text(errors="replace") if path.exists() else ""
