"""Stretches of virtual time in which something was so, and the faults that were on."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from host_tools.storm.oracle.broken import Record

FOREVER_US = 1 << 62

GROUPS: dict[str, frozenset[str]] = {
    "network": frozenset(
        (
            *("broker_restart", "broker_freeze", "broker_mode"),
            *("latency", "loss", "partition", "half_open", "reset_all", "refuse", "slow_net"),
            *("wifi_down", "wifi_flaps", "dns_silent", "dns_garbage", "dns_fails"),
            *("wifi_status", "dhcp", "new_address", "radio_fails"),
        )
    ),
    "power": frozenset(["power_cut", "power_flaps", "cut_at_op", "brownout", "battery"]),
    "flash": frozenset(["rot", "bad_sector"]),
    "full": frozenset(["flash_full"]),
    "clock": frozenset(["time_lie", "jump_wall", "drift", "rtc_flat", "rtc_lost"]),
    "no_time": frozenset(
        ["time_silent", "time_garbage", "time_kod", "dns_silent", "dns_garbage", "dns_fails"]
    ),
    "heap": frozenset(["deny_heap"]),
    "sensor": frozenset(
        [
            "door_cut",
            "lock_cut",
            "chatter",
            "stuck",
            "radar",
            "tof_fails",
            "pir_fails",
            "expander_lost",
        ]
    ),
    "bounce": frozenset(["bounce"]),
    "mechanics": frozenset(["door_sticks", "lock_jam", "latch_lost"]),
}
"""Faults by what they can explain. One that is not here explains nothing, and the oracle says so."""

HEALED_US = {("wifi_status", "connected"): 420_000_000, ("wifi_status", "connecting"): 210_000_000}
"""A station that is wrong about itself is put right by the board: by joining anew when the broker has been
out of reach for five minutes, and by its radio off and on when five attempts to join came to nothing. So long
it may be in the way, however long the fault lasts."""


def groups_of(name: str) -> frozenset[str]:
    return frozenset(group for group, names in GROUPS.items() if name in names)


@dataclass(frozen=True)
class Span:
    """From begin to end, both included."""

    begin_us: int
    end_us: int

    def has(self, us: int, before_us: int = 0, after_us: int = 0) -> bool:
        """Also that long before it begins and after it ends."""
        return self.begin_us - before_us <= us <= self.end_us + after_us

    def meets(self, begin_us: int, end_us: int) -> bool:
        return self.begin_us <= end_us and begin_us <= self.end_us


@dataclass(frozen=True)
class FaultSpan(Span):
    name: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()

    def concerns(self, component: str) -> bool:
        """It names this component, or none at all, and so may concern it."""
        named = [str(value) for value in self.args.values() if isinstance(value, str) and "-" in value]
        return not named or component in named


class Faults:
    """The faults of a run: as the trace told of them, else as the plan meant them."""

    def __init__(self, spans: Iterable[FaultSpan]) -> None:
        self.spans = sorted(spans, key=lambda span: span.begin_us)
        self._of: dict[tuple[str, ...], list[FaultSpan]] = {}

    @classmethod
    def read(cls, records: Sequence[Record], plan: Sequence[Mapping[str, Any]], begin_us: int) -> "Faults":
        begun: dict[Any, Record] = {}
        spans: list[FaultSpan] = []
        seen: set[Any] = set()
        for record in records:
            number = record["number"]
            seen.add(number)
            if record["on"]:
                begun[number] = record
            elif (first := begun.pop(number, None)) is not None:
                spans.append(_span(first["us"], record["us"], first["name"], first.get("args") or {}))
        spans.extend(_span(r["us"], FOREVER_US, r["name"], r.get("args") or {}) for r in begun.values())
        for fault in plan:
            if fault.get("number") not in seen and not records:
                from_us = int(fault["at_us"])
                from_us += begin_us if from_us < begin_us else 0
                until_us = from_us + int(fault.get("lasts_us") or 0)
                spans.append(_span(from_us, until_us, str(fault["kind"]), fault.get("args") or {}))
        return cls(spans)

    def unknown(self) -> list[str]:
        return sorted({span.name for span in self.spans if not span.groups})

    def of(self, *groups: str) -> list[FaultSpan]:
        if groups not in self._of:
            self._of[groups] = [span for span in self.spans if not span.groups.isdisjoint(groups)]
        return self._of[groups]

    def explain(
        self, us: int, *groups: str, after_us: int = 0, before_us: int = 0, component: str | None = None
    ) -> bool:
        """One of these groups was on at that time, or ended no longer than `after_us` before it."""
        return any(
            span.has(us, before_us, after_us) and (component is None or span.concerns(component))
            for span in self.of(*groups)
        )


def _span(begin_us: int, end_us: int, name: str, args: Mapping[str, Any]) -> FaultSpan:
    healed_us = HEALED_US.get((name, str(args.get("says"))))
    if healed_us is not None:
        end_us = min(end_us, begin_us + healed_us)
    return FaultSpan(begin_us, end_us, name, args, groups_of(name))


class Timeline:
    """What was so from when on; times never fall."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[Any] = []

    def put(self, us: int, value: Any) -> None:
        self.times.append(us)
        self.values.append(value)

    def change(self, us: int, value: Any) -> None:
        """Nothing if it is so already."""
        if not self.values or self.values[-1] != value:
            self.put(us, value)

    def at(self, us: int, otherwise: Any = None) -> Any:
        place = bisect_right(self.times, us)
        return self.values[place - 1] if place else otherwise

    def pieces(self, end_us: int) -> Iterator[tuple[int, int, Any]]:
        """(begin, end, value) of each, the last one until `end_us`."""
        ends = [*self.times[1:], end_us] if self.times else []
        yield from zip(self.times, ends, self.values, strict=True)

    def changed_in(self, begin_us: int, end_us: int) -> bool:
        return bisect_right(self.times, end_us) > bisect_right(self.times, begin_us - 1)

    def longest(self, value: Any, begin_us: int, end_us: int, otherwise: Any = None) -> int | None:
        """Of the stretches of this value within that time; None if there is none."""
        found: int | None = None
        since_us, now = begin_us, self.at(begin_us, otherwise)
        first, last = bisect_right(self.times, begin_us), bisect_right(self.times, end_us)
        for us, then in [*zip(self.times[first:last], self.values[first:last], strict=True), (end_us, None)]:
            if now == value:
                found = max(found or 0, us - since_us)
            since_us, now = us, then
        return found

    def within(self, begin_us: int, end_us: int, otherwise: Any = None) -> list[Any]:
        """All values that were so at some time in this stretch."""
        first, last = bisect_right(self.times, begin_us), bisect_right(self.times, end_us)
        return [self.values[first - 1] if first else otherwise, *self.values[first:last]]
