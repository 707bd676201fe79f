"""`machine.I2C`: a bus with the chips that the world page names, on the pins that it names.

A transaction that no chip acknowledges is ENODEV, as on the ESP32. Loaded when the firmware first asks.
"""

from _world import load as _load, page as _page

_ENODEV = 19


def _chips():
    """Models of the chips on the bus; each is loaded where there is one."""
    found = []
    if _page.expander_address:
        found.append(_load("_mcp23017").Expander())
    if _page.rtc_chip:
        found.append(_load("_ds3231").Clock())
    for number in range(_page.tofs):
        found.append(_load("_vl53l1x").Ranger(number))
    return found


class I2C:
    _bus = None

    def __init__(self, _id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        if _id not in (0, 1):
            raise ValueError("I2C(%d) doesn't exist" % _id)
        if not 0 < freq <= 1000000:
            raise ValueError("invalid freq")
        self._wired = (
            scl is not None
            and sda is not None
            and scl is not sda
            and (scl._id, sda._id) == (_page.i2c_scl, _page.i2c_sda)
        )
        if self._wired and I2C._bus is None:
            I2C._bus = _chips()

    def _at(self, addr):
        """Who answers there: chips with the same address do it at once."""
        if not 0 <= addr <= 127:
            raise ValueError("invalid address")
        found = [chip for chip in I2C._bus if chip.address() == addr] if self._wired else None
        if not found:
            raise OSError(_ENODEV)
        return found

    def _write(self, addr, data):
        for chip in self._at(addr):
            chip.write(data)

    def scan(self):
        found = [] if not self._wired else [chip.address() for chip in I2C._bus]
        return sorted({address for address in found if address})

    def writeto(self, _addr, _buf, _stop=True):
        data = bytes(_buf)
        self._write(_addr, data)
        return len(data)

    def readfrom_into(self, _addr, _buf, _stop=True):
        self._at(_addr)[0].read_into(_buf)

    def readfrom(self, _addr, _nbytes, _stop=True):
        found = bytearray(_nbytes)
        self.readfrom_into(_addr, found)
        return bytes(found)

    def _memory(self, memaddr, addrsize):
        if addrsize not in (8, 16):
            raise ValueError("invalid addrsize")
        return memaddr.to_bytes(addrsize // 8, "big")

    def writeto_mem(self, _addr, _memaddr, _buf, *, addrsize=8):
        self._write(_addr, self._memory(_memaddr, addrsize) + bytes(_buf))

    def readfrom_mem_into(self, _addr, _memaddr, _buf, *, addrsize=8):
        self._write(_addr, self._memory(_memaddr, addrsize))
        self.readfrom_into(_addr, _buf)

    def readfrom_mem(self, _addr, _memaddr, _nbytes, *, addrsize=8):
        self._write(_addr, self._memory(_memaddr, addrsize))
        return self.readfrom(_addr, _nbytes)
