"""`sim up`: a whole site of simulated boards with broker and time server, until it is told to end.

Order matters: broker, time server and the subscriber that watches for readiness are there before the first
board has power, and at the end everything goes that was started here. A lock on the state directory keeps a
second `sim up` out; other commands find this one through site.json.
"""

import asyncio
import fcntl
import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from host_tools.broker import BrokerProcess
from host_tools.build.firmware import build_firmware
from host_tools.errors import BadInput, ToolError
from host_tools.mqtt import Address
from host_tools.sim.board import SimBoard
from host_tools.sim.control import ControlServer
from host_tools.sim.flash import Template
from host_tools.sim.host import ZygoteHost
from host_tools.sim.outfit import Outfit, check_state
from host_tools.sim.ready import Readiness
from host_tools.sim.timeserver import TimeServer
from host_tools.sim.world import LOG_FILE
from host_tools.site.models import Site
from host_tools.site.state import SITE_FILE

LOCK_FILE = "lock"
ZYGOTE_LOG = "zygote.log"
CONNECTING_MAX = 48
"""Boards with power that are not online yet. More would only queue at the broker, past their deadlines."""
CONNECTING_S = 10.0

Json = dict[str, Any]
POWER_SAID = {"boot": "power on", "cut": "power cut", "brownout": "the supply sags"}
CAUSES = {2: "hard reset", 3: "watchdog", 4: "awake again", 5: "soft reset"}


@dataclass
class Plan:
    """What is asked for."""

    site: Site
    state_dir: Path
    outfit: Outfit
    log: Callable[[str], None] = lambda _: None  # talk
    on_broker: Callable[[str, str], None] = lambda _url, _kind: None
    on_online: Callable[[Json], None] = lambda _: None
    on_ready: Callable[[], None] = lambda: None


