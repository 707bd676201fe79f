"""Who opened what, when, for how long: orders and doors put together from a journal's entries.

An order and the door that it opened are one row. Door and lock of the same number belong together; what the
door says names its order, else the order under which the lock is open counts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from host_tools.audit.times import Told

_COUNT_MAX = 2**31
CODE = "code-"
"""How the `jti` of a keypad code begins."""


@dataclass
class Row:
    """`what`: opening, forced, order, refused, alarm, missing (events)."""

    what: str
    device: str
    component: str
    first: Told
    sub: str | None = None  # None: nobody, or not known; empty: an order that named nobody
    jti: str | None = None
    how: str | None = None  # order, code, inside
    act: str | None = None
    ordered_s: int | None = None
    at_s: int | None = None
    until_s: int | None = None
    open_s: int | None = None
    is_open: bool = False
    result: str | None = None
    notes: list[str] = field(default_factory=list)
    is_about: bool = False
    is_historical: bool = False
    entries: list[int] = field(default_factory=list)

    @property
    def begin_s(self) -> int | None:
        """When it began, as far as is known."""
        for at_s in (self.at_s, self.ordered_s, self.until_s):
            if at_s is not None:
                return at_s
        return None

    def add(self, one: Told) -> None:
        self.entries.append(one.n)
        self.is_about |= one.is_about
        self.is_historical |= one.is_historical


def rows(told: Iterable[Told]) -> list[Row]:
    """In the order in which they began."""
    devices: dict[str, _Device] = defaultdict(_Device)
    found: list[Row] = []
    for one in told:
        devices[one.device].take(one, found)
    found = [row for row in found if not _is_explained(row, found)]
    known = [
        (row.begin_s if row.begin_s is not None else row.first.noted_s, row.first.n, row) for row in found
    ]
    return [row for _, _, row in sorted(known, key=lambda each: each[:2])]


class _Device:
    """One board's orders and doors, event by event."""

    def __init__(self) -> None:
        self._orders: dict[str, Row] = {}
        self._doors: dict[str, Row] = {}  # that are open, by number
        self._locks: dict[str, str] = {}  # number -> jti of the order under which it is open
        self._found: list[Row] = []
        self._takers: dict[str, Callable[[Told], object]] = {
            "access.accepted": self._order,
            "access.rejected": self._rejected,
            "access.done": self._ended,
            "access.failed": self._ended,
            "lock.unlocked": self._unlocked,
            "lock.locked": self._locked,
            "door.opened": self._opened,
            "door.forced": self._opened,
            "door.closed": self._closed,
            "door.ajar": self._ajar,
            "device.tamper": self._tamper,
            "device.dropped": self._missing,
            "audit.gap": self._missing,
        }
        for kind in _ALARMS:
            self._takers.setdefault(kind, self._alarm)

    def take(self, one: Told, found: list[Row]) -> None:
        self._found = found
        taker = self._takers.get(one.kind)
        if taker is not None:
            taker(one)

    def _row(self, what: str, one: Told, **more: Any) -> Row:
        row = Row(what, one.device, one.component, one, **more)
        row.add(one)
        self._found.append(row)
        return row

    # --- orders

    def _order(self, one: Told) -> Row:
        """The row of an order, which begins here unless it has."""
        jti, sub = _text(one, "jti"), _text(one, "sub")
        row = self._orders.get(jti or "")
        if row is not None:
            row.add(one)
            row.sub = sub if row.sub is None else row.sub
            return row
        how = "code" if (jti or "").startswith(CODE) and sub == "keypad" else "order"
        row = self._row("order", one, sub=sub, jti=jti, how=how, act=_text(one, "act"), result="running")
        row.ordered_s = one.at_s if one.kind == "access.accepted" else None
        if jti:
            self._orders[jti] = row
        return row

    def _ended(self, one: Told) -> None:
        row = self._order(one)
        row.result = "done" if one.kind == "access.done" else _text(one, "reason") or "failed"
        if row.begin_s is None:
            row.at_s = one.at_s

    def _rejected(self, one: Told) -> None:
        jti, sub = _text(one, "jti"), _text(one, "sub")
        self._row("refused", one, sub=sub or None, jti=jti, at_s=one.at_s, result=_text(one, "reason"))

    # --- locks and doors

    def _unlocked(self, one: Told) -> None:
        jti = _text(one, "jti")
        if jti is not None:
            self._locks[_number(one)] = jti

    def _locked(self, one: Told) -> None:
        self._locks.pop(_number(one), None)

    def _opened(self, one: Told) -> None:
        number = _number(one)
        before = self._doors.pop(number, None)
        if before is not None:
            before.is_open = False
            before.notes.append("closing is not known")
        row = self._forced(one) if one.kind == "door.forced" else self._by_order(one, number)
        row.is_open, row.at_s = True, one.at_s
        _note_flags(row, one)
        self._doors[number] = row

    def _forced(self, one: Told) -> Row:
        return self._row("forced", one, result="forced")

    def _by_order(self, one: Told, number: str) -> Row:
        jti = _text(one, "jti") or self._locks.get(number)
        order = self._orders.get(jti or "")
        is_first = order is not None and order.what == "order" and _number(order.first) == number
        if order is not None and is_first:
            order.what, order.component = "opening", one.component
            order.add(one)
            row = order
        else:
            row = self._row("opening", one, jti=jti)
            if order is not None:
                row.sub, row.how = order.sub, order.how
            elif jti is not None:
                row.notes.append("its order is not in the journal")
                self._orders[jti] = row
        if one.data.get("release") is True:
            row.how = "inside" if jti is None else row.how
            row.notes.append("from inside")
        return row

    def _closed(self, one: Told) -> None:
        row = self._doors.pop(_number(one), None)
        open_s = _count(one, "open_s")
        if row is None:
            row = self._row("opening", one)
            row.notes.append("its opening is not in the journal")
            if open_s is not None and one.at_s is not None:
                row.at_s, row.is_about = one.at_s - open_s, True
        else:
            row.add(one)
        row.is_open = False
        if one.data.get("while_off") is True:
            row.notes.append("closed while the board was off")
            return
        row.until_s, row.open_s = one.at_s, open_s
        if open_s is None and one.at_s is not None and row.at_s is not None:
            row.open_s = max(0, one.at_s - row.at_s)

    def _ajar(self, one: Told) -> None:
        row = self._doors.get(_number(one))
        if row is None:
            self._alarm(one)
            return
        row.add(one)
        row.notes = [note for note in row.notes if not note.startswith("ajar")]
        row.notes.append("ajar: alarm" if one.data.get("level") == "alarm" else "ajar")

    # --- the rest

    def _tamper(self, one: Told) -> None:
        key = f"tamper of {one.component}"
        if one.data.get("open") is True:
            row = self._row("alarm", one, at_s=one.at_s, is_open=True, result="housing opened")
            _note_flags(row, one)
            self._doors[key] = row
            return
        before = self._doors.pop(key, None)
        if before is not None:
            before.add(one)
            before.is_open, before.until_s = False, one.at_s
            if one.at_s is not None and before.at_s is not None:
                before.open_s = max(0, one.at_s - before.at_s)

    def _alarm(self, one: Told) -> None:
        row = self._row(
            "alarm", one, at_s=one.at_s, result=_ALARMS.get(one.kind, one.kind), jti=_text(one, "jti")
        )
        row.notes += [str(one.data[name]) for name in ("what", "way", "why", "level") if name in one.data]
        order = self._orders.get(row.jti or "")
        row.sub = None if order is None else order.sub

    def _missing(self, one: Told) -> None:
        first, last = _count(one, "first"), _count(one, "last")
        by = "never came" if one.kind == "audit.gap" else "dropped by the board"
        which = f"event {first}" if first == last else f"events {first} to {last}"
        row = self._row("missing", one, at_s=one.at_s, result=f"{which} {by}")
        row.device = row.device or str(one.data.get("device", ""))


