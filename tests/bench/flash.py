"""What events cost the flash, by way of keeping them until the broker has them.

The littlefs of the VM lies on a block device that counts (vm/flash_wear.py), mounted as an ESP32 mounts its
own: 32 bytes read and programmed at a time, erase blocks of 4 KiB.
"""

import json
from collections.abc import Callable
from pathlib import Path

from host_tools.build.firmware import build_firmware
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import BLOCK_BYTES, SLOTS, Template, mounted
from host_tools.sim.world import FLASH_FILE
from tests.bench.bench import Bench, Unmeasured
from tests.bench.figure import Bar, Figure
from tests.bench.several import Values, fewer, several
from tests.sim.boards import CONFIG
from tests.vm.machine import executable, run_bounded, search_path

NAME = "flash"
TELLS = "bytes programmed and blocks erased for 1,000 events, and how long a flash of 4 MiB lasts"

SCRIPT = Path(__file__).parent / "vm" / "flash_wear.py"
HEAP = "16m"  # the flash itself lies in it
EVENTS = 1000
EVENTS_QUICK = 250
ROUNDS = 2  # each with other sizes of events; what they cost hardly differs
TIMEOUT_S = 300

FIRMWARE = "firmware"
FILE, JSON, APPEND = "a file an event", "one JSON file", "append and close"
NAIVE = {FILE: "file", JSON: "json", APPEND: "append"}
BATCHED = ("online", "offline", "offline, room for all")
A_DAY = ("2,000 a day", "2,000 small ones a day")
SCENARIOS = {
    "online": "300 bytes, 8 a second, the broker takes them at once",
    "offline": "300 bytes, 8 a second, no broker; all have the 48 KiB of a board's default, the oldest go",
    "offline, room for all": "as offline, with room for all 1,000; one JSON file of them would not fit into"
    " a board's heap",
    "at once": "300 bytes each, on flash before anything else happens: orders and alarms",
    "2,000 a day": "300 bytes, one every 43 s: no batch ever has more than one",
    "2,000 small ones a day": "90 bytes, one every 43 s: somebody passes a gate",
}
TEXT = "ordinary events batched: at most 2 times the payload bytes and 0.25 erases an event"
ERASES_A_BLOCK = 100_000
"""Espressif's data sheets of the modules with 4 MiB (ESP32-S3-WROOM-1, section on memory): more than 100,000
program/erase cycles a sector. Winbond's W25Q32JV says the same."""
LIFE = f"{ERASES_A_BLOCK:,} erases of each free block (data sheet of the ESP32-S3-WROOM-1), evenly spread"
EVENTS_A_DAY = 2000
DAYS_A_YEAR = 365.25


def measure(bench: Bench) -> list[Figure]:
    less = fewer(bench, ROUNDS)
    blocks = spare_blocks(bench.folder)
    bench.say(f"{blocks} blocks of 4 KiB are free on a board of 4 MiB with firmware in both slots")
    figures = []
    for scenario, tells in SCENARIOS.items():
        found = several(less, contestants(bench, scenario))
        is_batched = scenario in BATCHED
        for quantity, unit, limit in (("programmed", "x payload bytes", 2.0), ("erases", "an event", 0.25)):
            bars = [Bar(FIRMWARE, None, None, limit, text=TEXT)] if is_batched else []
            figures.append(
                Figure(f"flash/{scenario}: {quantity}", unit, "less", found[quantity], bars, tells)
            )
        if scenario in A_DAY:
            years = {
                name: [life_years(one, blocks) for one in rounds] for name, rounds in found["erases"].items()
            }
            figures.append(Figure(f"flash/{scenario}: life of 4 MiB", "years", "more", years, note=LIFE))
        if scenario == "offline":
            figures.append(
                Figure(f"flash/{scenario}: events that had no room", "events", "less", found["lost"])
            )
    return figures


def life_years(erases_an_event: float, blocks: int) -> float:
    return blocks * ERASES_A_BLOCK / (erases_an_event * EVENTS_A_DAY) / DAYS_A_YEAR


def spare_blocks(folder: Path) -> int:
    """What events wear: littlefs puts new content into free blocks, by turns, and leaves the rest alone."""
    files = build_firmware()
    board = SimBoard(folder / "spare")
    board.create(CONFIG, {}, Template(files))
    with mounted(board.folder / FLASH_FILE) as fs:
        free = fs.block_count - fs.used_block_count
    other_slot = sum(
        -(-len(data) // BLOCK_BYTES) for path, data in files.items() if path.startswith(SLOTS[0] + "/")
    )
    return free - other_slot


def contestants(bench: Bench, scenario: str) -> dict[str, Callable[[], Values]]:
    ways = {FIRMWARE: FIRMWARE, **NAIVE}
    if scenario == "offline, room for all":
        del ways[JSON]
    events = EVENTS_QUICK if bench.quick else EVENTS
    return {name: Wear(bench.folder, scenario, way, events) for name, way in ways.items()}


class Wear:
    """One contestant in one scenario; each round has its own sizes of events."""

    def __init__(self, folder: Path, scenario: str, way: str, events: int) -> None:
        self._folder, self._scenario, self._way, self._events = folder, scenario, way, events
        self._round = 0

    def __call__(self) -> Values:
        self._round += 1
        words = [self._scenario, self._way, str(self._events), str(self._round)]
        vm = executable()
        if vm is None:
            raise Unmeasured("no MicroPython VM here")
        command = [vm, "-X", f"heapsize={HEAP}", str(SCRIPT), *words]
        ended, said = run_bounded(command, search_path(SCRIPT.parent), self._folder, TIMEOUT_S)
        if ended != "exit status 0":
            raise Unmeasured(f"{self._scenario}: {ended}: {said.strip().rpartition(chr(10))[2]}")
        found = json.loads(said)
        return {
            "programmed": found["programmed_bytes"] / found["payload_bytes"],
            "erases": found["erases"] / self._events,
            "lost": float(found["lost"]),
        }