class StateLock:
    """One `sim up` a state directory. The kernel frees it with the process, however that ends."""

    def __init__(self, state_dir: Path) -> None:
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = (state_dir / LOCK_FILE).open("a+")
        except OSError as error:
            raise ToolError(
                f"cannot write to {state_dir}: {error.strerror or error}",
                hint="give a directory that you may write to with --state DIR",
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            raise BadInput(
                f"a simulation runs in {state_dir} already, pid {pid}",
                hint=f"end it with `kill {pid}`, or use another --state DIR",
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.truncate(0)
        self._file.close()


class SimSite:
    """The running simulation. `run` returns when `stop` was set; use it once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stop = asyncio.Event()
        self.boards: dict[str, SimBoard] = {}
        self.broker: BrokerProcess | None = None  # None: somebody else's
        self._undo: list[Callable[[], object]] = []
        self._failure: BaseException | None = None
        self._connecting = asyncio.Semaphore(CONNECTING_MAX)
        self._came_online: dict[str, asyncio.Event] = {}
        self._queue: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Bring the site up and keep it up. Everything is gone when this returns or raises."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._start(tasks)
            await self.stop.wait()
        finally:
            tasks += self._queue
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for undo in reversed(self._undo):
                undo()
        if self._failure is not None:
            raise self._failure

    async def _start(self, tasks: list[asyncio.Task[None]]) -> None:
        plan = self.plan
        lock = StateLock(plan.state_dir)
        self._undo.append(lock.release)
        check_state(plan.state_dir, plan.site.site)
        raise_file_limit()
        template = Template(build_firmware())
        address = self._start_broker()
        time_server = await TimeServer.start(plan.outfit.ntp_port)
        self._undo.append(time_server.stop)
        zygote = ZygoteHost(plan.state_dir / ZYGOTE_LOG)
        self._undo.append(zygote.stop)
        loop = asyncio.get_running_loop()
        loop.add_reader(zygote.fileno(), self._hear, zygote)
        self._undo.append(lambda: loop.remove_reader(zygote.fileno()))
        control = await ControlServer.start(plan.state_dir, self._power)
        self._undo.append(control.stop)
        ready = Readiness(plan.site.site, self._online)
        seen = asyncio.Event()
        tasks.append(self._watched(ready.watch(address, seen), "subscriber"))
        await self._until(seen)
        reachable = (numeric_host(address.host), address.port)
        ntp = (time_server.host, time_server.port)

        async def power_all() -> None:
            for name, device in plan.site.devices.items():
                ready.expect(name, list(device.components))
            for name in plan.site.devices:
                board = SimBoard(plan.state_dir / "boards" / name, zygote)
                plan.outfit.equip(board, template, reachable, ntp)
                self.boards[name] = board
                await self._power_one(name, board, ready)
            await ready.done.wait()
            plan.on_ready()

        tasks.append(self._watched(power_all(), "boards"))

    async def _until(self, event: asyncio.Event) -> None:
        """Wait for the event, or for the end."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _watched(self, work: Any, name: str) -> asyncio.Task[None]:
        """A task whose failure ends the simulation instead of passing unseen."""
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                self._failure = self._failure or task.exception()
                self.stop.set()

        task.add_done_callback(ended)
        return task

    def _start_broker(self) -> Address:
        plan = self.plan
        found = plan.outfit.broker()
        self.broker = found.process
        if found.process is not None:
            self._undo.append(found.process.stop)
        write_site_file(plan.state_dir, plan.site.site, str(found.address))
        self._undo.append(lambda: (plan.state_dir / SITE_FILE).unlink(missing_ok=True))
        plan.on_broker(str(found.address), found.kind)
        return found.address

    # --- boards ---

    async def _power_one(self, name: str, board: SimBoard, ready: Readiness) -> None:
        """Switch a board on as soon as few enough others are still connecting."""
        await self._connecting.acquire()
        await asyncio.sleep(0)  # `acquire` alone lets nobody else run
        online = self._came_online[name] = asyncio.Event()
        ready.booted(name)
        board.boot()

        async def leave_queue() -> None:
            try:
                await asyncio.wait_for(online.wait(), CONNECTING_S)
            except TimeoutError:
                self.plan.log(f"{name} is not online after {CONNECTING_S:.0f} s; it keeps trying")
            finally:
                self._connecting.release()

        waiting = asyncio.create_task(leave_queue())
        self._queue.add(waiting)
        waiting.add_done_callback(self._queue.discard)

    def _online(self, name: str, online_ms: int) -> None:
        self._came_online[name].set()
        board = self.boards[name]
        self.plan.on_online(
            {
                "board": name,
                "pid": board.pid(),
                "state_dir": str(self.plan.state_dir.resolve()),
                "online_ms": online_ms,
            }
        )

    def _power(self, command: str, name: str) -> int:
        if name not in self.boards:
            known = ", ".join(list(self.boards)[:20])
            raise BadInput(f"there is no board {name!r} in this simulation", hint=f"its boards: {known}")
        board = self.boards[name]
        if command == "boot" and (board.pid() or board.view.world.get("asleep")):
            raise BadInput(f"{name} has power already", hint=f"sportbox sim cut {name}")
        if command == "brownout" and not board.view.world.has_power():
            raise BadInput(f"{name} has no power", hint=f"sportbox sim boot {name}")
        self.plan.log(f"{name}: {POWER_SAID[command]}")
        return {"boot": board.boot, "cut": board.cut, "brownout": board.brownout}[command]()

    def _hear(self, zygote: ZygoteHost) -> None:
        try:
            events = zygote.events()
        except ToolError as e:
            asyncio.get_running_loop().remove_reader(zygote.fileno())
            self._failure = e
            self.stop.set()
            return
        for event in events:
            if event["event"] == "reset":
                self.plan.log(f"{event['board']}: {CAUSES.get(event['cause'], 'reset')}")
            elif event["event"] == "asleep":
                self.plan.log(f"{event['board']}: asleep")
            else:
                console = self.boards[event["board"]].folder / LOG_FILE
                self.plan.log(f"{event['board']} {event['event']}; its console is {console}")


def write_site_file(state_dir: Path, site: str, broker: str) -> None:
    path = state_dir / SITE_FILE
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps({"site": site, "broker": broker, "pid": os.getpid()}) + "\n")
    draft.replace(path)


def raise_file_limit() -> None:
    """A thousand boards are a thousand connections at the broker, which inherits this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def numeric_host(host: str) -> str:
    """The broker's IPv4 address: a name would make each board ask for it, and DNS blocks the VM."""
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except OSError as e:
        raise BadInput(f"the broker's host {host} has no IPv4 address: {e.strerror or e}") from None


async def run_until_signal(plan: Plan) -> None:
    """Run the simulation until SIGINT or SIGTERM, or until the terminal is closed."""
    sim = SimSite(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, sim.stop.set)
    await sim.run()
