"""ESP32: an ESP32-D0WD-V3 of revision 3.1 with a flash chip beside it.

Sources: ESP32 Technical Reference Manual, "eFuse Controller" (register list, BLOCK0), "SPI Controller"
(registers), "System and Memory"; ESP-IDF, App Image Format; which bits esptool 5 reads and how it explains
them."""

from host_tools.sim.chip.targets.target import SpiRegisters, Target, Words

EFUSE_BLOCK0 = 0x3FF5A000  # EFUSE_BLK0_RDATA0_REG
SYSCON_DATE = 0x3FF6607C  # APB_CTRL_DATE_REG, bit 31: the third bit of the major revision
RTC_CALIBRATION = 0x3FF5F06C  # TIMG_RTCCALICFG1_REG, count in bits 7 to 31
UART_CLKDIV = 0x3FF40014

CK8M_FREQ = 128  # EFUSE_RD_CK8M_FREQ; with the count below esptool works out a crystal of exactly 40 MHz
CK8M_COUNT = 800  # 800 * 15625 * 128 / 40 = 40e6
PACKAGE_D0WD = 1


def crc8(data: bytes) -> int:
    """CRC-8/MAXIM, which the eFuse keeps beside the MAC (TRM, "MAC address CRC")."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def efuses(mac: bytes, _flash_mib: int) -> Words:
    """BLOCK0 and the few registers that esptool reads to tell revision and crystal."""
    block0 = [0] * 7
    block0[1] = int.from_bytes(mac[2:], "big")
    block0[2] = int.from_bytes(mac[:2], "big") | crc8(mac) << 16
    block0[3] = PACKAGE_D0WD << 9 | 1 << 13 | 1 << 15  # 240 MHz rated, revision bit 0
    block0[4] = CK8M_FREQ | 0x10 << 8  # ADC reference calibrated
    block0[5] = 1 << 20 | 1 << 24  # revision bit 1; minor revision 1
    words = {EFUSE_BLOCK0 + 4 * i: word for i, word in enumerate(block0)}
    words[SYSCON_DATE] = 1 << 31
    words[RTC_CALIBRATION] = CK8M_COUNT << 7
    words[UART_CLKDIV] = 40_000_000 // 115_200
    return words


ESP32 = Target(
    name="esp32",
    title="ESP32",
    image_chip_id=0,
    magic=0x00F01D83,
    has_security_info=False,
    begin_words=4,
    bootloader_at=0x1000,
    spi=SpiRegisters(
        base=0x3FF42000, usr2=0x24, miso_dlen=0x2C, data=0x80, address_left_aligned=True
    ),  # SPI1
    watchdog=None,  # esptool has no watchdog reset for it
    efuses=efuses,
    flash_ids={4: 0x1640C8, 8: 0x1740C8},  # GigaDevice GD25Q32, GD25Q64
    dram=0x3FFB0000,
    iram=0x40080000,
    drom=0x3F400000,
    irom=0x400D0000,
    rom_banner="ets Jul 29 2019 12:21:46\r\n\r\n",
)
