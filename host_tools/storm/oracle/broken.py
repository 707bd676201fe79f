"""What the oracle answers with."""

from dataclasses import dataclass
from typing import Any

from host_tools.storm.agenda import BEGIN_US

Record = dict[str, Any]
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US


@dataclass(frozen=True)
class Broken:
    """An invariant that did not hold, when that showed, and the records that show it."""

    invariant: str
    us: int
    text: str
    records: tuple[Record, ...] = ()

    def __str__(self) -> str:
        return f"{at(self.us)} {self.invariant}: {self.text}"

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "invariant": self.invariant,
            "us": self.us,
            "at": at(self.us),
            "text": self.text,
            "records": list(self.records),
        }


def at(us: int) -> str:
    """Virtual time since the begin of the run: 3:12:44.120."""
    ms = max(us - BEGIN_US, 0) // 1000
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def lasting(us: int) -> str:
    """A duration: 300 ms, 12.5 s, 3 min, 2.5 h."""
    if us < SECOND_US:
        return f"{us / 1000:g} ms"
    if us < 2 * MINUTE_US:
        return f"{us / SECOND_US:.4g} s"
    if us < 2 * HOUR_US:
        return f"{us / MINUTE_US:.4g} min"
    return f"{us / HOUR_US:.4g} h"
