"""One seed for one board, from begin to end: the world is set up, the plan happens, the calm end comes.

Everything that happens in a run hangs on its seed, its plan and the firmware, nothing on this machine's
clock. `steady()` has to come first in a process: with addresses that change from run to run, the VM's
garbage collector would find other things.
"""

import ctypes
import functools
import os
import random
import resource
import shutil
import sys
import zlib
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from host_tools.build.firmware import build_firmware
from host_tools.setup.paths import REPOSITORY
from host_tools.sim import times
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.rules import BoardWorld
from host_tools.sim.shims import shim_folder
from host_tools.sim.world import LOG_FILE
from host_tools.site.keys import code_key
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.resolve import device_config, device_secrets, locks_with_codes
from host_tools.storm.agenda import BEGIN_US, Agenda
from host_tools.storm.machine import life, vm
from host_tools.storm.machine.board import Board
from host_tools.storm.machine.clocks import clocks_of_this_process
from host_tools.storm.machine.core import one_core
from host_tools.storm.machine.image import Image
from host_tools.storm.machine.surface import StormWorld
from host_tools.storm.network.broker import Broker
from host_tools.storm.network.net import Net
from host_tools.storm.network.servers import Dns, TimeServer
from host_tools.storm.stage import Stage
from host_tools.storm.trace import Record, Trace
from host_tools.storm.wall import VirtualClock
from host_tools.storm.weather import faults
from host_tools.storm.weather.plan import Plan

SITE = REPOSITORY / "host_tools" / "storm" / "ground.yaml"
BROKER = ("broker.storm", 1883)
NTP = ("time.storm", 123)
NAMES = {BROKER[0]: "10.0.0.1", NTP[0]: "10.0.0.2"}
MASTER = b"the storm guards nothing at all."
START_S = 20.0
"""Of virtual time: then a board has started."""
SLEEP_IMPORTS = "\n/.shims _power\n/.shims _wake"
"""Of the shims, what a board needs to go to sleep, at the end of most of its lives."""
NO_RANDOM_ADDRESSES = 0x0040000  # ADDR_NO_RANDOMIZE of personality(2)

Json = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What came of a run. `cpu_s` counts the VM's lives, too."""

    records: list[Record]
    config: Json
    plan: Plan
    digest: str
    virtual_s: float
    cpu_s: float


def steady() -> None:
    """This process begins anew, once, with addresses and hashes that are the same each time."""
    libc = ctypes.CDLL(None, use_errno=True)
    now = libc.personality(0xFFFFFFFF)
    if now & NO_RANDOM_ADDRESSES and os.environ.get("PYTHONHASHSEED") == "0":
        return
    libc.personality(now | NO_RANDOM_ADDRESSES)
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@functools.cache
def _site() -> Site:
    """Once a process, as all that no run changes."""
    return load_site(SITE)


@functools.cache
def _template() -> Template:
    return Template(build_firmware())


@functools.cache
def _shims() -> Path:
    return shim_folder(*vm.SOURCES)


def boards_of(count: int) -> list[str]:
    """The first boards of the storm's site, then the same again: each is a run of its own."""
    names = list(_site().devices)
    return [f"{names[n % len(names)]}.{n // len(names) + 1}".removesuffix(".1") for n in range(count)]


def config_of(board: str) -> Json:
    return device_config(_site(), board.partition(".")[0], BROKER, NTP)


_images: dict[str, Image] = {}
"""Of the boards that this process has played."""


def image_of(board: str, folder: Path) -> Image:
    """What boots of this board have in common; made in `folder`, once."""
    name = board.partition(".")[0]
    if name not in _images:
        home = folder / name
        try:
            imports = _imports_of(name, folder)
            if (config_of(name).get("power") or {}).get("sleep") is not None:
                imports += SLEEP_IMPORTS
            SimBoard(home).create(config_of(name), device_secrets(_site(), name, MASTER), _template())
            _images[name] = Image(home, _shims(), clocks_of_this_process(), _template(), imports)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return _images[name]


