"""Outages of the broker under 5 messages a second: how soon the first one comes through afterwards, what was
lost on the way, and how long the loop stood still.

Once as it is, once with a kill -9 of the board (of the others' program) in the middle. Each round of each
length is a wave of its own, and they begin one after the other: so all take little longer than the longest,
and yet few boards start, or send what has waited, in the same moment. Fourteen that did so on two cores kept
each other waiting for a tenth of a second, where one alone stood still for a sixtieth.
"""

import asyncio
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.figure import FAILED, Bar, Figure
from tests.bench.outages_players import RESERVE_BYTES, Fate, Firmware, Player, Umqtt, Who
from tests.bench.outages_wave import AWAY, FROZEN, Outage, Wave
from tests.bench.robust import fetched
from tests.faults.helpers import Address
from tests.faults.helpers import Bench as Boards
from tests.lateness import monitor, worst_late_s

NAME = "outages"
TELLS = "The broker away or frozen, and the board killed meanwhile: first delivery, losses, stalls."

FIRMWARE = "firmware"
PEERS = {"umqtt.simple": "simple", "umqtt.robust": "robust"}
CONTESTANTS = (FIRMWARE, *PEERS)
COMPUTER = "this computer"


@dataclass(frozen=True)
class Plan:
    """The longest outages first; a wave begins every `every_s`."""

    outages: tuple[Outage, ...]
    every_s: float

    def begins(self, rounds: int) -> list[tuple[Outage, int, float]]:
        """Each wave: its outage, its round, and after how many seconds it begins."""
        waves = [(outage, number) for outage in self.outages for number in range(rounds)]
        return [(outage, number, place * self.every_s) for place, (outage, number) in enumerate(waves)]


PLAN = Plan((Outage(FROZEN, 120), Outage(FROZEN, 30), Outage(AWAY, 10)), 10)
QUICK_PLAN = Plan((Outage(FROZEN, 16), Outage(FROZEN, 8), Outage(AWAY, 4)), 4)
"""A 7th to a half of the time: --quick."""

LOST = "Zero lost in every outage case."
STALL_MS = 50
STALL = "Outages: loop stall under 50 ms."
FIRST_MEDIAN_S, FIRST_MAX_S = 3, 5
FIRST_MEDIAN = "First delivery within 3 s of the broker's return at the median."
FIRST_MAX = "First delivery within 5 s of the broker's return at most."
NOTE = (
    f"Edges of a door, each on flash at once; reserve_bytes is {RESERVE_BYTES}, for 120 s of them are more "
    "than the default. The others' edges wait in a queue outside of their program as long as that hangs; a "
    "program that was killed tells no stall that it died in."
)
STALL_NOTE = f"{NOTE} `{COMPUTER}`: how late at worst a thread of the benchmark was that only slept."

Fates = dict[Outage, list[dict[Who, Fate]]]
"""Round by round; without those that could not be measured."""


def players(boards: Boards, library: Path, folder: Path, label: str, broker: Address) -> dict[Who, Player]:
    """All contestants of a wave, each once as it is and once to be killed."""
    found: dict[Who, Player] = {}
    for is_killed in (False, True):
        tail = f"{label}{'-killed' if is_killed else ''}"
        found[FIRMWARE, is_killed] = Firmware(boards, broker, f"{FIRMWARE}-{tail}", is_killed)
        for who, kind in PEERS.items():
            found[who, is_killed] = Umqtt(kind, library, folder, broker, f"{kind}-{tail}", is_killed)
    return found


async def play(
    bench: Bench, boards: Boards, library: Path, outage: Outage, number: int, after_s: float
) -> dict[Who, Fate]:
    """One wave. One that fails is told of, and has no fates."""
    await asyncio.sleep(after_s)
    label = f"{outage.how}-{outage.lasts_s:g}-{number}"
    folder = bench.folder / label
    began_s = time.monotonic()
    try:
        wave = Wave(outage, folder, functools.partial(players, boards, library, folder, label))
        found = await wave.play()
    except (OSError, AssertionError, TimeoutError) as error:
        bench.failed(f"{outage}, round {number + 1}: {type(error).__name__}: {error}")
        return {}
    late_ms = 1000 * worst_late_s(began_s, time.monotonic())
    return found | {(COMPUTER, killed): Fate(None, 0, 0, late_ms) for killed in (False, True)}


async def play_all(bench: Bench, boards: Boards, library: Path, plan: Plan) -> Fates:
    begins = plan.begins(bench.rounds)
    played = await asyncio.gather(*(play(bench, boards, library, *begin) for begin in begins))
    fates: Fates = {}
    for (outage, _, _), found in zip(begins, played, strict=True):
        fates.setdefault(outage, []).append(found)
    return fates


def figures(outage: Outage, killed: bool, fates: list[dict[Who, Fate]]) -> list[Figure]:
    """The four of one case."""
    case = f"{outage}{', board killed' if killed else ''}"

    def rounds(value: Callable[[Fate], float | None], *more: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for who in (*CONTESTANTS, *more):
            values = [value(fate[who, killed]) if fate else None for fate in fates]
            found[who] = [FAILED if each is None else float(each) for each in values]
        return found

    first = [
        Bar(FIRMWARE, None, None, FIRST_MEDIAN_S, text=FIRST_MEDIAN),
        Bar(FIRMWARE, None, None, FIRST_MAX_S, "max", FIRST_MAX),
    ]
    lost = [Bar(FIRMWARE, None, None, 0, "sum", LOST)]
    stall = [Bar(FIRMWARE, None, None, STALL_MS, "max", STALL)]
    stalls = rounds(lambda f: f.stall_ms, COMPUTER)
    return [
        Figure(f"outages/{case}: first delivery", "s", "less", rounds(lambda f: f.first_s), first, NOTE),
        Figure(f"outages/{case}: lost", "events", "less", rounds(lambda f: f.lost), lost, NOTE),
        Figure(f"outages/{case}: delivered twice", "events", "less", rounds(lambda f: f.twice), [], NOTE),
        Figure(f"outages/{case}: loop stall", "ms", "less", stalls, stall, STALL_NOTE),
    ]


def measure(bench: Bench) -> list[Figure]:
    plan = QUICK_PLAN if bench.quick else PLAN
    if bench.quick:
        bench.say("quick: the outages are " + ", ".join(map(str, plan.outages)))
    boards = Boards(bench.folder)
    monitor()
    try:
        found = asyncio.run(play_all(bench, boards, fetched(bench.folder.parent), plan))
    finally:
        boards.stop()
    return [
        figure
        for outage, fates in found.items()
        for killed in (False, True)
        for figure in figures(outage, killed, fates)
    ]