_ALARMS = {
    "door.ajar": "ajar",
    "door.fault": "door contact not believed",
    "lock.jammed": "jammed",
    "lock.blocked": "does not lock",
    "lock.fault": "lock fault",
    "keypad.locked": "keypad locked: too many wrong codes",
    "occupancy.changed": "somebody inside in alarm times",
}


def _note_flags(row: Row, one: Told) -> None:
    texts = {"latch": "its latch let go", "while_off": "while the board was off", "alarm": "in alarm times"}
    row.notes += [text for name, text in texts.items() if one.data.get(name) is True]


def _number(one: Told) -> str:
    """That of a component: `2` of door-2 and of lock-2."""
    return one.component.rpartition("-")[2]


def _is_explained(row: Row, found: list[Row]) -> bool:
    """A gap that a board has accounted for: it tells itself what it had to drop."""
    if row.what != "missing" or row.first.kind != "audit.gap":
        return False
    first, last = _count(row.first, "first"), _count(row.first, "last")
    for other in found:
        if other.first.kind == "device.dropped" and other.device == row.device:
            begin, end = _count(other.first, "first"), _count(other.first, "last")
            if None not in (first, last, begin, end) and begin <= first and last <= end:  # type: ignore[operator]
                return True
    return False


def _count(one: Told, name: str) -> int | None:
    """A number that a board may have."""
    value = one.data.get(name)
    is_right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _COUNT_MAX
    return value if is_right else None


def _text(one: Told, name: str) -> str | None:
    value = one.data.get(name)
    return value if isinstance(value, str) else None