def _imports_of(name: str, folder: Path) -> str:
    """By a start in which nothing else happens."""
    agenda = Agenda()
    times.use(VirtualClock(agenda))
    try:
        plan = Plan("image", START_S / 3600, name, (), ())
        _run("image", name, plan, folder, agenda, Trace(agenda), imports=life.NOTE)
        console = (folder / name / LOG_FILE).read_text(encoding="utf-8").splitlines()
    finally:
        times.use(times.Clock())
        shutil.rmtree(folder, ignore_errors=True)
    said = [line.removeprefix(life.IMPORTS) for line in console if line.startswith(life.IMPORTS)]
    first = takewhile(lambda line: line != life.BEGINS, said[1:])  # one that falls begins again
    return "\n".join(first)


def play(
    seed: str, board: str, plan: Plan, folder: Path, leaps: bool = True, has_image: bool = True
) -> Played:
    """`folder` is made, and gone afterwards; one in memory is faster. `leaps`: vm/_leap.py; `has_image`:
    machine/image.py."""
    image = image_of(board, folder.with_name(f"{folder.name}.image")) if has_image else None
    begin_s = _cpu_s()
    agenda = Agenda()
    trace = Trace(agenda)
    times.use(VirtualClock(agenda))
    try:
        with one_core():
            config = _run(seed, board, plan, folder, agenda, trace, leaps, image)
    finally:
        times.use(times.Clock())
        shutil.rmtree(folder, ignore_errors=True)
    virtual_s = (agenda.now_us - BEGIN_US) / 1e6
    return Played(trace.records, config, plan, trace.digest(), virtual_s, _cpu_s() - begin_s)


def _run(
    seed: str,
    board: str,
    plan: Plan,
    folder: Path,
    agenda: Agenda,
    trace: Trace,
    leaps: bool = True,
    image: Image | None = None,
    imports: str = "",
) -> Json:
    name = board.partition(".")[0]
    site = _site()
    config = config_of(board)
    home = folder / name
    secrets = device_secrets(site, name, MASTER)
    SimBoard(home).create(config, secrets, _template())
    view = BoardWorld(name, StormWorld(home), config)
    view.world.put("ssid_crc", zlib.crc32(secrets["wifi"]["ssid"].encode()))
    own = f"{seed}/{board}"
    net = Net(agenda, trace, random.Random(f"{own}/net"))
    body = Board(agenda, trace, net, view, home, _shims(), own, leaps, image, imports)
    version = site.devices[name].key_version
    stage = Stage(
        agenda=agenda,
        trace=trace,
        rng=random.Random(f"{own}/stage"),
        net=net,
        broker=Broker(agenda, trace, net, random.Random(f"{own}/broker")),
        time_server=TimeServer(agenda, trace, net, random.Random(f"{own}/ntp")),
        dns=Dns(trace, net, random.Random(f"{own}/dns"), NAMES),
        world=view,
        config=config,
        keys={kid: bytes.fromhex(facts["k"]) for kid, facts in secrets["keys"].items()},
        board=body,
        plan=plan,
        codes={
            lock: code_key(MASTER, site.site, name, lock, version)
            for lock in locks_with_codes(site.devices[name])
        },
    )
    faults.schedule(stage)
    try:
        body.restore()
        body.run_until(plan.end_us)
        _sum_up(trace, view)
    finally:
        body.end()
        trace.note("end")
        view.world.close()
    return config


def _sum_up(trace: Trace, view: BoardWorld) -> None:
    world = view.world
    for name in view.names("lock"):
        now = view.lock(name).now()
        trace.note(
            "coil",
            lock=name,
            pulses=now.pulses,
            longest_us=now.longest_ms * 1000,
            total_us=now.total_ms * 1000,
            burnt=now.burnt,
        )
    programmed, erases = (world.get(f"flash_{what}") for what in ("programmed_bytes", "erases"))
    trace.note("flash", programmed_bytes=programmed, erases=erases)


def _cpu_s() -> float:
    own, lives = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + lives.ru_utime + lives.ru_stime
