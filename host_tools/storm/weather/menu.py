"""The faults that a plan is drawn from: how often each, for how long, and with what arguments."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from host_tools.storm.stage import Json

MS, S, MIN, HOUR = 1_000, 1_000_000, 60_000_000, 3_600_000_000
MOMENT = (0, 0)
Draw = Callable[[random.Random], Json]

BROKER_MODES = (
    "slow",
    "mute",
    "no_puback",
    "double_puback",
    "bad_bytes",
    "half_packet",
    "stray_puback",
    "refuse_code",
)
RADAR_FAULTS = ("ghost", "latched", "silent", "garbage")


STATUSES = ("connected", "connecting", "wrong_password", "no_ap", "state_error")
"""That a station tells though the access point is there."""
LEASES = ("no_address", "lease_lost")
AWAY = ("wifi_down", "partition", "refuse")
"""What keeps a board from its broker for hours."""
SPELL_US = (20 * MIN, 8 * HOUR)
RADIOS = ("internal_error", "no_memory")
"""Why its radio cannot be switched on."""


@dataclass(frozen=True)
class Choice:
    """One kind, of one thing. It ends `spare_us` before the calm end at the latest."""

    kind: str
    weight: float
    lasts_us: tuple[int, int]
    draw: Draw
    spare_us: int = 0


def log_uniform(rng: random.Random, low: int, high: int) -> int:
    """Every order of magnitude is as likely as any other."""
    exponent = rng.random()
    return (
        low if high <= low else round(math.exp(math.log(low) + exponent * (math.log(high) - math.log(low))))
    )


def nothing(_: random.Random) -> Json:
    return {}


def shared() -> list[Choice]:
    """Of what all boards share."""
    return [
        Choice("broker_restart", 4, (100 * MS, 15 * MIN), lambda rng: {"keep_sessions": rng.random() < 0.5}),
        Choice("broker_freeze", 2, (500 * MS, 10 * MIN), nothing),
        Choice("broker_mode", 5, (S, 10 * MIN), lambda rng: {"mode": rng.choice(BROKER_MODES)}),
        Choice("time_silent", 2, (MIN, 2 * HOUR), nothing),
        Choice("time_garbage", 1, (MIN, HOUR), nothing),
        Choice("time_kod", 1, (MIN, HOUR), nothing),
        # Afterwards somebody has to put the board right, before it is calm.
        Choice("time_lie", 1.5, (MIN, 2 * HOUR), _lie, spare_us=45 * MIN),
    ]


def own(config: Json) -> list[Choice]:
    """Of one board."""
    return [*_network(config), *_board(config), *_body(config)]


def names(config: Json, kind: str) -> list[str]:
    return [name for name, facts in config["components"].items() if facts["kind"] == kind]


def _lie(rng: random.Random) -> Json:
    ahead = rng.random() < 0.7
    return {"lie_s": log_uniform(rng, 20, 20 * 365 * 86_400 if ahead else 86_400) * (1 if ahead else -1)}


def _latency(rng: random.Random) -> Json:
    low_us = log_uniform(rng, 5 * MS, 2 * S)
    return {"latency_us": [low_us, log_uniform(rng, low_us, 4 * S)]}


def _seeded(**more: object) -> Draw:
    """For what draws for itself while it lasts."""
    return lambda rng: {**more, "seed": rng.getrandbits(32)}


def _network(config: Json) -> list[Choice]:
    hosts = [config[server]["host"] for server in ("broker", "ntp") if server in config]
    asks_for_names = any(not re.fullmatch("[0-9.]+", host) for host in hosts)
    names_fail = [
        Choice("dns_silent", 1.5, (S, 20 * MIN), nothing),
        Choice("dns_garbage", 1, (S, 20 * MIN), nothing),
        Choice("dns_fails", 1, (S, 20 * MIN), nothing),
    ]
    return [
        *(names_fail if asks_for_names else []),
        Choice("latency", 3, (S, 30 * MIN), _latency),
        Choice("loss", 3, (S, 20 * MIN), lambda rng: {"loss": round(rng.uniform(0.02, 0.5), 3)}),
        Choice("partition", 4, (200 * MS, 20 * MIN), nothing),
        Choice("half_open", 2, MOMENT, nothing),
        Choice("reset_all", 2, MOMENT, nothing),
        Choice("refuse", 2, (S, 10 * MIN), nothing),
        Choice("slow_net", 2, (S, 10 * MIN), lambda rng: {"bytes_s": log_uniform(rng, 50, 5_000)}),
        Choice("wifi_down", 4, (200 * MS, 15 * MIN), nothing),
        Choice("wifi_flaps", 2, (S, 2 * MIN), _seeded(pause_us=[50 * MS, 10 * S])),
        Choice("wifi_status", 3, (S, 30 * MIN), lambda rng: {"says": rng.choice(STATUSES)}),
        Choice("radio_fails", 1.5, (S, 15 * MIN), lambda rng: {"says": rng.choice(RADIOS)}),
        Choice("dhcp", 2, (S, 15 * MIN), lambda rng: {"says": rng.choice(LEASES)}),
        Choice("new_address", 1, MOMENT, nothing),
    ]


def _board(config: Json) -> list[Choice]:
    found = [
        Choice("power_cut", 5, (20 * MS, 40 * MIN), nothing),
        Choice("power_flaps", 1.5, (100 * MS, 20 * S), _seeded(pause_us=[20 * MS, 5 * S])),
        Choice("cut_at_op", 6, (MIN, 30 * MIN), lambda rng: {"op": log_uniform(rng, 1, 200)}),
        Choice("brownout", 2, MOMENT, nothing),
        Choice("rot", 0.7, MOMENT, lambda rng: {"count": rng.randint(1, 3)}),
        Choice("bad_sector", 2, (S, 30 * MIN), lambda rng: {"place": rng.randrange(10_000)}),
        Choice("flash_full", 2, (S, 2 * HOUR), lambda rng: {"left": rng.randrange(4)}),
        Choice("deny_heap", 3, (50 * MS, MIN), _no_memory),
        Choice("jump_wall", 3, MOMENT, _jump),
        Choice(
            "drift", 2, (10 * MIN, 2 * HOUR), lambda rng: {"ppm": rng.choice((-1, 1)) * rng.randint(5, 300)}
        ),
    ]
    battery = ((config.get("power") or {}).get("battery")) or None
    if battery is not None:
        levels = [battery["low_mv"] - 50, battery["critical_mv"] - 50, 0]
        found.append(Choice("battery", 2, (S, HOUR), lambda rng: {"mv": rng.choice(levels)}))
    return found


def _no_memory(rng: random.Random) -> Json:
    return {"least_bytes": log_uniform(rng, 256, 2048), "share": rng.choice((1.0, 0.5, 0.1))}


def _jump(rng: random.Random) -> Json:
    return {"jump_s": rng.choice((-1, 1)) * log_uniform(rng, 1, 10 * 365 * 86_400)}


def _body(config: Json) -> list[Choice]:
    """Sensors and mechanics: a kind has its weight once, however many things of it there are."""
    found: list[Choice] = []

    def add(
        kind: str, weight: float, lasts_us: tuple[int, int], targets: list[str], draw: Draw = nothing
    ) -> None:
        for target in targets:
            found.append(Choice(kind, weight / len(targets), lasts_us, _aimed(target, draw)))

    doors, locks = names(config, "door"), names(config, "lock")
    parts = config["components"]
    strikes = [name for name in locks if parts[name]["actuator"] == "strike"]
    wired = [name for name in locks if contacts_of(parts[name])]
    add("door_cut", 2, (100 * MS, 30 * MIN), doors)
    add("door_sticks", 1.5, (S, 30 * MIN), doors)
    add("lock_jam", 2, (S, 30 * MIN), locks)
    add("latch_lost", 1, (S, 20 * MIN), strikes)
    add("lock_cut", 1.5, (100 * MS, 30 * MIN), wired)
    contacts = [name for name in parts if parts[name]["kind"] in ("door", "inside", "release", "tamper")]
    beams = names(config, "gate")
    others = [name for name in contacts if name not in doors]
    # Less than they are debounced for: 50 ms, and 10 ms.
    add("bounce", 2, (2 * MS, 30 * MS), doors, _seeded(pause_us=[200, 4 * MS]))
    add("bounce", 1, (MS, 8 * MS), others, _seeded(pause_us=[200, 2 * MS]))
    lines = [name for name in names(config, "keypad") if parts[name]["reader"] == "wiegand"]
    add("chatter", 2, (100 * MS, MIN), [*contacts, *beams, *lines], _seeded(pause_us=[2 * MS, 500 * MS]))
    add("stuck", 2, (S, 30 * MIN), [*contacts, *beams], lambda rng: {"level": rng.randrange(2)})
    courts = {name: parts[name] for name in names(config, "occupancy")}
    for sensor in ("pir", "radar", "tof"):
        with_it = [name for name, facts in courts.items() if facts.get(sensor) is not None]
        if sensor == "radar":
            add("radar", 4, (S, HOUR), with_it, lambda rng: {"fault": rng.choice(RADAR_FAULTS)})
        else:
            add(f"{sensor}_fails", 2, (S, HOUR), with_it)
        if sensor == "pir":
            add("chatter", 1, (100 * MS, MIN), with_it, _seeded(pause_us=[2 * MS, 500 * MS]))
    for chip in ("expander", "rtc"):
        if config.get(chip) is not None:
            found.append(Choice(f"{chip}_lost", 1.5, (100 * MS, 30 * MIN), nothing))
    if config.get("rtc") is not None:
        found.append(Choice("rtc_flat", 0.5, MOMENT, nothing))
    return found


def _aimed(target: str, draw: Draw) -> Draw:
    return lambda rng: {"component": target, **draw(rng)}


def contacts_of(lock: Json) -> list[Json]:
    """A lock's own contacts: of a strike's latch, of a motor's two ends."""
    found = [lock.get(name) for name in ("latch", "locked", "unlocked")]
    return [contact for contact in found if contact is not None]
