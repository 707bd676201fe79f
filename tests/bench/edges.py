"""From a sensor's edge to a subscriber at the broker: a door's contact, which is debounced, kept on flash and
then published at QoS 1.

The firmware waits DEBOUNCE_MS before it believes a contact; that is taken off, for the others believe it at
once. They keep nothing, so they are there for the idle case alone: in the others they lose the edge, or wait
for it with all else.
"""

import functools
from collections.abc import Callable

from tests.bench.bench import Bench
from tests.bench.edges_stage import DEBOUNCE_MS, Stage, stage_of
from tests.bench.figure import Figure
from tests.bench.times import Series, in_ms, taken

NAME = "edges"
TELLS = (
    "From a sensor's edge to a subscriber at the broker, in quiet and while the board has other things to do."
)

FIRMWARE = "firmware"
PEERS = {"raw socket": "raw", "umqtt.simple": "umqtt", "umqtt.simple nodelay": "umqtt-nodelay"}
COUNT, QUICK_COUNT = 40, 20
FEW, QUICK_FEW = 6, 3
"""Of what takes a second each."""
NOTES = {
    "idle": "",
    "a batch goes to flash": "Eight ordinary events wait in RAM and are written first, in the same go.",
    "an update is pulled": "Its blocks come one after the other, each checked and written.",
    "reconnect": (
        "The connection is closed by the broker's side just before. "
        "The board pauses for 50 to 250 ms, connects, and says what it is before the event."
    ),
    "TLS handshake": "The edge comes with the first byte of the handshake of a new connection.",
}


def situations(stage: Stage, quick: bool) -> dict[str, Callable[[], list[float]]]:
    count, few = (QUICK_COUNT, QUICK_FEW) if quick else (COUNT, FEW)
    return {
        "idle": functools.partial(stage.quiet, count),
        "a batch goes to flash": functools.partial(stage.beside_a_batch, count // 2),
        "an update is pulled": functools.partial(stage.beside_an_update, count),
        "reconnect": functools.partial(stage.while_away, few),
        "TLS handshake": functools.partial(stage.during_a_handshake, few),
    }


def figures(name: str, series: Series) -> list[Figure]:
    counts = ", ".join(f"{who} {min(map(len, rounds))}" for who, rounds in series.items())
    note = f"{NOTES[name]} Edges a round, at least: {counts}. {DEBOUNCE_MS} ms of debouncing are taken off."
    return [
        Figure(f"edges/{name} p{percent}", "ms", "less", in_ms(series, percent), [], note.strip())
        for percent in (50, 99)
    ]


def measure(bench: Bench) -> list[Figure]:
    found: list[Figure] = []
    with stage_of(bench) as stage:
        for name, measured in situations(stage, bench.quick).items():
            contestants = {FIRMWARE: measured}
            if name == "idle":
                count = QUICK_COUNT if bench.quick else COUNT
                contestants |= {
                    who: functools.partial(stage.peer, kind, count) for who, kind in PEERS.items()
                }
            found += figures(name, taken(bench, contestants))
    return found
