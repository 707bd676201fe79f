"""Whether a chip boots with what is on its flash: each part whole, and damaged."""

import hashlib
import random
import struct
import zlib
from collections.abc import Generator
from pathlib import Path

import pytest

from host_tools.sim.chip import image, partitions
from host_tools.sim.chip.boot import Boot, NoBoot, bootable
from host_tools.sim.chip.flash import MIB, SECTOR_BYTES, Flash
from host_tools.sim.chip.image import APP_AT, app_image, sim_image
from host_tools.sim.chip.partitions import (
    APP,
    DATA,
    MICROPYTHON,
    OTA_0,
    OTA_DATA,
    TABLE_AT,
    Partition,
)
from host_tools.sim.chip.targets import TARGETS

CHIP = "esp32s3"
ID = TARGETS[CHIP].image_chip_id
VFS_AT = 0x220000
OTA_TABLE = (
    Partition("otadata", DATA, OTA_DATA, 0xD000, 0x2000),
    Partition("ota_0", APP, OTA_0, 0x10000, 0x100000),
    Partition("ota_1", APP, OTA_0 + 1, 0x110000, 0x100000),
    Partition("vfs", DATA, 0x81, 0x210000, 0x1F0000),
)


@pytest.fixture
def flash(run_dir: Path) -> Generator[Flash]:
    with Flash.create(run_dir / "flash.bin", 4, sim_image(CHIP)) as flash:
        yield flash


def put(flash: Flash, at: int, data: bytes) -> None:
    """Change bytes as no flash could."""
    flash.memory[at : at + len(data)] = data


def reason(flash: Flash, chip: str = CHIP) -> str:
    found = bootable(flash, chip)
    assert isinstance(found, NoBoot), found
    return found.reason


@pytest.mark.parametrize("chip", TARGETS)
@pytest.mark.parametrize("mib", [4, 8])
def test_a_flashed_chip_boots_and_a_blank_one_does_not(run_dir: Path, chip: str, mib: int) -> None:
    path = run_dir / "flash.bin"
    with Flash.create(path, mib) as flash:
        assert reason(flash, chip) == "invalid header: 0xffffffff"
    with Flash.create(path, mib, sim_image(chip, "1.28.0"), TARGETS[chip].bootloader_at) as flash:
        assert bootable(flash, chip) == Boot("v1.28.0", VFS_AT, mib * MIB - VFS_AT)
        for other in set(TARGETS) - {chip}:
            assert isinstance(bootable(flash, other), NoBoot)


def test_the_reason_is_the_console_s(flash: Flash) -> None:
    whole = bytes(flash.memory[: len(sim_image(CHIP))])
    for at, damage, words in (
        (0, b"\0", "invalid header: 0x"),
        (12, b"\x05", "mismatch chip ID, expected 9, found 5"),
        (0x40, b"damage", "Checksum failed. Calculated 0x"),
        (
            TABLE_AT,
            b"\xff" * SECTOR_BYTES,
            "flash_parts: partition 0 invalid magic number 0xffff\r\nE (60) boot: Failed",
        ),
        (TABLE_AT + 4, b"\x01", "Incorrect MD5 checksum"),
        (APP_AT, b"\xff" * SECTOR_BYTES, "image at 0x10000 has invalid magic byte (nothing flashed here?)"),
        (APP_AT + 12, b"\0", "mismatch chip ID, expected 9, found 0"),
        (
            APP_AT + 0x2000,
            bytes(SECTOR_BYTES),
            "Factory app partition is not bootable\r\nE (110) boot: No bootable",
        ),
        (APP_AT + 0x200, bytes(8), "Checksum failed"),
        (len(whole) - 1, bytes([whole[-1] ^ 1]), "Image hash failed - image is corrupt"),
        (3, b"\x30", "Image hash failed"),
    ):
        put(flash, at, damage)
        assert words in reason(flash)
        put(flash, 0, whole)
    assert isinstance(bootable(flash, CHIP), Boot)


