"""Keypad codes, for the city: the same rules as on the board (firmware/sportbox/core/hotp.py, slots.py).

A code is HOTP (RFC 4226, 8 digits) under the lock's key; the counter is the number of the slot, Unix time
divided by the keypad's `slot_s`.
"""

import hashlib
import hmac
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from host_tools.errors import BadInput
from host_tools.site.explain import nearest
from host_tools.site.hours import WEEKDAYS
from host_tools.site.kinds import Keypad, kind_of
from host_tools.site.kinds.keypad import DAY_S
from host_tools.site.models import Device, Site
from host_tools.site.resolve import device_of, locks_with_codes

DIGITS = 8
AHEAD_DAYS = 8
"""A keypad that opens at all opens at least once a week."""


def hotp(key: bytes, counter: int) -> str:
    mac = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    at = mac[-1] & 0xF
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


@dataclass(frozen=True)
class Span:
    """When a slot's code opens, in Unix seconds: from, and until just before `to_s`."""

    slot: int
    from_s: int
    to_s: int


class Timetable:
    """The slots of one lock, by the keypads that open it."""

    def __init__(self, zone: ZoneInfo, keypads: Sequence[Keypad]) -> None:
        self.zone = zone
        self.keypads = keypads
        self.slot_s = keypads[0].slot_s

    def slot_at(self, unix_s: int) -> int:
        return unix_s // self.slot_s

    def span(self, slot: int) -> Span | None:
        """When the slot's code opens; None if that is closed. (Hours that begin and end within the slot
        twice, as with slots of a day, count as one.)"""
        step_s = math.gcd(self.slot_s, 60)  # hours begin and end at whole minutes
        begin_s = slot * self.slot_s
        moments = [s for s in range(begin_s, begin_s + self.slot_s, step_s) if self._is_open(s)]
        return Span(slot, moments[0], moments[-1] + step_s) if moments else None

    def spans(self, slot: int, count: int) -> Iterator[Span]:
        """The next `count` open slots, from this one on."""
        missed = 0
        while count and missed * self.slot_s < AHEAD_DAYS * DAY_S:
            found = self.span(slot)
            slot += 1
            missed += 1
            if found is not None:
                yield found
                count -= 1
                missed = 0

    def local(self, unix_s: int) -> datetime:
        return datetime.fromtimestamp(unix_s, self.zone)

    def _is_open(self, unix_s: int) -> bool:
        local = self.local(unix_s)
        second, today = local.hour * 3600 + local.minute * 60 + local.second, local.weekday()
        return any(_opens(keypad, second, today) for keypad in self.keypads)


def _opens(keypad: Keypad, second: int, today: int) -> bool:
    opens_s, closes_s = keypad.open_from_s, keypad.open_to_s
    if opens_s < closes_s:
        return opens_s <= second < closes_s and today in keypad.weekdays
    if second >= opens_s:
        return today in keypad.weekdays
    return second < closes_s and (today - 1) % 7 in keypad.weekdays  # hours that began the day before


def timetable(site: Site, board: str, lock: str) -> Timetable:
    """Raises BadInput for what no keypad opens."""
    device = device_of(site, board)
    keypads = {name: part for name, part in _keypads(device) if lock in part.opens}
    if not keypads:
        raise _no_keypad(site, board, device, lock)
    lengths = {name: keypad.slot_s for name, keypad in keypads.items()}
    if len(set(lengths.values())) > 1:
        shown = " and ".join(f"`{name}` ({slot_s} s)" for name, slot_s in lengths.items())
        raise BadInput(
            f"`{lock}` of `{board}` is opened by keypads with slots of different lengths: {shown}",
            "give them the same `slot_s` in the site file",
        )
    return Timetable(ZoneInfo(site.time_zone), list(keypads.values()))


def hours(keypad: Keypad) -> str:
    """`08:00 to 22:00 on mon, tue`"""
    days = (
        "every day" if len(keypad.weekdays) == 7 else "on " + ", ".join(WEEKDAYS[d] for d in keypad.weekdays)
    )
    return f"{keypad.open_from} to {keypad.open_to} {days}"


def _keypads(device: Device) -> list[tuple[str, Keypad]]:
    return [(name, part) for name, part in device.components.items() if isinstance(part, Keypad)]


def _no_keypad(site: Site, board: str, device: Device, lock: str) -> BadInput:
    opened = locks_with_codes(device)
    if lock not in device.components:
        meant = nearest(lock, opened or list(device.components))
        guess = f", did you mean `{meant}`?" if meant else ""
        told = f"board `{board}` of `{site.site}` has no component `{lock}`{guess}"
    elif kind_of(lock) != "lock":
        told = f"`{lock}` is no lock, so it has no codes"
    else:
        told = f"no keypad of `{board}` opens `{lock}`"
    if opened:
        return BadInput(told, f"its keypads open: {', '.join(opened)}")
    return BadInput(told, f"`{board}` has no keypad; in the site file: keypad-1: {{opens: [lock-1]}}")
