"""What a chip does with its flash after a reset: the decisions of the ROM and of the second-stage bootloader.

Sources: ESP-IDF Programming Guide, "Bootloader" and "Over The Air Updates" (which program is chosen); what
these two print on the console.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from host_tools.sim.chip import partitions
from host_tools.sim.chip.flash import SECTOR_BYTES, Flash
from host_tools.sim.chip.image import MAGIC, PROJECT, Image, ImageError, parse
from host_tools.sim.chip.partitions import APP, DATA, FACTORY, OTA_0, OTA_15, OTA_DATA, Partition, TableError
from host_tools.sim.chip.targets import target

OTA_ENTRY = struct.Struct("<I20sII")  # sequence, label, state, CRC of the sequence
OTA_INVALID_STATES = (3, 4)  # ESP_OTA_IMG_INVALID, ESP_OTA_IMG_ABORTED


@dataclass(frozen=True)
class Boot:
    """MicroPython starts. `version` as it is in the image ("v1.29.0"); the filesystem's place in bytes."""

    version: str
    vfs_offset: int
    vfs_size: int


@dataclass(frozen=True)
class NoBoot:
    """Nothing starts; `reason` is what the console says (one line or several, without a line end)."""

    reason: str


def bootable(flash: Flash, chip: str) -> Boot | NoBoot:
    """Whether MicroPython starts on a `chip` with this flash."""
    facts = target(chip)
    at = facts.bootloader_at
    room = flash.read(at, partitions.TABLE_AT - at)
    if room[0] != MAGIC:
        return NoBoot(f"invalid header: 0x{int.from_bytes(room[:4], 'little'):08x}")
    try:
        loader = parse(room, at, facts.image_chip_id)
    except ImageError as error:
        return NoBoot(f"ets_loader: {error}")
    if loader.flash_bytes > flash.size:
        detected, wanted = flash.size // 1024, loader.flash_bytes // 1024
        return NoBoot(
            f"E (30) spi_flash: Detected size({detected}k) smaller than the size in the binary image"
            f" header({wanted}k). Probe failed."
        )
    try:
        table = partitions.parse(flash.read(partitions.TABLE_AT, partitions.TABLE_BYTES), loader.flash_bytes)
    except TableError as error:
        return NoBoot(
            f"E (54) flash_parts: {error}\r\nE (60) boot: Failed to verify partition table\r\n"
            "E (66) boot: load partition table error!"
        )
    return _start(flash, table, facts.image_chip_id)


def _start(flash: Flash, table: list[Partition], chip_id: int) -> Boot | NoBoot:
    """The first program that is whole, in the bootloader's order."""
    said = []
    for partition in _programs(flash, table):
        try:
            program = parse(flash.read(partition.offset, partition.size), partition.offset, chip_id)
        except ImageError as error:
            name = "Factory app partition" if partition.subtype == FACTORY else "OTA app partition slot"
            number = "" if partition.subtype == FACTORY else f" {partition.subtype - OTA_0}"
            said += [f"E (97) esp_image: {error}", f"E (103) boot: {name}{number} is not bootable"]
            continue
        return _run(flash, table, program)
    return NoBoot("\r\n".join([*said, "E (110) boot: No bootable app partitions in the partition table"]))


def _run(flash: Flash, table: list[Partition], program: Image) -> Boot | NoBoot:
    project, version = program.description() or ("without a description", "")
    if project != PROJECT:
        return NoBoot(f"the program in the flash is no MicroPython: {project} {version}".rstrip())
    return Boot(version, *partitions.filesystem(table, flash.size))


def _programs(flash: Flash, table: list[Partition]) -> Iterator[Partition]:
    """Program partitions, best first: what the OTA data choose, the factory program, the other slots."""
    slots = sorted(
        (p for p in table if p.kind == APP and OTA_0 <= p.subtype <= OTA_15), key=lambda p: p.subtype
    )
    factory = [p for p in table if p.kind == APP and p.subtype == FACTORY]
    ota_data = [p for p in table if p.kind == DATA and p.subtype == OTA_DATA]
    sequence = _sequence(flash, ota_data[0]) if ota_data else 0
    first = slots[(sequence - 1) % len(slots)] if sequence and slots else None
    if first is not None:
        yield first
    yield from factory
    yield from (p for p in slots if p is not first)


def _sequence(flash: Flash, ota_data: Partition) -> int:
    """The newest valid sequence number in the OTA data; 0 if there is none."""
    newest = 0
    for number in range(min(2, ota_data.size // SECTOR_BYTES)):
        entry = flash.read(ota_data.offset + number * SECTOR_BYTES, OTA_ENTRY.size)
        sequence, _, state, crc = OTA_ENTRY.unpack(entry)
        right = zlib.crc32(entry[:4], 0xFFFFFFFF) == crc
        if right and sequence != 0xFFFFFFFF and state not in OTA_INVALID_STATES:
            newest = max(newest, sequence)
    return newest
