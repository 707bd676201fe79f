"""Changes of a board's configuration that people may order: such as do well, such with which the board does
not come back, and such as it must refuse. What does well leaves its bounds at most where they are."""

import random
from collections.abc import Callable

from host_tools.storm.stage import Json

WORKS, FAILS, NO_WIFI, REFUSED = "works", "fails", "no_wifi", "refused"
"""What comes of it: it is used, given up after a trial (a longer one without Wi-Fi), never begun."""

_WORKING: tuple[Callable[[random.Random], Json], ...] = (
    lambda rng: {"telemetry_s": rng.randint(120, 300)},
    lambda rng: {"log_level": rng.choice(("info", "warning", "error"))},
    lambda rng: {"mqtt": {"keepalive_s": rng.randint(30, 60), "window": rng.randint(1, 8)}},
    lambda rng: {"mqtt": {"ack_ms": rng.randint(3000, 5000), "backoff_cap_ms": rng.randint(2000, 4000)}},
    lambda rng: {"outbox": {"batch_ms": rng.randrange(1001)}},
)
_FAILING: tuple[Json, ...] = (
    {"set": {"broker": {"host": "nowhere.storm"}}},
    {"set": {"broker": {"port": 1884}}},
    {"set": {"broker": {"host": "nowhere.storm", "port": 1}, "telemetry_s": 150}},
)
_NO_WIFI: Json = {"wifi": {"ssid": "elsewhere", "password": "password"}}
_REFUSED: tuple[Json, ...] = (
    {},
    {"telemetry_s": 0},
    {"telemetry_s": "150"},
    {"log_level": "loud"},
    {"door-1": {"pin": 4}},
    {"mqtt": {"window": 33}},
    {"mqtt": {}},
    {"broker": {"host": ""}},
    {"broker": {"port": 65536}},
    {"outbox": [1]},
)


def change(rng: random.Random) -> Json:
    kind = rng.choice((WORKS, WORKS, WORKS, FAILS, FAILS, NO_WIFI, REFUSED, REFUSED))
    if kind == WORKS:
        return {"comes": kind, "set": rng.choice(_WORKING)(rng)}
    if kind == FAILS:
        return {"comes": kind, **rng.choice(_FAILING)}
    if kind == NO_WIFI:
        return {"comes": kind, "set_sealed": _NO_WIFI}
    return {"comes": kind, "set": rng.choice(_REFUSED)}