def test_an_interrupted_write_does_not_boot(flash: Flash, seed: int) -> None:
    whole = sim_image(CHIP)
    for length in random.Random(seed).sample(range(len(whole)), 20):
        put(flash, 0, whole[:length].ljust(len(whole), b"\xff"))
        filled_up = whole[length:].strip(b"\xff") == b""
        assert isinstance(bootable(flash, CHIP), NoBoot) or filled_up


def test_a_larger_flash_than_there_is(flash: Flash) -> None:
    header = bytearray(flash.read(0, len(sim_image(CHIP))))
    loader = image.parse(bytes(header[:TABLE_AT]), 0, ID).length
    header[3] = 0x30
    put(flash, 0, bytes(header[: loader - 32]) + hashlib.sha256(header[: loader - 32]).digest())
    assert "Detected size(4096k) smaller than the size in the binary image header(8192k)" in reason(flash)


def test_a_filesystem_of_the_table_s_own(flash: Flash) -> None:
    put(flash, TABLE_AT, partitions.build([*MICROPYTHON, Partition("vfs", DATA, 0x81, 0x300000, 0x40000)]))
    assert bootable(flash, CHIP) == Boot("v1.29.0", 0x300000, 0x40000)


def test_a_program_that_is_no_micropython(flash: Flash) -> None:
    put(flash, APP_AT, app_image(TARGETS[CHIP], "v2", "blink"))
    assert reason(flash) == "the program in the flash is no MicroPython: blink v2"
    put(flash, APP_AT, image.build(ID, [image.Segment(0x40374000, b"code")], 0))
    assert reason(flash) == "the program in the flash is no MicroPython: without a description"


def choose(flash: Flash, number: int, sequence: int, state: int = 2) -> None:
    entry = struct.pack("<I", sequence)
    entry += struct.pack("<20sII", b"", state, zlib.crc32(entry, 0xFFFFFFFF))
    put(flash, 0xD000 + number * SECTOR_BYTES, entry)


def test_slots_of_over_the_air_updates(flash: Flash) -> None:
    put(flash, TABLE_AT, partitions.build(OTA_TABLE))
    put(flash, APP_AT, app_image(TARGETS[CHIP], "v1"))
    put(flash, 0x110000, app_image(TARGETS[CHIP], "v2"))
    put(flash, 0xD000, b"\xff" * 2 * SECTOR_BYTES)

    def version() -> str:
        found = bootable(flash, CHIP)
        assert isinstance(found, Boot), found
        assert (found.vfs_offset, found.vfs_size) == (0x210000, 0x1F0000)
        return found.version

    assert version() == "v1"
    choose(flash, 0, 1)
    choose(flash, 1, 2)
    assert version() == "v2"
    choose(flash, 1, 2, state=3)  # marked as invalid
    assert version() == "v1"
    put(flash, 0xD000 + SECTOR_BYTES, struct.pack("<I20sII", 2, b"", 2, 0x12345678))  # a wrong CRC
    assert version() == "v1"
    choose(flash, 1, 4)
    assert version() == "v2"
    put(flash, 0x110000, b"\xff" * SECTOR_BYTES)  # the chosen one is gone: the other one
    assert version() == "v1"
    put(flash, APP_AT, b"\xff" * SECTOR_BYTES)
    assert "OTA app partition slot 1 is not bootable" in reason(flash)
    put(flash, TABLE_AT, partitions.build([OTA_TABLE[3]]))
    assert reason(flash) == "E (110) boot: No bootable app partitions in the partition table"


def test_any_damage_to_the_flash_is_never_an_exception(flash: Flash, seed: int) -> None:
    chance = random.Random(seed)
    whole = sim_image(CHIP)
    for _ in range(300):
        at = chance.choice(
            [chance.randrange(len(whole)), chance.randrange(64), TABLE_AT + chance.randrange(160)]
        )
        put(flash, at, chance.randbytes(chance.choice([1, 4, 32])))
        bootable(flash, CHIP)
        if chance.random() < 0.5:
            put(flash, 0, whole)
