"""What differs from chip to chip."""

from collections.abc import Callable
from dataclasses import dataclass

Words = dict[int, int]


@dataclass(frozen=True)
class SpiRegisters:
    """The SPI controller of the flash, whose "USR" registers run any command: offsets from `base`."""

    base: int
    usr2: int  # command in the low bits
    miso_dlen: int
    data: int  # W0
    address_left_aligned: bool  # SPI_ADDR holds the address in its upper 24 bits

    cmd: int = 0x00
    address: int = 0x04


@dataclass(frozen=True)
class WatchdogRegisters:
    """The RTC watchdog, by which esptool resets a chip on USB: addresses and the key that unlocks it."""

    config0: int
    write_protect: int
    key: int = 0x50D83AA1  # RTC_CNTL_WDT_WKEY


@dataclass(frozen=True)
class Target:
    """A chip. Addresses are the chip's, lengths in bytes."""

    name: str  # as --chip and `board.toml` call it
    title: str  # as esptool does
    image_chip_id: int  # of the image header and of GET_SECURITY_INFO
    magic: int  # what is at 0x40001000
    has_security_info: bool  # the ROM answers GET_SECURITY_INFO
    begin_words: int  # 32-bit words of FLASH_BEGIN: the fifth says "encrypted"
    bootloader_at: int  # where its ROM looks for the second stage
    spi: SpiRegisters
    watchdog: WatchdogRegisters | None
    efuses: Callable[[bytes, int], Words]  # (MAC, flash size in MiB) -> what is at which address
    flash_ids: dict[int, int]  # flash size in MiB -> answer to RDID, as a little-endian number
    dram: int  # where an image's segments may lie: data and code in RAM,
    iram: int
    drom: int  # data and code mapped from flash
    irom: int
    rom_banner: str  # the ROM's first lines on the console


def mac_words(mac: bytes) -> tuple[int, int]:
    """The MAC as the newer chips' eFuse words: the last four octets, then the first two."""
    return int.from_bytes(mac[2:], "big"), int.from_bytes(mac[:2], "big")
