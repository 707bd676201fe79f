"""From an order to its answer over the broker, and to the coil.

The firmware checks an order (HMAC-SHA256, times, role) and answers a refused one without touching its flash;
an accepted one it uses up on flash first, so that it can never be used twice. The two are told apart. The
loop over a raw socket and paho on CPython, which stand for what could be had at best, check nothing and
write nothing; the bars against the loop hold for both all the same.
"""

import functools
from collections.abc import Callable

from tests.bench.bench import Bench
from tests.bench.figure import Bar, Figure
from tests.bench.orders_stage import LOAD_S, Stage, stage_of
from tests.bench.times import Series, in_ms, taken

NAME = "orders"
TELLS = "From an order to its answer over the broker, and to the coil."

FIRMWARE = "firmware, order refused"
UNLOCK = "firmware, unlock"
RAW = "raw socket"
PEERS = {
    RAW: "raw",
    "paho on CPython": "paho",
    "umqtt.simple": "umqtt",
    "umqtt.simple nodelay": "umqtt-nodelay",
}
COUNT, QUICK_COUNT = 120, 60
LOADED_PART = 3
"""Under load they are further apart, and so fewer."""

P50_MS = 1.0
P50 = "Command to ack: p50 under 1 ms, also at QoS 1."
P99_RATIO = 3.0
P99 = "Command to ack: p99 at most 3 times the raw-socket loop's, also at QoS 1."
WHAT = (
    "A refused order is rightly signed and over: it is checked to the end and writes nothing to flash. "
    "An unlock is on flash twice (replay log, event) before its answer. The others check and write nothing."
)
COIL_NOTE = "From the order leaving a relay before the board to the begin of the pulse."
SEED = 7


def figures(name: str, series: Series, note: str) -> list[Figure]:
    """p50 and p99, with the bars for all that is of the firmware."""
    own = [each for each in (FIRMWARE, UNLOCK) if each in series]
    p50 = [Bar(each, None, None, P50_MS, text=P50) for each in own]
    p99 = [Bar(each, RAW, None, P99_RATIO, text=P99) for each in own]
    return [
        Figure(f"orders/{name} p50", "ms", "less", in_ms(series, 50), p50, note),
        Figure(f"orders/{name} p99", "ms", "less", in_ms(series, 99), p99, note),
    ]


def contestants(stage: Stage, qos: int, load: bool, count: int) -> dict[str, Callable[[], list[float]]]:
    found: dict[str, Callable[[], list[float]]] = {
        FIRMWARE: functools.partial(stage.firmware, qos, count, load, SEED)
    }
    for name, kind in PEERS.items():
        found[name] = functools.partial(stage.peer, kind, qos, count, load, SEED)
    if qos and not load:
        found[UNLOCK] = functools.partial(stage.unlocks, qos)
    return found


def note_of(series: Series) -> str:
    least = {name: min(map(len, rounds)) for name, rounds in series.items()}
    counts = ", ".join(f"{name} {count}" for name, count in least.items())
    return f"Orders a round, at least: {counts}. {WHAT}"


def measure(bench: Bench) -> list[Figure]:
    found: list[Figure] = []
    with stage_of(bench) as stage:
        for qos in (0, 1):
            for load in (False,) if bench.quick and not qos else (False, True):
                how = f"{1 / LOAD_S:.0f} messages a second" if load else "idle"
                count = (QUICK_COUNT if bench.quick else COUNT) // (LOADED_PART if load else 1)
                series = taken(bench, contestants(stage, qos, load, count))
                found += figures(f"qos{qos} {how}", series, note_of(series))
        coils = taken(bench, {UNLOCK: stage.coils})
    for percent in (50, 99):
        to_coil = in_ms(coils, percent)
        found.append(Figure(f"orders/to the coil p{percent}", "ms", "less", to_coil, [], COIL_NOTE))
    return found
