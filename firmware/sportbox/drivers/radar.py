"""The serial port of an LD2410 radar: it talks all the time, and is read when it suits."""

from machine import UART, Pin
from micropython import const

_BAUD = const(256000)
_BUFFER_BYTES = const(1024)  # more than two seconds of engineering reports wait here
_CHUNK_BYTES = const(256)


class Radar:
    """`read` fills `data` and says how many bytes came, without waiting for any."""

    def __init__(self, uart: int, rx: int, tx: int) -> None:
        self.data = bytearray(_CHUNK_BYTES)
        self._uart = UART(
            uart,
            baudrate=_BAUD,
            rx=Pin(rx),
            tx=Pin(tx),
            timeout=0,
            timeout_char=0,
            rxbuf=_BUFFER_BYTES,
        )

    def read(self) -> int:
        return self._uart.readinto(self.data) or 0

    def write(self, frame: bytes) -> None:
        """An order is short enough for the hardware's own buffer."""
        self._uart.write(frame)

    def drain(self) -> None:
        """What was said while nobody listened is not news."""
        for _ in range(2 * _BUFFER_BYTES // _CHUNK_BYTES):
            if not self.read():
                return
