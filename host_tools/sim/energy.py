"""`sim energy`: what the boards of a site take a day, from what the real firmware does on simulated ones.

Of each board that sleeps a copy runs here, with a broker and a time server of its own: some reports by timer
and some visits of a court, shortened in their pauses alone. How long it was awake and how long its radio was
on is counted by the simulator; `[energy]` of its board file says what that costs.
"""

import asyncio
import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.build.firmware import build_firmware
from host_tools.errors import BadInput, ToolError
from host_tools.mqtt import parse_broker
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.host import ZygoteHost
from host_tools.sim.timeserver import TimeServer
from host_tools.site.boards import Board, load_board
from host_tools.site.energy import DAY_S, Budget, Energy, Wake, always_on, mostly_asleep
from host_tools.site.models import Site
from host_tools.site.resolve import device_config, device_secrets

REPORTS = 3
VISITS = 4
"""A visit is two changes, and eight of them are worth a connection."""
POLL_S = 0.01
STEP_S = 60.0
ALWAYS_S = 1
NEVER_S = 86_400
MASTER = bytes(32)
"""For keys that open nothing."""

Json = dict[str, Any]
Talk = Callable[[str], None]


async def budgets(site: Site, visits_a_day: int, talk: Talk) -> list[Budget]:
    """One for each board of the site, in its order."""
    runner = _Runner(talk)
    try:
        found = []
        for name, device in site.devices.items():
            board = load_board(device.board)
            config = device_config(site, name)
            found.append(await _budget(name, board, config, site, visits_a_day, runner))
        return found
    finally:
        runner.stop()


async def _budget(
    name: str, board: Board, config: Json, site: Site, visits_a_day: int, runner: "_Runner"
) -> Budget:
    energy = energy_of(board)
    power = config["power"] or {"source": "mains", "sleep": None}
    budget = Budget(name, board.name, power["source"])
    if power["source"] == "battery":
        budget.capacity_mah = energy.capacity_mah
    sleep = power["sleep"]
    if sleep is None:
        budget.mah = always_on(energy, config["components"])
        return budget
    report, visit = await runner.measure(site, name, config)
    reports_a_day = DAY_S / sleep["every_s"]
    day = report.times(reports_a_day) + visit.times(visits_a_day)
    budget.mah = mostly_asleep(energy, config["components"], day)
    budget.measured = {
        "reports_a_day": round(reports_a_day, 1),
        "visits_a_day": visits_a_day,
        "report_ms": {"awake": round(report.awake_ms), "radio": round(report.radio_ms)},
        "visit_ms": {"awake": round(visit.awake_ms), "radio": round(visit.radio_ms)},
        "starts_a_visit": round(visit.starts, 2),
    }
    return budget


def energy_of(board: Board) -> Energy:
    if board.energy is None:
        raise BadInput(
            f"the board `{board.name}` has no energy figures",
            hint=f"add [energy] to boards/{board.name}/board.toml",
        )
    return board.energy


class _Runner:
    """What the simulated boards need, started when the first of them does. Boards alike are measured once."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._undo: list[Callable[[], object]] = []
        self._known: dict[str, tuple[Wake, Wake]] = {}

    def stop(self) -> None:
        for undo in reversed(self._undo):
            undo()

    async def measure(self, site: Site, name: str, config: Json) -> tuple[Wake, Wake]:
        """(a report, a visit), each on average."""
        alike = repr([config["board"], sorted(facts["kind"] for facts in config["components"].values())])
        if alike not in self._known:
            if not self._undo:
                await self._start()
            self._talk(f"{name}: {REPORTS} reports and {VISITS} visits on a simulated board ...")
            self._known[alike] = (
                await self._reports(site, name, config),
                await self._visits(site, name, config),
            )
        return self._known[alike]

    async def _start(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="sportbox-energy-")
        self._undo.append(folder.cleanup)
        self._folder = Path(folder.name)
        broker = BrokerProcess.start("auto", state_dir=self._folder / "broker")
        self._undo.append(broker.stop)
        address = parse_broker(broker.url)
        self._broker = (address.host, address.port)
        time_server = await TimeServer.start()
        self._undo.append(time_server.stop)
        self._ntp = (time_server.host, time_server.port)
        self._zygote = ZygoteHost()
        self._undo.append(self._zygote.stop)
        self._template = Template(build_firmware())

    async def _reports(self, site: Site, name: str, config: Json) -> Wake:
        board = await self._boot(f"{name}-reports", site, name, config, every_s=ALWAYS_S)
        try:
            world = board.view.world
            await _until(lambda: world.get("asleep"), board)
            before = _counters(board)
            await _until(
                lambda: world.get("asleep") and world.get("starts") >= before.starts + REPORTS, board
            )
            found = _since(before, _counters(board), REPORTS)
            if found.connections != 1:
                raise ToolError(f"the simulated board {board.name} did not report by timer each time")
            return found
        finally:
            board.cut()

    async def _visits(self, site: Site, name: str, config: Json) -> Wake:
        courts = [part for part, facts in config["components"].items() if facts.get("pir")]
        if not courts:
            return Wake(0, 0, 0, 0)
        board = await self._boot(f"{name}-visits", site, name, config, every_s=NEVER_S)
        try:
            world = board.view.world
            await _until(world.has_settled, board)
            before = _counters(board)
            for _ in range(VISITS):
                board.set(courts[0], "occupied")
                await _until(world.has_noticed_motion, board)
                board.set(courts[0], "free")
                await _until(world.has_settled, board)
            return _since(before, _counters(board), VISITS)
        finally:
            board.cut()

    async def _boot(self, name: str, site: Site, device: str, config: Json, every_s: int) -> SimBoard:
        """A copy of the board whose pauses are short."""
        changed = copy.deepcopy({**config, "ntp": {"host": self._ntp[0], "port": self._ntp[1]}})
        changed["broker"] = {"host": self._broker[0], "port": self._broker[1]}
        changed["power"]["sleep"].update(every_s=every_s, hold_s=0)
        for facts in changed["components"].values():
            if "hold_ms" in facts:
                facts["hold_ms"] = 0
        board = SimBoard(self._folder / name, self._zygote)
        board.create(changed, device_secrets(site, device, MASTER), self._template)
        board.boot()
        return board


def _counters(board: SimBoard) -> Wake:
    world = board.view.world
    return Wake(world.get("starts"), world.awake_ms(), world.radio_ms(), world.get("radio_starts"))


def _since(before: Wake, after: Wake, number: int) -> Wake:
    return (after + before.times(-1)).times(1 / number)


async def _until(condition: Callable[[], object], board: SimBoard) -> None:
    end_s = time.monotonic() + STEP_S
    while not condition():
        if time.monotonic() > end_s:
            raise ToolError(
                f"the simulated board {board.name} did not go on for {STEP_S:.0f} s",
                details=board.log().splitlines()[-5:],
            )
        await asyncio.sleep(POLL_S)
