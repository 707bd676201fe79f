"""The chip's registers as READ_REG and WRITE_REG see them: eFuses, the SPI controller, the RTC watchdog.

Sources: the Technical Reference Manuals of the three chips ("SPI Controller": SPI_CMD_REG's USR bit starts a
command and clears itself; "Watchdog Timers": the write-protection key, stage 0's action in bits 28 to 30 of
RTC_CNTL_WDTCONFIG0_REG) and what esptool 5 reads and writes.
"""

from host_tools.sim.chip.spi import SpiFlash
from host_tools.sim.chip.targets.target import Target

CHIP_MAGIC = 0x40001000  # in ROM; a different word on each chip
SPI_CMD_USR = 1 << 18
WDT_ENABLE = 1 << 31
WDT_STAGE0_RESETS = (3, 4, 5)  # CPU, core, whole system: what ends what runs now
WDT_STAGE0_SHIFT = 28
WRITTEN_MAX = 256  # words that a host may leave in registers that are not modelled


class Registers:
    """Words by address. What is not modelled reads as 0 until it is written."""

    def __init__(self, target: Target, mac: bytes, flash_mib: int) -> None:
        self._target = target
        self._fixed = {CHIP_MAGIC: target.magic, **target.efuses(mac, flash_mib)}
        self._written: dict[int, int] = {}
        self._spi = SpiFlash(target.flash_ids[flash_mib], flash_mib << 20)
        self._armed = False
        self.watchdog_bit = False  # the watchdog was armed and locked: the chip resets

    def read(self, address: int) -> int:
        return self._written.get(address, self._fixed.get(address, 0))

    def write(self, address: int, value: int, mask: int = 0xFFFFFFFF) -> None:
        """Write the bits of `mask`; the others stay. eFuses and ROM cannot be written."""
        if address in self._fixed:
            return
        if address not in self._written and len(self._written) >= WRITTEN_MAX:
            self._written.pop(next(iter(self._written)))  # the oldest one is forgotten
        self._written[address] = (self.read(address) & ~mask | value & mask) & 0xFFFFFFFF
        spi = self._target.spi
        if address == spi.base + spi.cmd and value & mask & SPI_CMD_USR:
            self._run_spi()
        self._watchdog(address)

    def _run_spi(self) -> None:
        """One command over the SPI lines: its answer is in W0, the start bit is clear again."""
        spi = self._target.spi
        command = self.read(spi.base + spi.usr2) & 0xFFFF
        address = self.read(spi.base + spi.address)
        if spi.address_left_aligned:
            address >>= 8
        bits = (self.read(spi.base + spi.miso_dlen) & 0x1FF) + 1
        self._written[spi.base + spi.data] = self._spi.run(command, address, bits)
        self._written[spi.base + spi.cmd] = 0

    def _watchdog(self, address: int) -> None:
        """Armed while unlocked, it bites as soon as it is locked again: a host waits for this last answer."""
        registers = self._target.watchdog
        if registers is None:
            return
        unlocked = self.read(registers.write_protect) == registers.key
        if address == registers.config0 and unlocked:
            config = self.read(registers.config0)
            resets = config >> WDT_STAGE0_SHIFT & 7 in WDT_STAGE0_RESETS
            self._armed = bool(config & WDT_ENABLE) and resets
        elif address == registers.write_protect and not unlocked and self._armed:
            self.watchdog_bit = True
