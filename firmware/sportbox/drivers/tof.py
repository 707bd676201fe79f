"""A VL53L1X time-of-flight sensor on the I2C bus. Registers and start-up: core/vl53l1x.py."""

from machine import Pin
from micropython import const

from sportbox.core import vl53l1x as chip

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from machine import I2C

_RESET_MS = const(5)  # held in reset; UM2510 asks for 100 us
_BOOT_MS = const(500)  # 1.2 ms by the data sheet
_DATA_MS = const(1000)  # a measurement takes 100 ms
_PAUSE_MS = const(5000)  # before a lost sensor is begun anew
_ADDRESS_BITS = const(16)

OFF = "off"  # held in reset until a deadline
BOOTING = "booting"
SETTLING = "settling"  # the first measurement, which is thrown away
RANGING = "ranging"


class Tof:
    """`step` never waits: it does what is due, and is True when `result` holds a new measurement. A sensor
    that does not answer, or has nothing to say for a second, is reset and begun anew after a pause."""

    def __init__(self, i2c: "I2C", address: int, xshut: int, turn: "list[object]") -> None:
        """All sensors begin at the same address and get their own only then. So all are held in reset from
        here on, and `turn`, a list that those of one bus share, has the one that is beginning."""
        self._i2c = i2c
        self._own_address = address
        self._address = chip.ADDRESS
        self._turn = turn
        self._xshut = Pin(xshut, Pin.OUT, value=0)
        self._byte = bytearray(1)
        self._until_ms = 0
        self._begun = False
        self._polarity = 0
        self.result = bytearray(chip.RESULT_BYTES)
        self.state = OFF
        self.losses = 0

    def step(self, now_ms: int) -> bool:
        try:
            return self._step(now_ms)
        except OSError:
            if self.state != BOOTING or now_ms >= self._until_ms:  # until it has booted it need not answer
                self._lose(now_ms)
            return False

    def stop(self) -> None:
        """Takes its power away, as far as the reset line does."""
        self._begun = False
        self._hold()

    def _step(self, now_ms: int) -> bool:
        if self.state == OFF:
            self._start(now_ms)
            return False
        if self.state == BOOTING:
            is_due = self._get(chip.FIRMWARE_STATUS) & 1 == 1
        else:
            is_due = chip.is_ready(self._polarity, self._get(chip.READY))
        if not is_due:
            if now_ms >= self._until_ms:
                self._lose(now_ms)
            return False
        if self.state == BOOTING:
            self._set_up(now_ms)
            return False
        self._until_ms = now_ms + _DATA_MS
        if self.state == SETTLING:
            self._settle()
            return False
        self._i2c.readfrom_mem_into(self._address, chip.RESULT, self.result, addrsize=_ADDRESS_BITS)
        self._put(chip.CLEAR, b"\x01")
        return True

    def _start(self, now_ms: int) -> None:
        if not self._begun:
            self._begun = True
            self._until_ms = now_ms + _RESET_MS
        if now_ms < self._until_ms or self._turn:
            return
        self._turn.append(self)
        self._xshut.value(1)
        self._address = chip.ADDRESS
        self.state = BOOTING
        self._until_ms = now_ms + _BOOT_MS

    def _set_up(self, now_ms: int) -> None:
        if self._get(chip.MODEL_ID) << 8 | self._get(chip.MODEL_ID + 1) != chip.MODEL:
            raise OSError(19)  # ENODEV: something else answers there
        if self._address != self._own_address:
            self._put(chip.SLAVE_ADDRESS, bytes([self._own_address]))
            self._address = self._own_address
        if self in self._turn:  # else this is the second try
            self._turn.remove(self)
        self._put(chip.CONFIG, chip.DEFAULTS)
        self._polarity = self._get(chip.POLARITY)
        self._put(chip.MODE, chip.START)
        self.state = SETTLING
        self._until_ms = now_ms + _DATA_MS

    def _settle(self) -> None:
        self._put(chip.CLEAR, b"\x01")
        self._put(chip.MODE, chip.STOP)
        self._put(chip.VHV_LOOP, b"\x09")  # as the vendor's driver does: from now on two bounds, ...
        self._put(chip.VHV_INIT, b"\x00")  # ... beginning with the temperature of last time
        self._put(chip.MODE, chip.START)
        self.state = RANGING

    def _lose(self, now_ms: int) -> None:
        self.losses += 1
        self._begun = True
        self._until_ms = now_ms + _PAUSE_MS
        self._hold()

    def _hold(self) -> None:
        self.state = OFF
        if self in self._turn:
            self._turn.remove(self)
        self._xshut.value(0)

    def _get(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._byte, addrsize=_ADDRESS_BITS)
        return self._byte[0]

    def _put(self, register: int, data: bytes) -> None:
        self._i2c.writeto_mem(self._address, register, data, addrsize=_ADDRESS_BITS)
