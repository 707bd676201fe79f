"""How a self-test calls things: components, values, and the pins where their wires end."""

from collections.abc import Mapping
from typing import Any

from host_tools.output import printable
from host_tools.site.base import pin_name
from host_tools.words import tr

Facts = Mapping[str, Any]
"""/config.json of the board."""

TEXT_MAX = 200


def short(value: Any) -> str:
    """A value of the board on one line."""
    if isinstance(value, list):
        return ", ".join(short(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(_in_words(key, short(item)) for key, item in value.items() if item not in ([], None))
    return "" if value is None else printable(str(value))[:TEXT_MAX]


def _in_words(key: str, value: str) -> str:
    words = {
        "device": value,
        "hash": tr("configuration {value}", value=value),
        "firmware": tr("firmware {value}", value=value),
        "files": tr("{value} files", value=value),
        "free_kib": tr("{value} KiB free", value=value),
        "size_kib": tr("of {value} KiB", value=value),
        "broker": value,
        "ms": f"{value} ms",
        "mv": f"{value} mV",
        "cm": f"{value} cm",
        "rssi_dbm": f"{value} dBm",
        "open_ms": tr("open after {value} ms", value=value),
        "reports": tr("{value} reports", value=value),
        "losses": tr("lost {value} times", value=value),
        "level": {"good": tr("good"), "weak": tr("weak"), "poor": tr("too weak")}.get(value, value),
    }
    return words.get(key, f"{key} {value}")


def called(component: str) -> str:
    """A component in a sentence: `door 1`."""
    kind, _, number = component.partition("-")
    names = {
        "door": tr("door {n}", n=number),
        "lock": tr("lock {n}", n=number),
        "release": tr("inside release {n}", n=number),
        "inside": tr("motion sensor inside {n}", n=number),
        "tamper": tr("housing contact {n}", n=number),
        "gate": tr("gate {n}", n=number),
        "court": tr("court {n}", n=number),
        "keypad": tr("keypad {n}", n=number),
        "pir": tr("motion sensor {n}", n=number),
        "radar": tr("radar {n}", n=number),
        "tof": tr("distance sensor {n}", n=number),
        "led": tr("status lamp"),
        "buzzer": tr("buzzer"),
        "board": tr("board"),
        "wifi": tr("Wi-Fi"),
        "network": tr("network"),
        "broker": tr("broker"),
        "rtc": tr("clock chip"),
        "expander": tr("port expander"),
        "battery": tr("battery"),
    }
    return names.get(kind, component)


def pins_of(component: str, config: Facts) -> str:
    """Where its wires end: `GPIO 15`, `GPB3`, or several."""
    kind, _, number = component.partition("-")
    components = config.get("components") or {}
    if kind in ("pir", "radar", "tof"):
        facts = (components.get(f"court-{number}") or {}).get(kind)
    elif kind == "battery":
        facts = (config.get("power") or {}).get("battery")
    else:
        facts = components.get(component) or config.get(component)
    return ", ".join(_pins(facts)) or "-"


_PIN_FACTS = ("pin", "rx", "tx", "xshut", "direction", "locked", "unlocked", "latch", "d0", "d1")


def _pins(facts: Any) -> list[str]:
    if not isinstance(facts, dict):
        return []
    found: list[str] = []
    for name in _PIN_FACTS:
        fact = facts.get(name)
        number = fact.get("pin") if isinstance(fact, dict) else fact
        if isinstance(number, int):
            label = "" if name == "pin" else f" ({name})"
            found.append(pin_name(number) + label)
    for name in ("pins", "rows", "columns"):
        numbers = facts.get(name)
        if isinstance(numbers, list):
            found += [pin_name(number) for number in numbers if isinstance(number, int)]
    return found


def bus_of(config: Facts) -> str:
    bus = config.get("i2c")
    if (
        not isinstance(bus, dict)
        or not isinstance(bus.get("sda"), int)
        or not isinstance(bus.get("scl"), int)
    ):
        return "SDA, SCL"
    return f"SDA ({pin_name(bus['sda'])}), SCL ({pin_name(bus['scl'])})"
