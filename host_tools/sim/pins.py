"""Pins and actuators of one world page, seen from the host."""

import fcntl
import mmap
import struct
from pathlib import Path
from typing import NamedTuple

from host_tools.errors import BadInput
from host_tools.sim import layout, mechanics
from host_tools.sim.outputs import output
from host_tools.sim.records import Fields, Record
from host_tools.sim.times import now_us

WORLD_FILE = "world.bin"
READS_MAX = 100
"""Of a record that the VM writes meanwhile."""


class Actuator(NamedTuple):
    """A lock's coil or motor at a moment; sums include the pulse that runs."""

    energised: bool
    releases: bool
    position_us: int
    pulses: int
    longest_ms: int
    total_ms: int
    burnt: bool


class Pins:
    """One board's page. Fields are read and written by name; each store is atomic."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not self.is_there(folder) and (folder / WORLD_FILE).exists():
            raise BadInput(
                f"{folder / WORLD_FILE} is damaged, or of another version of sportbox",
                hint=f"sportbox sim up SITE.yaml --state {folder.parent.parent} makes it anew",
            )
        with (folder / WORLD_FILE).open("r+b") as f:
            self._page = mmap.mmap(f.fileno(), layout.SIZE)

    @staticmethod
    def is_there(folder: Path) -> bool:
        """False also for a page that is cut off or of another version of this simulator: the board gets a new
        world then."""
        try:
            with (folder / WORLD_FILE).open("rb") as f:
                page = f.read(layout.SIZE)
        except FileNotFoundError:
            return False
        return len(page) == layout.SIZE and page[:4] == struct.pack("I", layout.MAGIC)

    def get(self, name: str) -> int:
        at, code = layout.FIELDS[name]
        return int(struct.unpack_from(code, self._page, at)[0])

    def put(self, name: str, value: int) -> None:
        at, code = layout.FIELDS[name]
        struct.pack_into(code, self._page, at, value)

    def byte(self, at: int) -> int:
        """One entry of the page's arrays."""
        return self._page[at]

    def put_byte(self, at: int, value: int) -> None:
        self._page[at] = value

    # --- pins ---

    def input_level(self, pin: int) -> int:
        return self._page[layout.IN_LEVEL + pin]

    def true_level(self, pin: int) -> int:
        return self._page[layout.TRUE_LEVEL + pin]

    def is_stuck(self, pin: int) -> bool:
        return bool(self._page[layout.STUCK + pin])

    def drive(self, pin: int, level: int) -> None:
        """What moves outside the board: a contact, a beam, a person before a sensor."""
        self._page[layout.TRUE_LEVEL + pin] = level
        if not self._page[layout.STUCK + pin]:
            self._put_level(pin, level)

    def stick(self, pin: int, level: int | None) -> None:
        """Break a sensor at a level; None repairs it, so that it tells the truth again."""
        self._page[layout.STUCK + pin] = 0 if level is None else layout.STUCK_LEVEL
        self._put_level(pin, self.true_level(pin) if level is None else level)

    def cut_wire(self, pin: int, is_cut: bool) -> None:
        """A cut wire floats: the pull resistor of the input decides."""
        self._page[layout.STUCK + pin] = layout.STUCK_CUT if is_cut else 0
        self._put_level(pin, layout.FLOATING if is_cut else self.true_level(pin))

    def is_cut(self, pin: int) -> bool:
        return self._page[layout.STUCK + pin] == layout.STUCK_CUT

    def _put_level(self, pin: int, level: int) -> None:
        """A level and, if it is another one, its edge in the ring: in this order, for the board may look
        between."""
        if self.input_level(pin) == level:
            return
        with (self.folder / WORLD_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may move the same world
            self._page[layout.IN_LEVEL + pin] = level
            edges = self.get("edges")
            at = layout.EDGES + edges % layout.EDGES_MAX * 2
            self._page[at : at + 2] = bytes((pin, level))
            self.put("edges", edges + 1 & 0xFFFFFFFF)

    def output_level(self, pin: int) -> int:
        """The level that the board drives now; an undriven output counts as low (external pull-down)."""
        if not self.get("power"):
            return layout.LOW
        channel = self._channel(pin) if pin < layout.GPIOS else None
        return output(self._page, channel, pin, now_us()) or layout.LOW

    def record(self, at: int, fields: Fields) -> Record:
        return Record(self._page, at, fields)

    def link(self, pairs: list[tuple[int, int]]) -> None:
        """Pressed keys connect these pairs of pins, and no others."""
        flat = bytes(pin for pair in pairs[: layout.LINKS_MAX] for pin in pair)
        self.put("links", 0)
        self._page[layout.LINKS : layout.LINKS + len(flat)] = flat
        self.put("links", len(flat) // 2)

    def _channel(self, pin: int) -> Record:
        return Record(self._page, layout.RMT + pin * layout.RMT_SIZE, layout.RMT_FIELDS)

    # --- actuators ---

    def actuator(self, number: int) -> Record:
        at = layout.ACTUATOR + number * layout.ACTUATOR_SIZE
        return Record(self._page, at, layout.ACTUATOR_FIELDS)

    def actuator_now(self, number: int) -> Actuator:
        """What is so at this moment, while the VM may be writing the record."""
        a = self.actuator(number)
        channel = self._channel(a.gate)
        for _ in range(READS_MAX):
            settles, now = a.settles, now_us()
            found = mechanics.state(a, self._page, channel, now)
            is_on = mechanics.is_on(a, self._page, channel, now)
            releases = mechanics.releases(a, self._page, channel, now)
            if settles % 2 == 0 and settles == a.settles:
                break
        position_us, total_us, _, longest_us, pulses, _, burnt = found
        has_power = self.has_power()
        return Actuator(
            energised=has_power and is_on,
            releases=releases if has_power or a.travel_us else bool(a.released or a.lost),
            position_us=position_us,
            pulses=pulses,
            longest_ms=longest_us // 1000,
            total_ms=total_us // 1000,
            burnt=bool(burnt),
        )

    def contact_level(self, number: int, pin: int) -> int:
        """What an end switch or latch contact says, were its wire whole."""
        a = self.actuator(number)
        return mechanics.contact(a, self._page, self._channel(a.gate), pin, now_us())

    def settle(self, number: int) -> Record:
        """The record, settled: to be called before the world changes what it moves by."""
        a = self.actuator(number)
        a.settles += a.settles % 2  # a VM that died while it wrote
        mechanics.settle(a, self._page, self._channel(a.gate), now_us())
        return a

    def has_power(self) -> bool:
        raise NotImplementedError
