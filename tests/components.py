"""Components of a board's config.json, for tests: one function a kind, and `changes` replace single facts.

Number n of a kind has pins of its own (PINS below), so that components can be put together at will.
"""

from typing import Any

Json = dict[str, Any]

EXPANDER = {"address": 0x20, "interrupt": 45, "enable": 46}
I2C = {"sda": 43, "scl": 44, "hz": 400000}
RTC = {"chip": "ds3231"}
MOTOR_RUN_MS = 1000


def _lock(n: int) -> Json:
    return {
        "kind": "lock",
        "door": f"door-{n}",
        "release_ms": 2000,
        "duty_ms": 48000,
        "duty_window_ms": 60000,
        "supply": "main",
        "can_stop": True,
    }


def lock(n: int, **changes: Any) -> Json:
    """A strike without latch contact: coil on GPIO n."""
    facts = {"actuator": "strike", "pin": n, "latch": None}
    return {**_lock(n), **facts, **changes}


def latch(n: int) -> Json:
    """The latch contact of strike n, for `lock(n, latch=latch(n))`: GPIO 30 + n, low while latched."""
    return {"pin": 30 + n, "active": 0}


def motor(n: int, **changes: Any) -> Json:
    """A motor lock: enable on GPIO n, direction 30 + n (low locks), end switches 40 + 2n and 41 + 2n."""
    facts = {
        "actuator": "motor",
        "pin": n,
        "direction": 30 + n,
        "lock_level": 0,
        "locked": {"pin": 40 + 2 * n, "active": 0},
        "unlocked": {"pin": 41 + 2 * n, "active": 0},
        "run_ms": MOTOR_RUN_MS,
    }
    return {**_lock(n), **facts, **changes}


def door(n: int, **changes: Any) -> Json:
    """A door with lock-n: contact on GPIO 10 + n, low while closed."""
    facts = {"pin": 10 + n, "closed_level": 0, "debounce_ms": 50, "ajar_ms": 60000, "ajar_alarm_ms": 300000}
    return {"kind": "door", "lock": f"lock-{n}", "release": None, "inside": None, **facts, **changes}


def release(n: int, **changes: Any) -> Json:
    """Inside release of door-n, for `door(n, release="release-n")`: GPIO 25, low while pressed."""
    return {"kind": "release", "door": f"door-{n}", "pin": 25, "active": 0, **changes}


def inside(n: int, **changes: Any) -> Json:
    """Motion sensor behind door-n, for `door(n, inside="inside-n")`: GPIO 26."""
    facts = {"pin": 26, "active": 1, "hold_ms": 300, "stuck_ms": 1800000}
    return {"kind": "inside", "door": f"door-{n}", **facts, **changes}


def tamper(**changes: Any) -> Json:
    """Contact of the housing: GPIO 27, low while closed."""
    return {"kind": "tamper", "pin": 27, "closed_level": 0, **changes}


def gate(**changes: Any) -> Json:
    return {
        "kind": "gate",
        "pins": [21, 22],
        "blocked_level": 1,
        "stuck_ms": 60000,
        "empty_ms": 21600000,
        **changes,
    }


def court(
    *, pir: bool | Json = True, radar: bool | Json = False, tof: bool | Json = False, **changes: Any
) -> Json:
    """A court: PIR on GPIO 23, radar on UART 1 with rx 17 and tx 18, VL53L1X with xshut 19."""
    facts = {"hold_ms": 300, "stuck_ms": 1800000, "silent_ms": 5000, "gate": None}
    return {
        "kind": "occupancy",
        "pir": _sensor(pir, {"pin": 23, "active": 1}),
        "radar": _sensor(radar, {"uart": 1, "rx": 17, "tx": 18}),
        "tof": _sensor(tof, {"xshut": 19, "address": 0x30, "near_mm": 1500}),
        **facts,
        **changes,
    }


def _sensor(wanted: bool | Json, usual: Json) -> Json | None:
    """`wanted`: whether there is one, or its facts."""
    return wanted if isinstance(wanted, dict) else usual if wanted else None


def _keypad(opens: list[str]) -> Json:
    return {
        "kind": "keypad",
        "opens": opens,
        "slot_s": 3600,
        "open_from_s": 0,
        "open_to_s": 86400,
        "days": [0, 1, 2, 3, 4, 5, 6],
    }


def wiegand(*opens: str, **changes: Any) -> Json:
    """A Wiegand keypad: D0 on GPIO 28, D1 on 29."""
    return {**_keypad(list(opens)), "reader": "wiegand", "d0": 28, "d1": 29, **changes}


def matrix(*opens: str, **changes: Any) -> Json:
    """A 4x4 matrix: rows on GPIO 52 to 55, columns on 56 to 59."""
    lines = {"rows": [52, 53, 54, 55], "columns": [56, 57, 58, 59]}
    return {**_keypad(list(opens)), "reader": "matrix", **lines, **changes}
