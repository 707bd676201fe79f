"""ESP32-C3: an ESP32-C3 (QFN32) of revision 0.4 with its flash in the package (as the ESP32-C3FH4).

Sources: ESP32-C3 Technical Reference Manual, "eFuse Controller" (EFUSE_RD_MAC_SPI_SYS_n_REG), "SPI
Controller", "Low-power Management" (RTC_CNTL_WDT*), "System and Memory"; which bits esptool 5 reads and how
it explains them."""

from host_tools.sim.chip.targets.target import SpiRegisters, Target, WatchdogRegisters, Words, mac_words

EFUSE_BLOCK1 = 0x60008844  # EFUSE_RD_MAC_SPI_SYS_0_REG
UART_CLKDIV = 0x60000014

MINOR_REVISION = 4
FLASH_CAP = {4: 1, 8: 4}  # MiB -> EFUSE_FLASH_CAP
FLASH_VENDOR_XMC = 1


def efuses(mac: bytes, flash_mib: int) -> Words:
    """BLOCK1: MAC, package, revision, flash in the package."""
    block1 = [0] * 6
    block1[0], block1[1] = mac_words(mac)
    block1[3] = MINOR_REVISION << 18 | FLASH_CAP[flash_mib] << 27
    block1[4] = FLASH_VENDOR_XMC
    words = {EFUSE_BLOCK1 + 4 * i: word for i, word in enumerate(block1)}
    words[UART_CLKDIV] = 40_000_000 // 115_200
    return words


ESP32C3 = Target(
    name="esp32c3",
    title="ESP32-C3",
    image_chip_id=5,
    magic=0x1B31506F,
    has_security_info=True,
    begin_words=5,
    bootloader_at=0x0,
    spi=SpiRegisters(base=0x60002000, usr2=0x20, miso_dlen=0x28, data=0x58, address_left_aligned=False),
    watchdog=WatchdogRegisters(config0=0x60008090, write_protect=0x600080A8),
    efuses=efuses,
    flash_ids={4: 0x164020, 8: 0x174020},  # XMC XM25QH32, XM25QH64
    dram=0x3FC90000,
    iram=0x40380000,
    drom=0x3C000000,
    irom=0x42000000,
    rom_banner="ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n",
)
