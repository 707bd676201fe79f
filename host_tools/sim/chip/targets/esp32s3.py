"""ESP32-S3: an ESP32-S3 (QFN56) of revision 0.2 with 8 MB of PSRAM in it and a flash chip beside it.

Sources: ESP32-S3 Technical Reference Manual, "eFuse Controller" (EFUSE_RD_MAC_SPI_SYS_n_REG), "SPI
Controller", "Low-power Management" (RTC_CNTL_WDT*), "System and Memory"; which bits esptool 5 reads and how
it explains them."""

from host_tools.sim.chip.targets.target import SpiRegisters, Target, WatchdogRegisters, Words, mac_words

EFUSE_BLOCK1 = 0x60007044  # EFUSE_RD_MAC_SPI_SYS_0_REG
UART_CLKDIV = 0x60000014
GPIO_STRAP = 0x60004038

MINOR_REVISION = 2
PSRAM_8_MB = 1
PSRAM_VENDOR_AP_3V3 = 1


def efuses(mac: bytes, _flash_mib: int) -> Words:
    """BLOCK1: MAC, package, revision, PSRAM. No flash in the package: the chip takes any size beside it."""
    block1 = [0] * 6
    block1[0], block1[1] = mac_words(mac)
    block1[3] = MINOR_REVISION << 18
    block1[4] = PSRAM_8_MB << 3 | PSRAM_VENDOR_AP_3V3 << 7
    words = {EFUSE_BLOCK1 + 4 * i: word for i, word in enumerate(block1)}
    words[UART_CLKDIV] = 40_000_000 // 115_200
    words[GPIO_STRAP] = 0x8  # GPIO0 high
    return words


ESP32S3 = Target(
    name="esp32s3",
    title="ESP32-S3",
    image_chip_id=9,
    magic=0x9,
    has_security_info=True,
    begin_words=5,
    bootloader_at=0x0,
    spi=SpiRegisters(base=0x60002000, usr2=0x20, miso_dlen=0x28, data=0x58, address_left_aligned=False),
    watchdog=WatchdogRegisters(config0=0x60008098, write_protect=0x600080B0),
    efuses=efuses,
    flash_ids={4: 0x1640C8, 8: 0x1740C8},  # GigaDevice GD25Q32, GD25Q64
    dram=0x3FC90000,
    iram=0x40374000,
    drom=0x3C000000,
    irom=0x42000000,
    rom_banner="ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n",
)
