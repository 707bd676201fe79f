"""What can happen to a board itself while it runs: its flash, its heap, the clock of its chip."""

import mmap
import random
from pathlib import Path

from host_tools.sim import layout
from host_tools.sim.world import FLASH_FILE
from host_tools.storm import rotten
from host_tools.storm.agenda import Agenda, Ticket
from host_tools.storm.machine.clocks import clocks_of_this_process
from host_tools.storm.machine.denial import ALWAYS, NEVER
from host_tools.storm.machine.surface import StormWorld
from host_tools.storm.trace import Trace

_ROOT_BYTES = 2 * layout.FLASH_BLOCK
DRIFT_STEP_US = 60_000_000


class Body:
    def __init__(self, agenda: Agenda, trace: Trace, world: StormWorld, folder: Path, seed: str) -> None:
        self._agenda = agenda
        self._trace = trace
        self._world = world
        self._folder = folder
        self._rng = random.Random(f"{seed}/flash")
        self._root_is_rotten = False
        self._denial_end: Ticket | None = None
        self._drift_ppm = 0
        self._foreign: int | None = None  # as vm/_foreign.py takes it; None: there were never any
        self._foreign_is_told = True

    def bad_sector(self, n: int | None) -> None:
        """A sector of the filesystem takes nothing from the next start on; None: all do."""
        self._world.put("bad_sectors", 0 if n is None else 1)
        if n is not None:
            self._world.put("bad_sector_0", (self._world.get("vfs_offset") or layout.VFS_OFFSET) // 4096 + n)

    def rot(self, count: int) -> None:
        """So many bits of the filesystem tip over."""
        begin = self._world.get("vfs_offset") or layout.VFS_OFFSET
        with (self._folder / FLASH_FILE).open("r+b") as file, mmap.mmap(file.fileno(), 0) as flash:
            end = begin + self._world.get("vfs_size") if self._world.get("vfs_size") else len(flash)
            before = flash[begin:end]
            for _ in range(count):
                flash[self._rng.randrange(begin, end)] ^= 1 << self._rng.randrange(8)
            after = flash[begin:end]
        self._root_is_rotten |= before[:_ROOT_BYTES] != after[:_ROOT_BYTES]
        self._trace.note("rot", files=rotten.hit(before, after))

    def fill_flash(self, left: int | None) -> None:
        """Somebody's files take all of the filesystem's free blocks but `left`; None: they are removed. Of a
        board without power as soon as it runs again."""
        self._foreign = -1 if left is None else left
        self._foreign_is_told = False

    def deny_heap(self, us: int, least_bytes: int, share: float) -> None:
        """For so long this share of the allocations of at least that size fail, until a reset."""
        self._deny(least_bytes, round(share * ALWAYS))
        self._agenda.cancel(self._denial_end)
        self._denial_end = self._agenda.after(us, self._give_back)

    def _give_back(self) -> None:
        self._deny(0, NEVER)

    def _deny(self, least_bytes: int, share: int) -> None:
        clocks_of_this_process().denial.change(least_bytes, share, self._rng.getrandbits(63))

    def jump_wall(self, s: int) -> None:
        """The chip's wall clock jumps."""
        self._world.put("rtc_offset_ns", self._world.get("rtc_offset_ns") + s * 1_000_000_000)

    def drift_ppm(self, n: int) -> None:
        """The chip's wall clock goes wrong by so much from now on."""
        if not self._drift_ppm and n:
            self._agenda.after(DRIFT_STEP_US, self._drift, idle=lambda: True)
        self._drift_ppm = n

    def _drift(self) -> None:
        if self._drift_ppm:
            shift_ns = DRIFT_STEP_US * 1000 * self._drift_ppm // 1_000_000
            self._world.put("rtc_offset_ns", self._world.get("rtc_offset_ns") + shift_ns)
            self._agenda.after(DRIFT_STEP_US, self._drift, idle=lambda: True)
