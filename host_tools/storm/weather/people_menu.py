"""What people do, for a plan to be drawn from: of those who may, and of those who may not."""

import random

from host_tools.storm.stage import Json
from host_tools.storm.weather.changes_menu import change
from host_tools.storm.weather.menu import HOUR, MIN, MOMENT, MS, Choice, Draw, S, log_uniform, names, nothing

FORGED = (
    "signature",
    "key",
    "role",
    "audience",
    "not_yet",
    "expired",
    "lifetime",
    "clock",
    "malformed",
    "too_large",
)
"""What can be wrong with an order, by the reason for which it is refused."""
RETAINED_US = (MIN, 15 * MIN)
HURRIED = ("force", "release", "inside", "tamper", "court", "gate")
"""What is done again and again in a rush, each time for a moment."""
HURRIED_US = (S, 8 * S)
LOCK_FREE_ACTS = ("identify", "selftest", "crash", "log")


def of(config: Json) -> list[Choice]:
    parts = config["components"]
    locks, gates, courts = names(config, "lock"), names(config, "gate"), names(config, "occupancy")
    doors = names(config, "door")
    found = [
        Choice("forged", 3, MOMENT, lambda rng: {"why": rng.choice(FORGED), "lock": _one(rng, locks)}),
        Choice(
            "flood", 0.1, (S, MIN), lambda rng: {"count": log_uniform(rng, 10, 120), "lock": _one(rng, locks)}
        ),
        Choice("replay", 1.5, MOMENT, nothing),
        Choice("retained", 0.4, RETAINED_US, lambda rng: {"lock": _one(rng, locks)}, spare_us=16 * MIN),
        Choice("order", 1, MOMENT, lambda rng: {"act": rng.choice(LOCK_FREE_ACTS), **_nonce(rng)}),
        Choice("order", 0.15, MOMENT, lambda rng: {"act": "reboot", **_nonce(rng)}),
        Choice("change", 0.4, MOMENT, change, spare_us=45 * MIN),
    ]
    if locks:
        found.append(Choice("visit", 8, (2 * S, 3 * MIN), lambda rng: _visit(rng, locks), spare_us=5 * MIN))
        found.append(
            Choice("visit", 0.5, (3 * MIN, 20 * MIN), lambda rng: _visit(rng, locks), spare_us=25 * MIN)
        )
    motors = [name for name in locks if parts[name]["actuator"] == "motor"]
    if motors:
        found.append(
            Choice(
                "order",
                1,
                MOMENT,
                lambda rng: {"act": "lock", "component": rng.choice(motors), **_nonce(rng)},
            )
        )
    if doors:
        found.append(Choice("force", 0.5, (S, 10 * MIN), lambda rng: {"door": rng.choice(doors)}))
        found.append(Choice("pull", 1.5, MOMENT, lambda rng: {"door": rng.choice(doors)}))
    for name in names(config, "inside"):
        found.append(Choice("inside", 1.5, (5 * S, 30 * MIN), _there(parts, name), spare_us=MIN))
    for name in names(config, "release"):
        found.append(Choice("release", 1, (200 * MS, MIN), _pressed(name), spare_us=MIN))
    for name in names(config, "tamper"):
        found.append(Choice("tamper", 0.2, (S, 10 * MIN), _of(name)))
    if courts:
        found.append(Choice("court", 5, (5 * S, HOUR), lambda rng: _play(rng, courts)))
    if gates:
        found.append(Choice("gate", 3, (2 * S, 20 * MIN), lambda rng: _walk(rng, gates), spare_us=MIN))
        found.append(
            Choice(
                "order",
                0.5,
                MOMENT,
                lambda rng: {
                    "act": "configure",
                    "component": rng.choice(gates),
                    **_nonce(rng),
                },
            )
        )
    for name in names(config, "keypad"):
        found.append(
            Choice("code", 2, (2 * S, 2 * MIN), _typed(name, parts[name]["opens"]), spare_us=5 * MIN)
        )
    return found


def hurried(config: Json) -> list[Choice]:
    return [choice for choice in of(config) if choice.kind in HURRIED]


def pace(rng: random.Random) -> list[int]:
    """The least and the longest pause in a rush: a court is free again after 5 s."""
    least_us = log_uniform(rng, 4 * S, 20 * S)
    return [least_us, log_uniform(rng, 2 * least_us, MIN)]


def _one(rng: random.Random, those: list[str]) -> str | None:
    return rng.choice(those) if those else None


def _nonce(rng: random.Random) -> Json:
    """Most who give orders put the nonce into them."""
    return {"nonce": rng.random() < 0.8}


def _pulls(rng: random.Random) -> Json:
    """When somebody pulls at a door, in us after the order; not everybody comes."""
    if rng.random() < 0.1:
        return {"pulls_us": []}
    first_us = log_uniform(rng, 100 * MS, 8 * S)
    return {"pulls_us": [first_us + n * 700 * MS for n in range(rng.randint(1, 12))]}


def _visit(rng: random.Random, locks: list[str]) -> Json:
    again = (
        [] if rng.random() < 0.7 else [log_uniform(rng, 10 * MS, 20 * S) for _ in range(rng.randint(1, 2))]
    )
    return {"lock": rng.choice(locks), "again_us": again, **_pulls(rng), **_nonce(rng)}


def _there(parts: Json, name: str) -> Draw:
    door = parts[name]["door"]
    release = parts[door].get("release")
    return lambda rng: {"component": name, "door": door, "release": release, "leaves": rng.random() < 0.7}


def _of(name: str) -> Draw:
    return lambda _: {"component": name}


def _pressed(name: str) -> Draw:
    return lambda rng: {"component": name, "opens": rng.random() < 0.6}


def _play(rng: random.Random, courts: list[str]) -> Json:
    return {"component": rng.choice(courts), "people": rng.choice((1, 1, 2, 4, 10))}


def _walk(rng: random.Random, gates: list[str]) -> Json:
    return {"component": rng.choice(gates), "turns_back": rng.random() < 0.15}


def _typed(name: str, opens: list[str]) -> Draw:
    return lambda rng: {
        "component": name,
        "lock": rng.choice(opens),
        "right": rng.random() < 0.7,
        **_pulls(rng),
    }
