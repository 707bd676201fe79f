"""Keypads: a Wiegand reader or a bare 4x4 matrix, that open locks with codes where there is no network."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from host_tools.site.base import Gpio, Name, Pin, pin_number
from host_tools.site.explain import Explained, meant
from host_tools.site.hours import WEEKDAYS, TimeOfDay, Weekday, seconds_of, weekdays_of
from host_tools.site.kinds.kind import Component, Json, Kind, Part, Socket, needs_waking
from host_tools.site.uses import MATRIX_COLUMN, MATRIX_ROW, WIEGAND, Wire

DAY_S = 86_400
OPENS_MAX = 8
Four = Annotated[list[Gpio], Field(min_length=4, max_length=4)]  # scanned too fast for a port expander


class Keypad(Component):
    opens: Annotated[list[Name], Field(min_length=1, max_length=OPENS_MAX)] = Field(
        description="locks of the same board that codes open"
    )
    slot_s: Annotated[int, Field(ge=300, le=DAY_S)] = Field(
        3_600, description="length of a slot; a code is right for one lock in one slot, once"
    )
    open_from: TimeOfDay = Field("00:00", description="local time of day from which codes open")
    open_to: TimeOfDay = Field(
        "24:00",
        description="local time of day until which codes open; over midnight if it is before `open_from`",
    )
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = Field(
        list(WEEKDAYS), description="days of the week on which codes open"
    )
    d0: Gpio | None = Field(None, description="Wiegand: GPIO of line D0, where it differs from the board's")
    d1: Gpio | None = Field(None, description="Wiegand: GPIO of line D1")
    rows: Four | None = Field(None, description="matrix: GPIOs of the rows, where they differ")
    columns: Four | None = Field(None, description="matrix: GPIOs of the columns")

    @property
    def open_from_s(self) -> int:
        return seconds_of(self.open_from)

    @property
    def open_to_s(self) -> int:
        return seconds_of(self.open_to)

    @property
    def weekdays(self) -> list[int]:
        """Monday is 0."""
        return weekdays_of(self.days)


class WiegandSocket(Socket):
    d0: Pin
    d1: Pin

    def wires(self) -> list[Wire]:
        return [Wire("d0", self.d0, WIEGAND), Wire("d1", self.d1, WIEGAND)]


class MatrixSocket(Socket):
    rows: Four
    columns: Four

    def wires(self) -> list[Wire]:
        rows = [Wire("rows", pin, MATRIX_ROW) for pin in self.rows]
        return [*rows, *(Wire("columns", pin, MATRIX_COLUMN) for pin in self.columns)]


class KeypadKind(Kind[Keypad]):
    prefix = "keypad"
    name = "keypad"
    help = "keypad for codes that open locks without network"
    heading = "A keypad"
    model = Keypad
    forms = (WiegandSocket, MatrixSocket)
    own = {"d0": "d0", "d1": "d1", "rows": "rows", "columns": "columns"}  # noqa: RUF012
    ways = "`d0` and `d1`, or `rows` and `columns`"

    def own_socket(self, component: Keypad, base: Socket | None) -> Socket | None:
        if component.d0 is not None and component.d1 is not None:
            return WiegandSocket(d0=component.d0, d1=component.d1)
        if component.rows is not None and component.columns is not None:
            return MatrixSocket(rows=component.rows, columns=component.columns)
        return None

    def facts(self, part: Part[Keypad]) -> Json:
        keypad = part.component
        socket = self.socket(part)
        if isinstance(socket, WiegandSocket):
            reader: Json = {"reader": "wiegand", "d0": pin_number(socket.d0), "d1": pin_number(socket.d1)}
        else:
            assert isinstance(socket, MatrixSocket)
            rows, columns = ([pin_number(pin) for pin in pins] for pins in (socket.rows, socket.columns))
            reader = {"reader": "matrix", "rows": rows, "columns": columns}
        return {
            **reader,
            "opens": keypad.opens,
            "slot_s": keypad.slot_s,
            "open_from_s": keypad.open_from_s,
            "open_to_s": keypad.open_to_s,
            "days": keypad.weekdays,
        }

    def check(self, part: Part[Keypad]) -> Iterable[Explained]:
        keypad = part.component
        yield from self._opens(part)
        yield from needs_waking(part, "hears no key")
        if len(set(keypad.days)) < len(keypad.days):
            yield Explained(("days",), "names a day twice")
        if DAY_S % keypad.slot_s:
            yield Explained(
                ("slot_s",), f"must divide a day ({DAY_S} s), for example 1800 or 3600 (got {keypad.slot_s})"
            )
        if keypad.open_to_s == keypad.open_from_s:
            told = f'must differ from open_from; for the whole day leave both out (got "{keypad.open_to}")'
            yield Explained(("open_to",), told)
        yield from self._reader(part)
        if part.board.rtc is None:
            told = "works only once the board has network time: its board has no clock chip ([rtc])"
            yield Explained((), told, note=True)

    def _reader(self, part: Part[Keypad]) -> Iterator[Explained]:
        """More than one reader of the site file's own; half a one is told where it is plugged in."""
        given = [name for name in self.own if getattr(part.component, name) is not None]
        if len(given) > 2 and not isinstance(self.plug(part), Explained):
            yield Explained((given[0],), f"one reader a keypad: give {self.ways}, nothing else")

    def _opens(self, part: Part[Keypad]) -> Iterator[Explained]:
        locks = [name for name in part.device.components if name.startswith("lock-")]
        for index, name in enumerate(part.component.opens):
            if name not in locks:
                offered = ", ".join(locks) or "none"
                told = f"must be a lock of the same board{meant(name, locks)} (it has: {offered})"
                yield Explained(("opens", index), f"{told} (got `{name}`)")
            elif name in part.component.opens[:index]:
                yield Explained(("opens", index), f"`{name}` is there twice")
