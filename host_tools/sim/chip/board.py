"""A simulated chip with its serial port: power, reset, loader or MicroPython, and the wire to the host.

    off --power--> ROM --SYNC, or IO0 low--> loader --end, or port closed--> reset
                    |--no valid image--> says so, again and again
                    `--valid image--> MicroPython --machine.reset(), watchdog, deep sleep--> ROM

On a pty there are no reset lines: SYNC enters the loader whatever the chip does, and the loader is left when
the port is closed or when a terminal program speaks (CR, Ctrl-C). Over RFC 2217 the lines decide: EN is low
while RTS is set and DTR is not, IO0 while DTR is set and RTS is not.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

from host_tools.sim import layout
from host_tools.sim.chip import says
from host_tools.sim.chip.body import Body
from host_tools.sim.chip.boot import NoBoot, bootable
from host_tools.sim.chip.faults import Faults
from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.port import Owner, Port
from host_tools.sim.chip.power import Power
from host_tools.sim.chip.relay import Relay, banner
from host_tools.sim.chip.rom import Leave, Rom
from host_tools.sim.chip.slip import SyncWatch
from host_tools.sim.chip.timers import Timers
from host_tools.sim.chip.wire import Wire
from host_tools.sim.world import LOG_FILE

State = Literal["off", "loader", "no image", "running", "asleep"]

ATTENTION_BYTES_MAX = 64
RESET_S = 0.03  # a real chip takes some 300 ms
SOFT_RESET_S = 0.002
LINES_S = 0.1  # how long EN keeps rising while both lines are set: between two steps of a reset sequence
SETTLE_S = 0.02
REPEAT_S = 0.5  # without an image; a real chip repeats it each 0.3 s
REPEATS_MAX = 40
DRAIN_S = 0.2  # for the VM to read the last byte before a cut
DRAIN_LOOK_S = 0.001
ATTENTION = b"\r\x03"


class ChipBoard:
    """Lives in an asyncio loop; `host.py` makes it and calls it there."""

    def __init__(
        self,
        body: Body,
        zygote: Power,
        make_port: Callable[[Owner], Port],
        faults: Faults,
        baud: int | None = None,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.body = body
        self.faults = faults
        self.state: State = "off"
        self.on_event = on_event
        self._zygote = zygote
        self._loop = asyncio.get_running_loop()
        self._timers = Timers()
        self._relay = Relay(self._said, body.folder / LOG_FILE)
        self._rom: Rom | None = None
        self._flash: Flash | None = None
        self._sync = SyncWatch()
        self._attention = b""
        self._lines = (False, False)
        self._watches_vm = False
        self._is_last_byte = False
        self._starts = 0
        self.wire = Wire(self, make_port, faults, baud)
        self._set_up_world()

    @property
    def name(self) -> str:
        return self.body.name

    @property
    def port(self) -> Port:
        return self.wire.port

    def close(self) -> None:
        self.power_off()
        self._timers.cancel_all()
        self._zygote.forget(self.name)
        self.wire.close()
        self._relay.close()
        self.body.world.close()

    # --- power and reset ---

    def power_on(self, cause: int = layout.PWRON_RESET) -> None:
        if self.state != "off":
            return
        self._start(cause)

    def power_off(self) -> None:
        self._stop()
        self.wire.drop()
        self.state = "off"
        self.body.world.power_off()

    def reset(self, cause: int = layout.PWRON_RESET) -> None:
        """As the EN pin does it."""
        self._stop()
        self._start(cause)

    def cut_at(self, count: int) -> None:
        """Cut the power after so many more bytes from the host."""
        self.faults.cut.append(self.wire.received_bytes + count)
        self.faults.cut.sort()

    def cut_at_op(self, count: int) -> None:
        """Cut the power in the middle of MicroPython's so many-th flash operation from now."""
        self.body.world.put("cut_at_op", count)

    def pid(self) -> int:
        return self.body.world.get("pid")

    def _set_up_world(self) -> None:
        world, bad = self.body.world, self.faults.bad_sectors
        world.put("bad_sectors", len(bad))
        for number, sector in enumerate(bad):
            world.put(f"bad_sector_{number}", sector)
        world.put("cut_at_op", 0)
        self._arm_cut_op()

    def _arm_cut_op(self) -> None:
        if self.faults.cut_op:
            self.body.world.put("cut_at_op", self.faults.cut_op.pop(0))

    def _stop(self) -> None:
        """Whatever the chip does, it ends."""
        self._timers.cancel("boot", "repeat", "cut")
        self._is_last_byte = False
        if self.state in ("running", "asleep"):
            self._zygote.cut(self.name)
            self._relay.ended()
        self._watch_vm(False)
        self._close_loader()

    def _close_loader(self) -> None:
        if self._flash is not None:
            self._flash.close()
        self._rom = self._flash = None

    def _start(self, cause: int) -> None:
        """The ROM after a reset: the loader if IO0 is low, else the program."""
        self._sync = SyncWatch()
        if cause != layout.SOFT_RESET:
            self._tell(says.reset(self.body.chip, cause, download=self._io0_is_low()))
        if self._io0_is_low():
            self._enter_loader()
            self._tell(says.WAITING)
            return
        with Flash(self.body.flash_file) as flash:
            found = bootable(flash, self.body.chip)
        if isinstance(found, NoBoot):
            self.state = "no image"
            self._show_power()
            self._repeat(found.reason.encode() + b"\r\n", REPEATS_MAX)
            return
        trouble = self.body.rewire()
        if trouble:
            self.on_event(trouble)
        self.body.world.put("vfs_offset", found.vfs_offset)
        self.body.world.put("vfs_size", found.vfs_size)
        is_raw = self._relay.is_raw and cause == layout.SOFT_RESET
        self._relay.begin(banner(self.body.chip, found.version), is_raw=is_raw)
        self.state = "running"
        self._starts += 1
        self._relay.runs(self._zygote.boot(self.name, self.body.folder, self._relay.path, is_raw, cause))
        self._watch_vm(True)

    def _repeat(self, text: bytes, times: int) -> None:
        self._tell(text)
        if times > 1:
            self._timers.later("repeat", REPEAT_S, lambda: self._repeat(text, times - 1))

    def _show_power(self) -> None:
        """On, without a VM."""
        self.body.world.put("power", 1)
        self.body.world.put("halted", 1)

    def heard(self, event: str, cause: int, starts: int) -> None:
        """What the zygote tells of this board."""
        if starts != self._starts or self.state not in ("running", "asleep"):
            return  # of a VM that was ended here meanwhile
        if event == "asleep":
            self._relay.ended()
            self._watch_vm(False)
            self.state = "asleep"
        elif event == "cut":
            self._relay.ended()
            self._watch_vm(False)
            self.state = "off"
            self.wire.drop()
            self._arm_cut_op()
        elif event == "reset":
            if self.state == "running":
                self._relay.ended()
            self._watch_vm(False)
            pause_s = SOFT_RESET_S if cause == layout.SOFT_RESET else RESET_S
            self._timers.later("boot", pause_s, lambda: self._start(cause))
        elif event == "crashed":
            self._relay.ended()
            self._tell(b"\r\nGuru Meditation Error: the simulated interpreter died\r\n")
        self.on_event(event)

    # --- the loader ---

    def _enter_loader(self) -> None:
        faults = self.faults
        at = faults.reset_write[0] if faults.reset_write else None
        self._flash = Flash(self.body.flash_file, faults.bad_sectors, at)
        self._rom = Rom(self.body.chip, self.body.mac, self._flash)
        self._attention = b""
        self.state = "loader"
        self._show_power()

    def _load(self, rom: Rom, data: bytes) -> None:
        """Bytes of the host for the loader."""
        self._attention = (self._attention + data).rpartition(b"\xc0")[2][:ATTENTION_BYTES_MAX]
        if not self.port.has_lines and self._attention.startswith(ATTENTION):
            self.reset()
            self.wire.put_back(self._attention)
            return
        self.wire.send(rom.feed(data))
        if rom.leaving is None:
            return
        if self._flash is not None and self._flash.reset_at_byte is None and self.faults.reset_write:
            self.faults.reset_write.pop(0)
        self._stop()
        boots = rom.leaving == Leave.BOOT
        self._timers.later(
            "boot", RESET_S, lambda: self._start(layout.PWRON_RESET if boots else layout.HARD_RESET)
        )

    # --- the port ---

    def left(self) -> None:
        """Nobody has the port open any more: the end of the loader, where there are no reset lines."""
        if self.state == "loader" and not self.port.has_lines:
            self.reset()

    def lines(self, dtr: bool, rts: bool) -> None:
        """DTR and RTS, over RFC 2217."""
        was_low, self._lines = self._en_is_low(), (dtr, rts)
        if self._en_is_low():
            self._timers.cancel("rise")
            if not was_low:
                self.power_off()
                self.on_event("reset held")
        elif was_low or "rise" in self._timers:
            wait_s = LINES_S if dtr and rts else SETTLE_S
            self._timers.later("rise", wait_s, self.power_on)

    def _en_is_low(self) -> bool:
        dtr, rts = self._lines
        return rts and not dtr

    def _io0_is_low(self) -> bool:
        dtr, rts = self._lines
        return dtr and not rts

    def last_byte(self) -> None:
        """Cut the power, once the VM had the chance to see the last byte."""
        self._is_last_byte = True
        self._cut_when_read(time.monotonic() + DRAIN_S)

    def _cut_when_read(self, deadline_s: float) -> None:
        if self.state == "running" and self._relay.unread() and time.monotonic() < deadline_s:
            self._timers.later("cut", DRAIN_LOOK_S, lambda: self._cut_when_read(deadline_s))
            return
        self.power_off()
        self.on_event("cut")

    def disconnect(self) -> None:
        """Pull the plug of the serial adapter for a moment; the chip goes on."""
        self.wire.disconnect()

    def arrived(self, data: bytes) -> int:
        """Bytes at the chip's pin; answers how many it took."""
        if self.state == "off" or self._is_last_byte:
            return len(data)
        if self._rom is not None:
            self._load(self._rom, data)
            return len(data)
        if not self.port.has_lines:
            synced = self._sync.feed(data)
            if synced is not None:
                self._stop()
                self._enter_loader()
                if self._rom is not None:
                    self._load(self._rom, synced)
                return len(data)
        if self.state != "running":
            return len(data)
        if not self._relay.listens:
            return 0
        if self.faults.overrun is not None:
            room = max(0, self.faults.overrun - self._relay.unread())
            self._relay.send(data[:room])
            return len(data)
        return self._relay.send(data)

    # --- from the chip ---

    def _watch_vm(self, wanted: bool) -> None:
        if wanted and not self._watches_vm:
            self._loop.add_reader(self._relay.master, self._hear_vm)
        elif not wanted and self._watches_vm:
            self._loop.remove_reader(self._relay.master)
        self._watches_vm = wanted

    def _hear_vm(self) -> None:
        listened = self._relay.listens
        if not self._relay.read():
            return
        if self.wire.is_full:
            self._watch_vm(False)
        if self._relay.listens and not listened:
            self.wire.pump()

    def drained(self) -> None:
        """There is room for what the VM says."""
        if self.state == "running":
            self._watch_vm(True)

    def _said(self, data: bytes) -> None:
        """By the VM."""
        self.wire.send(data)

    def _tell(self, text: bytes) -> None:
        """What the ROM prints: to the host and into the console's log."""
        self._relay.log(text)
        self.wire.send(text)
