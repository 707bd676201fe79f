"""The wire between a chip's UART and its serial port: baud rate, queues, and the faults that count bytes.

Bytes go at `baud` in both directions, whatever rate the host has set; without one as fast as it can be had.
What the chip does not take waits here, then in the kernel, then in the host. A host that has the port open
and does not read stops the chip's output for TX_WAIT_S, then output is lost, as on a chip's own USB.
"""

import time
from collections.abc import Callable
from typing import Protocol

from host_tools.sim.chip.faults import Faults
from host_tools.sim.chip.pace import Pace
from host_tools.sim.chip.port import NetPort, Owner, Port
from host_tools.sim.chip.timers import Timers

QUEUE_BYTES_MAX = 1 << 14
STEP_BYTES = 4096
AGAIN_S = 0.003
TX_WAIT_S = 2.0
AWAY_S = 0.3  # a port that was disconnected


class Uart(Protocol):
    """The chip's end."""

    def arrived(self, data: bytes) -> int:
        """Bytes of the host; how many were taken, the others are offered again."""

    def left(self) -> None:
        """Nobody has the port open any more."""

    def lines(self, dtr: bool, rts: bool) -> None:
        """The host moved DTR or RTS."""

    def drained(self) -> None:
        """There is room for output again."""

    def last_byte(self) -> None:
        """The byte came after which the power is to be cut."""


class Wire:
    def __init__(
        self, uart: Uart, make_port: Callable[[Owner], Port], faults: Faults, baud: int | None
    ) -> None:
        self.faults = faults
        self.received_bytes = 0  # from the host, for `cut`
        self.carried_bytes = 0  # both directions, for `disconnect`
        self._uart = uart
        self._rx, self._tx = bytearray(), bytearray()
        self._rx_pace, self._tx_pace = Pace(baud), Pace(baud)
        self._timers = Timers()
        self._stuck_since_s = 0.0
        self.port = make_port(self)
        self.port.plug()
        if faults.busy:
            self.port.set_busy(True)

    def close(self) -> None:
        self._timers.cancel_all()
        self.port.unplug()
        if isinstance(self.port, NetPort):
            self.port.close()

    def disconnect(self, away_s: float = AWAY_S) -> None:
        """Pull the plug of the serial adapter for a moment; the chip goes on."""
        self.port.unplug()
        self._rx.clear()
        self._tx.clear()
        self._uart.drained()
        self._uart.left()
        self._timers.later("plug", away_s, self.port.plug)

    # --- from the port ---

    def received(self, data: bytes) -> None:
        data = self.faults.lose(data)
        if not self._rx:
            self._rx_pace.start(time.monotonic())
        self._rx += data
        self.pump()

    def closed(self) -> None:
        self._tx.clear()
        self.pump()
        self._uart.drained()
        self._uart.left()

    def lines(self, dtr: bool, rts: bool) -> None:
        self._uart.lines(dtr, rts)

    # --- to the chip ---

    def drop(self) -> None:
        """What is on its way to the chip finds nobody there."""
        self._rx.clear()
        self.port.pause(False)

    def put_back(self, data: bytes) -> None:
        """What the chip took is for somebody else in it."""
        self._rx[:0] = data

    def pump(self) -> None:
        """Give the chip what has arrived by now."""
        while self._rx:
            now_s = time.monotonic()
            count = min(self._rx_pace.allowed(now_s), len(self._rx), STEP_BYTES)
            if self.faults.cut:
                count = min(count, self.faults.cut[0] - self.received_bytes)
            if count <= 0:
                self._timers.later("rx", self._rx_pace.wait_s(now_s), self.pump)
                break
            part = bytes(self._rx[:count])
            del self._rx[:count]
            taken = self._uart.arrived(part)
            self._rx_pace.used(taken)
            self.received_bytes += taken
            if taken < count:
                self._rx[:0] = part[taken:]
                self._timers.later("rx", AGAIN_S, self.pump)
                break
            if self._carried(taken) or self._is_cut():
                return
        self.port.pause(len(self._rx) >= QUEUE_BYTES_MAX)

    def _is_cut(self) -> bool:
        if not self.faults.cut or self.received_bytes < self.faults.cut[0]:
            return False
        self.faults.cut.pop(0)
        self.drop()
        self._uart.last_byte()
        return True

    def _carried(self, count: int) -> bool:
        """Count bytes on the wire; True when the port was disconnected by it."""
        self.carried_bytes += count
        if self.faults.disconnect and self.carried_bytes >= self.faults.disconnect[0]:
            self.faults.disconnect.pop(0)
            self.disconnect()
            return True
        return False

    # --- to the host ---

    @property
    def is_full(self) -> bool:
        """The chip should say no more for now; `drained` tells when it may."""
        return len(self._tx) >= QUEUE_BYTES_MAX

    def send(self, data: bytes) -> None:
        """What nobody listens to is lost."""
        if not self.port.is_open or not data:
            return
        if not self._tx:
            self._tx_pace.start(time.monotonic())
        self._tx += data
        self._flush()

    def _flush(self) -> None:
        while self._tx:
            now_s = time.monotonic()
            count = min(self._tx_pace.allowed(now_s), len(self._tx), STEP_BYTES)
            if count <= 0:
                self._timers.later("tx", self._tx_pace.wait_s(now_s), self._flush)
                break
            left = self.faults.lose(bytes(self._tx[:count]))
            written = self.port.write(left)
            if written < len(left):
                if written == 0 and self._gives_up(now_s):
                    self._tx.clear()
                    break
                self._tx[:count] = left[written:]
                self._timers.later("tx", AGAIN_S, self._flush)
                break
            self._stuck_since_s = 0.0
            del self._tx[:count]
            self._tx_pace.used(count)
            if self._carried(count):
                return
        if not self.is_full:
            self._uart.drained()

    def _gives_up(self, now_s: float) -> bool:
        """The host does not read."""
        self._stuck_since_s = self._stuck_since_s or now_s
        return now_s > self._stuck_since_s + TX_WAIT_S
