"""Outages of the broker under 5 messages a second: how soon the first one comes through afterwards, what was
lost on the way, and how long the loop stood still.

Once as it is, once with a kill -9 of the board (of the others' program) in the middle. Outages of different
lengths are played side by side, and those of one length in waves, so that all take little longer than the
longest.
"""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.figure import FAILED, Bar, Figure
from tests.bench.outages_players import RESERVE_BYTES, Fate, Firmware, Player, Umqtt
from tests.bench.outages_wave import AWAY, FROZEN, Outage, Wave
from tests.bench.robust import fetched
from tests.faults.helpers import Address
from tests.faults.helpers import Bench as Boards

NAME = "outages"
TELLS = "The broker away or frozen, and the board killed meanwhile: first delivery, losses, stalls."

FIRMWARE = "firmware"
PEERS = {"umqtt.simple": "simple", "umqtt.robust": "robust"}
CONTESTANTS = (FIRMWARE, *PEERS)


@dataclass(frozen=True)
class Lane:
    """Outages of one length; `waves` of them one after the other, the rounds shared out among them."""

    outage: Outage
    waves: int


LANES = (Lane(Outage(AWAY, 10), 4), Lane(Outage(FROZEN, 30), 3), Lane(Outage(FROZEN, 120), 1))
QUICK_LANES = (Lane(Outage(AWAY, 4), 1), Lane(Outage(FROZEN, 8), 1), Lane(Outage(FROZEN, 16), 1))
"""A 15th to a half of the time: --quick."""

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

Fates = dict[tuple[str, bool], list[Fate | None]]
"""By contestant, and whether it was killed; round by round, None where it could not be measured."""


def shares(rounds: int, waves: int) -> list[int]:
    """How many rounds each wave has."""
    waves = min(rounds, waves)
    return [rounds // waves + (n < rounds % waves) for n in range(waves)]


def players(
    boards: Boards, library: Path, folder: Path, label: str, rounds: int, broker: Address
) -> list[Player]:
    """All contestants of a wave, each once as it is and once to be killed, for some rounds."""
    found: list[Player] = []
    for number in range(rounds):
        for is_killed in (False, True):
            tail = f"{label}-{number}{'-killed' if is_killed else ''}"
            found.append(Firmware(boards, broker, f"{FIRMWARE}-{tail}", is_killed))
            for kind in PEERS.values():
                found.append(Umqtt(kind, library, folder, broker, f"{kind}-{tail}", is_killed))
    return found


async def play(bench: Bench, boards: Boards, library: Path, lane: Lane) -> Fates:
    """One lane from its first wave to its last."""
    fates: Fates = {(who, killed): [] for who in CONTESTANTS for killed in (False, True)}
    for wave, rounds in enumerate(shares(bench.rounds, lane.waves)):
        label = f"{lane.outage.how}-{lane.outage.lasts_s:g}-{wave}"
        folder = bench.folder / label
        made = functools.partial(players, boards, library, folder, label, rounds)
        try:
            found = await Wave(lane.outage, folder, made).play()
        except (OSError, AssertionError, TimeoutError) as error:
            bench.failed(f"{lane.outage}, wave {wave + 1}: {type(error).__name__}: {error}")
            found = {}
        for who, killed in fates:
            for number in range(rounds):
                kind = PEERS.get(who, who)
                name = f"{kind}-{label}-{number}{'-killed' if killed else ''}"
                fates[who, killed].append(found.get(name))
    return fates


def figures(outage: Outage, killed: bool, fates: Fates) -> list[Figure]:
    """The four of one case."""
    case = f"{outage}{', board killed' if killed else ''}"

    def rounds(value: Callable[[Fate], float | None]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for who in CONTESTANTS:
            values = [None if fate is None else value(fate) for fate in fates[who, killed]]
            found[who] = [FAILED if each is None else float(each) for each in values]
        return found

    first = [
        Bar(FIRMWARE, None, None, FIRST_MEDIAN_S, text=FIRST_MEDIAN),
        Bar(FIRMWARE, None, None, FIRST_MAX_S, "max", FIRST_MAX),
    ]
    lost = [Bar(FIRMWARE, None, None, 0, "sum", LOST)]
    stall = [Bar(FIRMWARE, None, None, STALL_MS, "max", STALL)]
    return [
        Figure(f"outages/{case}: first delivery", "s", "less", rounds(lambda f: f.first_s), first, NOTE),
        Figure(f"outages/{case}: lost", "events", "less", rounds(lambda f: f.lost), lost, NOTE),
        Figure(f"outages/{case}: delivered twice", "events", "less", rounds(lambda f: f.twice), [], NOTE),
        Figure(f"outages/{case}: loop stall", "ms", "less", rounds(lambda f: f.stall_ms), stall, NOTE),
    ]


async def play_all(bench: Bench, boards: Boards, library: Path, lanes: tuple[Lane, ...]) -> list[Fates]:
    return await asyncio.gather(*(play(bench, boards, library, lane) for lane in lanes))


def measure(bench: Bench) -> list[Figure]:
    lanes = QUICK_LANES if bench.quick else LANES
    if bench.quick:
        bench.say("quick: the outages are " + ", ".join(str(lane.outage) for lane in lanes))
    boards = Boards(bench.folder)
    try:
        found = asyncio.run(play_all(bench, boards, fetched(bench.folder.parent), lanes))
    finally:
        boards.stop()
    return [
        figure
        for lane, fates in zip(lanes, found, strict=True)
        for killed in (False, True)
        for figure in figures(lane.outage, killed, fates)
    ]
