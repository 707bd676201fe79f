"""`sportbox demo`: sets the stage in a temporary directory, plays the evening, counts, cleans up."""

import asyncio
import contextlib
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from host_tools.broker import BrokerProcess
from host_tools.build.firmware import build_firmware
from host_tools.demo.account import Fault, faults, summarize
from host_tools.demo.evening import Evening, Script
from host_tools.demo.ground import Ground, Unmet
from host_tools.demo.network import Network
from host_tools.demo.story import JsonStory, Line, Outcome, Story
from host_tools.demo.tokens import Desk
from host_tools.demo.words import Words
from host_tools.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from host_tools.mqtt import Address
from host_tools.output import report, say
from host_tools.setup.paths import REPOSITORY
from host_tools.sim.outfit import Own, kind_to_start
from host_tools.sim.site import Plan, SimSite
from host_tools.site.kinds import Court
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.secrets import load_or_create
from host_tools.words import language

SITE_FILE = REPOSITORY / "sites" / "hafensport-rostock.yaml"
SEED_BELOW = 10_000
TELEMETRY_S = 2
SALVAGE_S = 5.0
HOLD_MS = 3_000


def demo(json_: bool = False, seed: int | None = None, broker: str = "auto") -> int:
    """Play the evening. Its directory is kept, and named, when it did not end well."""
    kind_to_start(broker)
    words = Words(language())
    chosen = secrets.randbelow(SEED_BELOW) if seed is None else seed
    site = demo_site()
    build_firmware()  # the first time that takes seconds, which are none of the evening's
    directory = Path(tempfile.mkdtemp(prefix="sportbox-demo-"))
    status = EXIT_FAILED
    try:
        with _story(words, site, json_) as story:
            status = asyncio.run(_play(site, story, directory, chosen, broker))
    except (KeyboardInterrupt, asyncio.CancelledError):
        status = EXIT_INTERRUPTED
    finally:
        if status == EXIT_FAILED:
            say(words("kept", directory=directory))
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return status


def demo_site() -> Site:
    """The sample site at the pace of an evening in a minute: telemetry and empty courts come sooner."""
    site = load_site(SITE_FILE)
    devices = {}
    for name, device in site.devices.items():
        parts = {
            part: found.model_copy(update={"hold_ms": HOLD_MS}) if isinstance(found, Court) else found
            for part, found in device.components.items()
        }
        devices[name] = device.model_copy(update={"components": parts})
    defaults = site.defaults.model_copy(update={"telemetry_s": TELEMETRY_S})
    return site.model_copy(update={"defaults": defaults, "devices": devices})


def _story(words: Words, site: Site, json_: bool) -> Story:
    if json_:
        return JsonStory(words)
    from rich.console import Console

    from host_tools.demo.screen import Screen

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # an umlaut must not end the demo on a terminal without
    return Screen(words, Console(), ZoneInfo(site.time_zone))


async def _play(site: Site, story: Story, directory: Path, seed: int, broker_kind: str) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    begin_s = time.monotonic()
    with BrokerProcess.start(kind_to_start(broker_kind), state_dir=directory / "broker") as broker:
        network = Network(Address(broker.host, broker.port))
        await network.start()
        try:
            ground = Ground(site, story, broker, network)
            story.title(site.title or site.site, len(site.devices), broker.kind, seed)
            await _perform(ground, Evening(ground, Script.draw(seed, ground.played)), directory)
        finally:
            await network.stop()
    found = ground.faults + faults(ground.ledger)
    historical = sum(event.historical for event in ground.witness.events)
    seconds = time.monotonic() - begin_s
    story.outcome(Outcome(summarize(ground.ledger), found, historical, ground.stall_ms(), seconds))
    return EXIT_FAILED if found else EXIT_DONE


async def _perform(ground: Ground, evening: Evening, directory: Path) -> None:
    """Run subscriber, boards and scenes together; the first that fails ends the others and is raised."""
    ground.desk = Desk(ground.site, load_or_create(directory, ground.site.site))
    ground.sim = SimSite(
        Plan(
            ground.site,
            directory,
            Own(ground.site, directory, str(ground.network.address)),
            log=ground.notes.append,
            on_online=lambda line: ground.story.line(
                Line(line["board"], "board.online", {"ms": line["online_ms"]}, "good")
            ),
            on_ready=ground.ready.set,
        )
    )
    try:
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(ground.witness.run())
            await ground.wait_for("the subscriber reaches the broker", ground.witness.subscribed.is_set)
            simulating = group.create_task(ground.sim.run())
            try:
                await evening.play()
            except Unmet as unmet:  # the account is still worth having
                ground.faults.append(Fault("unmet", {"what": unmet.message}))
                report(unmet.message, unmet.hint, unmet.details)
                with contextlib.suppress(Unmet):  # then it is made from what the boards said last
                    await ground.count(SALVAGE_S)
            ground.sim.stop.set()
            await simulating
            listening.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
