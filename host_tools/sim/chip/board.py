"""A simulated chip with its serial port: power, reset, loader or MicroPython, and the wire to the host.

    off --power--> ROM --SYNC, or IO0 low--> loader --end, or port closed--> reset
                    |--no valid image--> says so, again and again
                    `--valid image--> MicroPython --machine.reset(), watchdog, deep sleep--> ROM

On a pty there are no reset lines: SYNC enters the loader whatever the chip does, and the loader is left when
the port is closed or when a terminal program speaks (CR, Ctrl-C). Over RFC 2217 the lines decide: EN is low
while RTS is set and DTR is not, IO0 while DTR is set and RTS is not. Bytes go at `baud` in both directions.
A host that does not read stops the chip's output for TX_WAIT_S, then output is lost, as on a chip's own USB.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from host_tools.sim import layout
from host_tools.sim.chip import says
from host_tools.sim.chip.body import Body
from host_tools.sim.chip.boot import NoBoot, bootable
from host_tools.sim.chip.faults import Faults
from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.pace import Pace
from host_tools.sim.chip.port import NetPort, Port, PtyPort
from host_tools.sim.chip.relay import Relay, banner
from host_tools.sim.chip.rom import Leave, Rom
from host_tools.sim.chip.slip import SyncWatch
from host_tools.sim.world import LOG_FILE

State = Literal["off", "loader", "no image", "running", "asleep"]

QUEUE_BYTES_MAX = 1 << 14
STEP_BYTES = 4096
AGAIN_S = 0.003
TX_WAIT_S = 2.0
RESET_S = 0.03  # a real chip takes some 300 ms
SOFT_RESET_S = 0.002
LINES_S = 0.1  # how long EN keeps rising while both lines are set: between two steps of a reset sequence
SETTLE_S = 0.02
REPEAT_S = 0.5  # without an image; a real chip repeats it each 0.3 s
REPEATS_MAX = 40
AWAY_S = 0.3  # a port that was disconnected
DRAIN_S = 0.2
ATTENTION = b"\r\x03"


class Power(Protocol):
    """Starts and ends the VM."""

    def boot(self, board: str, folder: Path, tty: str, raw: bool, cause: int) -> int: ...
    def cut(self, board: str) -> int: ...
    def forget(self, board: str) -> int: ...


class ChipBoard:
    """Lives in an asyncio loop; `host.py` makes it and calls it there."""

    def __init__(
        self,
        body: Body,
        zygote: Power,
        make_port: Callable[["ChipBoard"], Port],
        faults: Faults,
        baud: int | None = None,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.body = body
        self.faults = faults
        self.state: State = "off"
        self.received_bytes = 0  # from the host, for `cut`
        self.carried_bytes = 0  # both directions, for `disconnect`
        self.on_event = on_event
        self._zygote = zygote
        self._loop = asyncio.get_running_loop()
        self._relay = Relay(self._send, body.folder / LOG_FILE)
        self._rx, self._tx = bytearray(), bytearray()
        self._rx_pace, self._tx_pace = Pace(baud), Pace(baud)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._rom: Rom | None = None
        self._flash: Flash | None = None
        self._sync = SyncWatch()
        self._attention = b""
        self._stuck_since_s = 0.0
        self._lines = (False, False)
        self._watches_vm = False
        self._starts = 0
        self.port = make_port(self)
        self.port.plug()
        if faults.busy:
            self.port.set_busy(True)
        self._set_up_world()

    @property
    def name(self) -> str:
        return self.body.name

    def close(self) -> None:
        self.power_off()
        self._zygote.forget(self.name)
        self.port.unplug()
        if isinstance(self.port, NetPort):
            self.port.close()
        self._relay.close()
        self.body.world.close()

    # --- power and reset ---

    def power_on(self, cause: int = layout.PWRON_RESET) -> None:
        if self.state != "off":
            return
        self._start(cause)

    def power_off(self) -> None:
        self._stop()
        self._rx.clear()
        self.state = "off"
        self.body.world.power_off()

    def reset(self, cause: int = layout.PWRON_RESET) -> None:
        """As the EN pin does it."""
        self._stop()
        self._start(cause)

    def cut_at(self, count: int) -> None:
        """Cut the power after so many more bytes from the host."""
        self.faults.cut.append(self.received_bytes + count)
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
        for name in ("boot", "repeat"):
            self._cancel(name)
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
            self._later("repeat", REPEAT_S, lambda: self._repeat(text, times - 1))

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
            self._rx.clear()
            self._arm_cut_op()
        elif event == "reset":
            if self.state == "running":
                self._relay.ended()
            self._watch_vm(False)
            pause_s = SOFT_RESET_S if cause == layout.SOFT_RESET else RESET_S
            self._later("boot", pause_s, lambda: self._start(cause))
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
        self._attention = (self._attention + data).rpartition(b"\xc0")[2][-STEP_BYTES:]
        if not self.port.has_lines and self._attention.startswith(ATTENTION):
            self.reset()
            self._rx[:0] = self._attention
            return
        self._send(rom.feed(data))
        if rom.leaving is None:
            return
        if self._flash is not None and self._flash.reset_at_byte is None and self.faults.reset_write:
            self.faults.reset_write.pop(0)
        self._stop()
        boots = rom.leaving == Leave.BOOT
        self._later("boot", RESET_S, lambda: self._start(layout.PWRON_RESET if boots else layout.HARD_RESET))

    # --- the port ---

    def received(self, data: bytes) -> None:
        """From the host."""
        data = self.faults.lose(data)
        if not self._rx:
            self._rx_pace.start(time.monotonic())
        self._rx += data
        self._pump_rx()

    def closed(self) -> None:
        """Nobody has the port open any more."""
        self._tx.clear()
        self._pump_tx()
        if self.state == "loader" and not self.port.has_lines:
            self._pump_rx()
            self.reset()

    def lines(self, dtr: bool, rts: bool) -> None:
        """DTR and RTS, over RFC 2217."""
        was_low, self._lines = self._en_is_low(), (dtr, rts)
        if self._en_is_low():
            self._cancel("rise")
            if not was_low:
                self.power_off()
                self.on_event("reset held")
        elif was_low or "rise" in self._timers:
            wait_s = LINES_S if dtr and rts else SETTLE_S
            self._later("rise", wait_s, self.power_on)

    def _en_is_low(self) -> bool:
        dtr, rts = self._lines
        return rts and not dtr

    def _io0_is_low(self) -> bool:
        dtr, rts = self._lines
        return dtr and not rts

    def _pump_rx(self) -> None:
        """Give the chip what has arrived by now."""
        while self._rx:
            now_s = time.monotonic()
            count = min(self._rx_pace.allowed(now_s), len(self._rx), STEP_BYTES)
            if self.faults.cut:
                count = min(count, self.faults.cut[0] - self.received_bytes)
            if count <= 0:
                self._later("rx", self._rx_pace.wait_s(now_s), self._pump_rx)
                break
            part = bytes(self._rx[:count])
            del self._rx[:count]
            taken = self._arrived(part)
            self._rx_pace.used(taken)
            self.received_bytes += taken
            if taken < count:
                self._rx[:0] = part[taken:]
                self._later("rx", AGAIN_S, self._pump_rx)
                break
            if self._strikes(taken):
                return
        self.port.pause(len(self._rx) >= QUEUE_BYTES_MAX)

    def _strikes(self, count: int) -> bool:
        """Faults that count bytes from the host; True when the power is gone."""
        if self._carried(count):
            return True
        if self.faults.cut and self.received_bytes >= self.faults.cut[0]:
            self.faults.cut.pop(0)
            self._rx.clear()
            self.port.pause(False)
            deadline_s = time.monotonic() + DRAIN_S
            self._cut_when_read(deadline_s)
            return True
        return False

    def _cut_when_read(self, deadline_s: float) -> None:
        """The VM gets the chance to see the last byte."""
        if self.state == "running" and self._relay.unread() and time.monotonic() < deadline_s:
            self._later("cut", AGAIN_S / 3, lambda: self._cut_when_read(deadline_s))
            return
        self.power_off()
        self.on_event("cut")

    def _carried(self, count: int) -> bool:
        """Count bytes on the wire; True when the port was disconnected by it."""
        self.carried_bytes += count
        if self.faults.disconnect and self.carried_bytes >= self.faults.disconnect[0]:
            self.faults.disconnect.pop(0)
            self.disconnect()
            return True
        return False

    def disconnect(self, away_s: float = AWAY_S) -> None:
        """Pull the plug of the serial adapter for a moment; the chip goes on."""
        self.port.unplug()
        self._rx.clear()
        self._tx.clear()
        self._pump_tx()
        self.on_event("disconnected")
        if self.state == "loader" and not self.port.has_lines:
            self.reset()
        self._later("plug", away_s, self.port.plug)

    def _arrived(self, data: bytes) -> int:
        """Bytes at the chip's pin; answers how many it took."""
        if self.state in ("off",) or "cut" in self._timers:
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
        if len(self._tx) >= QUEUE_BYTES_MAX:
            self._watch_vm(False)
        if self._rx and self._relay.listens and not listened:
            self._pump_rx()

    def _tell(self, text: bytes) -> None:
        """What the ROM prints: to the host and into the console's log."""
        self._relay.log(text)
        self._send(text)

    def _send(self, data: bytes) -> None:
        """To the host."""
        if not self.port.is_open or not data:
            return
        if not self._tx:
            self._tx_pace.start(time.monotonic())
        self._tx += data
        self._pump_tx()

    def _pump_tx(self) -> None:
        while self._tx:
            now_s = time.monotonic()
            count = min(self._tx_pace.allowed(now_s), len(self._tx), STEP_BYTES)
            if count <= 0:
                self._later("tx", self._tx_pace.wait_s(now_s), self._pump_tx)
                break
            part = bytes(self._tx[:count])
            left = self.faults.lose(part)
            written = self.port.write(left)
            if written < len(left):
                if written == 0 and self._give_up(now_s):
                    self._tx.clear()
                    break
                self._tx[:count] = left[written:]
                self._tx_pace.used(count - len(left) + written)
                self._later("tx", AGAIN_S, self._pump_tx)
                break
            self._stuck_since_s = 0.0
            del self._tx[:count]
            self._tx_pace.used(count)
            if self._carried(count):
                return
        if len(self._tx) < QUEUE_BYTES_MAX and self.state == "running":
            self._watch_vm(True)

    def _give_up(self, now_s: float) -> bool:
        """The host does not read."""
        self._stuck_since_s = self._stuck_since_s or now_s
        return now_s > self._stuck_since_s + TX_WAIT_S

    # --- timers: one of a name ---

    def _later(self, name: str, wait_s: float, call: Callable[[], None]) -> None:
        self._cancel(name)

        def run() -> None:
            self._timers.pop(name, None)
            call()

        self._timers[name] = self._loop.call_later(wait_s, run)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def port_maker(kind: str, link: Path) -> Callable[[ChipBoard], Port]:
    """`kind`: pty or rfc2217."""
    return (lambda board: NetPort(board)) if kind == "rfc2217" else (lambda board: PtyPort(board, link))
