"""A hundred boards get new firmware over a rough way, with the broker restarted in the middle; a bad bundle
stops at the canary."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.mqtt import Address
from host_tools.sim.board import SimBoard
from host_tools.sim.host import ZygoteHost
from host_tools.sim.outfit import Own
from host_tools.site.load import load_site
from host_tools.site.present import Seen, who_is_there
from host_tools.update.build import build
from host_tools.update.rollout.store import Store
from tests.brokers import start
from tests.faults.helpers import TimeServer, patched_firmware, template, wait_until
from tests.faults.rough import Roughness, RoughWay

BOARDS = 100
SITE = "fleet"
NAMES = [f"court-{number:03}" for number in range(BOARDS)]
BOARD = "  {name}: {{board: field-esp32c3, components: {{court-1: {{}}}}}}\n"
TEXT = f"version: 1\nsite: {SITE}\ndefaults: {{telemetry_s: 600}}\ndevices:\n"
ROUGH = Roughness(doomed=0.5, life_s=15, slow=0.01, delay_s=0.2)
ROLLOUT_S = 400.0


class Fleet:
    """Boards with real firmware at a broker, all of them, and the host, behind a rough way."""

    def __init__(self, folder: Path, broker: BrokerProcess, way: RoughWay) -> None:
        self.folder = folder
        self.broker = broker
        self.way = way
        self.file = folder / "site.yaml"
        self.file.write_text(TEXT + "".join(BOARD.format(name=name) for name in NAMES))
        self.state = folder / "state"
        self.zygote = ZygoteHost(folder / "zygote.log")
        self.time_server = TimeServer()
        outfit = Own(load_site(self.file), self.state, broker.url)
        self.boards = {name: SimBoard(self.state / "boards" / name, self.zygote) for name in NAMES}
        for board in self.boards.values():
            outfit.equip(board, template(), (way.host, way.port), self.time_server.address)
        for board in self.boards.values():
            board.boot()
        wait_until(lambda: all(seen.is_online for seen in self.look().values()), "all are online", 60)

    def look(self) -> dict[str, Seen]:
        """What the boards say of themselves, without the rough way."""
        address = Address(self.broker.host, self.broker.port)
        seen = who_is_there(address, SITE, NAMES)
        return {name: seen.get(name, Seen()) for name in NAMES}

    def versions(self) -> dict[str, str]:
        return {name: str(seen.info.get("firmware")) for name, seen in self.look().items()}

    def starts(self, version: str) -> dict[str, int]:
        """How often each board has restarted by itself into a version."""
        line = f"starts: reset hard, firmware {version}\n"
        return {name: board.log().count(line) for name, board in self.boards.items()}

    def bundle(self, version: str, firmware: Path | None = None) -> Path:
        path = self.folder / f"{version}.update"
        path.write_bytes(build(firmware, version))
        return path

    def update(
        self, bundle: Path, *more: str, meanwhile: Callable[[], None] = lambda: None
    ) -> tuple[int, list[dict[str, Any]]]:
        """Exit status, and what it printed."""
        words = [sys.executable, "-m", "host_tools.cli", "update", "start", str(self.file), "--json"]
        words += ["--bundle", str(bundle), "--state", str(self.state), "--broker", self.way.url, *more]
        with (self.folder / f"{bundle.stem}.log").open("wb") as log:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                meanwhile()
                out, _ = process.communicate(timeout=ROLLOUT_S)
            finally:
                process.kill()
        return process.returncode, [json.loads(line) for line in out.splitlines()]

    def done(self) -> int:
        store = Store(self.state / "rollout.db", SITE)
        rollout = store.newest()
        return 0 if rollout is None else sum(row.state == "done" for row in store.rows(rollout))

    def close(self) -> None:
        self.zygote.stop()
        self.time_server.stop()


@pytest.fixture
def fleet(run_dir: Path, seed: int) -> Iterator[Fleet]:
    with start("mosquitto", run_dir) as broker, RoughWay(broker.port, seed, ROUGH) as way:
        made = Fleet(run_dir, broker, way)
        try:
            yield made
        finally:
            made.close()


@pytest.mark.timeout(600)
def test_all_arrive_or_are_named_and_a_bad_bundle_stops_at_the_canary(fleet: Fleet) -> None:
    falls = [("import asyncio\n", 'import asyncio\n\nraise ValueError("no")\n')]
    broken = patched_firmware(fleet.folder, {"sportbox/box.py": falls})
    status, lines = fleet.update(fleet.bundle("0.3.0", broken), "--soak", "0", "--max-failures", "9")
    *steps, last = lines
    assert (status, last["state"], last["boards"]) == (1, "stopped", {"waiting": BOARDS - 1, "failed": 1})
    (canary,) = {step["board"] for step in steps}
    assert last["why"] == f"a canary failed: {canary} (crash)"
    wait_until(lambda: set(fleet.versions().values()) == {"0.1.0"}, "all run the old version", 30)

    def restart_the_broker() -> None:
        wait_until(lambda: fleet.done() >= 25, "a quarter has it", 200)
        fleet.broker.kill()
        fleet.broker.restart()

    rules = ["--soak", "1", "--waves", "20%,100%", "--canary", "2", "--max-failures", "5"]
    rules += ["--at-once", "32", "--board-time", "2m", "--wait", "15s"]
    status, lines = fleet.update(fleet.bundle("0.2.0"), *rules, meanwhile=restart_the_broker)
    ends = {line["board"]: line for line in lines if "board" in line}
    named = {name for name, end in ends.items() if end["state"] != "done"}
    assert fleet.way.resets > 20 and fleet.way.delays > 200, "the way was not rough"
    assert set(ends) == set(NAMES)
    assert (status, lines[-1]["state"]) == (1 if named else 0, "over")
    assert len(named) <= 5, {name: ends[name] for name in named}
    fleet.way.calm()
    wait_until(
        lambda: {name for name, version in fleet.versions().items() if version != "0.2.0"} <= named,
        "who is not named has it",
        30,
    )
    starts = fleet.starts("0.2.0")
    assert {name: count for name, count in starts.items() if count != 1 and name not in named} == {}
