"""The board on a port, for replacement.py: looked at and provisioned like any other."""

import contextlib
import dataclasses
from collections.abc import Callable

from host_tools.errors import ToolError
from host_tools.port.console import Console
from host_tools.port.jobs import Outcome, Progress
from host_tools.port.plan import check_chip
from host_tools.port.ports import Port
from host_tools.port.provision import Order, check_micropython
from host_tools.port.provision import provision as provision_board
from host_tools.port.replacement import Seen
from host_tools.port.tenant import look
from host_tools.site.boards import load_board
from host_tools.site.models import Site
from host_tools.words import tr


class PortBench:
    """`order_for` makes the order once the site file has the new key version."""

    def __init__(self, port: Port, progress: Progress, order_for: Callable[[Site, str], Order]) -> None:
        self._port = port
        self._progress = progress
        self._order_for = order_for
        self._mac = ""
        self.outcome: Outcome | None = None

    def look(self, site: Site, device: str) -> Seen:
        self._progress.step(tr("who is this board?"))
        with Console.open(self._port) as console:
            console.hold()
            try:
                seen = look(console)
                check_micropython(seen.version)  # before anything is noted or raised
                if seen.chip is not None:  # else provisioning asks the boot loader
                    check_chip(load_board(site.devices[device].board), seen.chip)
            except ToolError:
                with contextlib.suppress(ToolError):
                    console.restart()
                raise
        self._mac = seen.mac
        return Seen(seen.mac, tuple(seen.owners))

    def leave(self) -> None:
        with contextlib.suppress(ToolError), Console.open(self._port) as console:
            console.restart()

    def provision(self, site: Site, device: str) -> str | None:
        order = dataclasses.replace(self._order_for(site, device), mac=self._mac)
        self.outcome = provision_board(self._port, self._progress, order)
        row = order.inventory.board(self._mac)
        return row.serial if row else None
