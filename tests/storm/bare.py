"""A board on virtual time without a storm: a world, a broker and a time server, and nothing goes wrong."""

import random
from collections.abc import Callable
from pathlib import Path

from host_tools.build.firmware import build_firmware
from host_tools.sim import times
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.rules import BoardWorld
from host_tools.sim.shims import shim_folder
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config, device_secrets
from host_tools.storm.agenda import BEGIN_US, Agenda
from host_tools.storm.machine import vm
from host_tools.storm.machine.board import Board
from host_tools.storm.machine.image import Image
from host_tools.storm.machine.surface import StormWorld
from host_tools.storm.network.broker import Broker
from host_tools.storm.network.net import Net
from host_tools.storm.network.servers import TimeServer
from host_tools.storm.trace import Record, Trace
from host_tools.storm.wall import VirtualClock

SITE = Path(vm.__file__).parents[2] / "ground.yaml"
SECOND_US = 1_000_000


class BareBoard:
    """Ends its VM with `end()`."""

    def __init__(
        self, folder: Path, name: str, seed: str = "bare", leaps: bool = True, image: Image | None = None
    ) -> None:
        site = load_site(SITE)
        self.config = device_config(site, name, ("10.0.0.1", 1883), ("10.0.0.2", 123))
        self.agenda = Agenda()
        self.trace = Trace(self.agenda)
        times.use(VirtualClock(self.agenda))
        home = self.folder = folder / name
        SimBoard(home).create(self.config, device_secrets(site, name, bytes(32)), Template(build_firmware()))
        self.view = BoardWorld(name, StormWorld(home), self.config)
        self.net = Net(self.agenda, self.trace, random.Random(f"{seed}/net"))
        self.broker = Broker(self.agenda, self.trace, self.net, random.Random(f"{seed}/broker"))
        self.time_server = TimeServer(self.agenda, self.trace, self.net, random.Random(f"{seed}/ntp"))
        self.board = Board(
            self.agenda, self.trace, self.net, self.view, home, shim_folder(*vm.SOURCES), seed, leaps, image
        )

    def run(self, seconds: float) -> None:
        self.board.run_until(self.agenda.now_us + int(seconds * SECOND_US))

    def later(self, seconds: float, do: Callable[..., object], *arguments: object) -> None:
        """In so many seconds somebody does this."""

        def act() -> None:
            do(*arguments)

        self.agenda.after(int(seconds * SECOND_US), act)

    def end(self) -> None:
        self.board.end()
        self.view.world.close()
        times.use(times.Clock())

    def of(self, kind: str) -> list[Record]:
        return [record for record in self.trace.records if record["kind"] == kind]

    def published(self, topic: str) -> list[str]:
        """Payloads, in the order in which they came."""
        ends = f"/{topic}"
        return [record["payload"] for record in self.of("publish") if record["topic"].endswith(ends)]

    def s(self, record: Record) -> float:
        """When that was, in seconds from the beginning."""
        return float(record["us"] - BEGIN_US) / SECOND_US
