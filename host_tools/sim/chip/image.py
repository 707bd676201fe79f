"""Images as the ROM and the second-stage bootloader load them, and the simulated MicroPython.

Source: ESP-IDF Programming Guide, "App Image Format" and "Bootloader Image Format": a header of 24 bytes,
segments (address, length, data), zeros up to the last byte of a block of 16, which is the checksum (XOR of
all data with 0xEF), and the SHA-256 of everything before. The sentences are those of the chip's console.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from host_tools.errors import BadInput
from host_tools.sim.chip import partitions
from host_tools.sim.chip.protocol import checksum
from host_tools.sim.chip.targets import target
from host_tools.sim.chip.targets.target import Target

HEADER = struct.Struct("<BBBBIB3sHBHH4sB")  # the last byte: a SHA-256 is appended
MAGIC = 0xE9
SEGMENTS_MAX = 16
SEGMENT = struct.Struct("<II")
DIGEST_BYTES = 32
CHECKSUM_BLOCK = 16
WP_PIN_UNUSED = 0xEE
MODE_DIO = 2
SIZE_4_MB_40_MHZ = 0x20
REVISION_ANY = 0xFFFF

APP_AT = 0x10000
PAGE_BYTES = 0x10000  # of the flash mapping
APP_DESCRIPTION = struct.Struct("<II8s32s32s16s16s32s32sHHB3s72s")
APP_DESCRIPTION_MAGIC = 0xABCD5432
BOOTLOADER_DESCRIPTION = struct.Struct("<B3sI32s24s16s")
BOOTLOADER_DESCRIPTION_MAGIC = 0x50
IDF_VERSION = b"v5.5.1"

PROJECT = "micropython"
VERSION_CHARACTERS_MAX = 30  # and a "v" before them, and a NUL behind
CODE_BYTES = 16 * 1024  # of a simulated program: enough to be written in several blocks


class ImageError(Exception):
    """The image cannot be loaded; the text is the chip's."""


@dataclass(frozen=True)
class Segment:
    """Data and where in memory it belongs."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """A checked image. `flash_bytes`: the flash size that its header says; `length`: all of it, in bytes."""

    chip_id: int
    flash_bytes: int
    entry: int
    segments: tuple[Segment, ...]
    length: int

    def description(self) -> tuple[str, str] | None:
        """Project and version of an application; None if it carries no description."""
        data = self.segments[0].data if self.segments else b""
        if len(data) < APP_DESCRIPTION.size:
            return None
        magic, _, _, version, project, *_ = APP_DESCRIPTION.unpack_from(data)
        if magic != APP_DESCRIPTION_MAGIC:
            return None
        return _text(project), _text(version)


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii", "replace")


def build(chip_id: int, segments: Sequence[Segment], entry: int) -> bytes:
    """An image of these segments, with checksum and SHA-256. Their lengths must be multiples of 4."""
    if len(segments) > SEGMENTS_MAX or any(len(segment.data) % 4 for segment in segments):
        raise ValueError("at most 16 segments, each of whole words")
    image = HEADER.pack(
        MAGIC, len(segments), MODE_DIO, SIZE_4_MB_40_MHZ, entry,
        WP_PIN_UNUSED, b"", chip_id, 0, 0, REVISION_ANY, b"", 1,
    )  # fmt: skip
    for segment in segments:
        image += SEGMENT.pack(segment.address, len(segment.data)) + segment.data
    image += bytes(-(len(image) + 1) % CHECKSUM_BLOCK)
    image += bytes([checksum(b"".join(segment.data for segment in segments))])
    return image + hashlib.sha256(image).digest()


def parse(data: bytes, address: int, chip_id: int) -> Image:
    """The image at the beginning of `data`, checked for the chip `chip_id`. Raises ImageError.

    `data` may go on after the image; `address` is where it lies on the flash, for the sentences alone.
    """
    if len(data) < HEADER.size or data[0] != MAGIC:
        raise ImageError(f"image at {address:#x} has invalid magic byte (nothing flashed here?)")
    _, count, _, size_and_speed, entry, _, _, found_chip, _, _, _, _, hashed = HEADER.unpack_from(data)
    if found_chip != chip_id:
        raise ImageError(f"mismatch chip ID, expected {chip_id}, found {found_chip}")
    if count > SEGMENTS_MAX:
        raise ImageError(f"image at {address:#x} segment count {count} exceeds max {SEGMENTS_MAX}")
    segments, at = _segments(data, count)
    at += -(at + 1) % CHECKSUM_BLOCK
    end = at + 1 + (DIGEST_BYTES if hashed else 0)
    if end > len(data):
        raise ImageError(f"image at {address:#x} is longer than its partition")
    calculated = checksum(b"".join(segment.data for segment in segments))
    if calculated != data[at]:
        raise ImageError(f"Checksum failed. Calculated {calculated:#x} read {data[at]:#x}")
    if hashed and hashlib.sha256(data[: at + 1]).digest() != data[at + 1 : end]:
        raise ImageError("Image hash failed - image is corrupt")
    return Image(found_chip, 1 << 20 + (size_and_speed >> 4), entry, segments, end)


def _segments(data: bytes, count: int) -> tuple[tuple[Segment, ...], int]:
    segments = []
    at = HEADER.size
    for number in range(count):
        if at + SEGMENT.size > len(data):
            raise ImageError(f"segment {number}: there is none")
        load, length = SEGMENT.unpack_from(data, at)
        at += SEGMENT.size
        if length % 4:
            raise ImageError(f"unaligned segment length {length:#x}")
        if at + length > len(data):
            raise ImageError(f"Segment {number} end address {at + length:#x} too high (bad offset/length)")
        segments.append(Segment(load, data[at : at + length]))
        at += length
    return tuple(segments), at


def _filler(seed: str, length: int) -> bytes:
    """The same bytes every time, which no compression makes small."""
    rounds = range(-(-length // DIGEST_BYTES))
    return b"".join(hashlib.sha256(f"{seed} {i}".encode()).digest() for i in rounds)[:length]


def _bootloader(chip: Target) -> bytes:
    description = BOOTLOADER_DESCRIPTION.pack(
        BOOTLOADER_DESCRIPTION_MAGIC, b"", 1, IDF_VERSION, b"Jan  1 2026 00:00:00", b""
    )
    return build(
        chip.image_chip_id,
        [Segment(chip.dram, description), Segment(chip.iram, _filler(f"{chip.name} bootloader", 2048))],
        chip.iram,
    )


def app_image(chip: Target, version: str, project: str = PROJECT) -> bytes:
    """A program as the build of `project` makes one: described in its first segment, code behind it."""
    code = _filler(f"{chip.name} {project} {version}", CODE_BYTES)
    described = APP_DESCRIPTION.pack(
        APP_DESCRIPTION_MAGIC, 0, b"", version.encode(), project.encode(), b"00:00:00", b"Jan  1 2026",
        IDF_VERSION, hashlib.sha256(code).digest(), 0, REVISION_ANY, PAGE_BYTES.bit_length() - 1, b"", b"",
    )  # fmt: skip
    constants = Segment(chip.drom + HEADER.size + SEGMENT.size, described + code[: CODE_BYTES // 2])
    at = HEADER.size + SEGMENT.size + len(constants.data) + SEGMENT.size  # where the mapped code lies in it
    return build(
        chip.image_chip_id,
        [
            constants,
            Segment(chip.irom + PAGE_BYTES + at % PAGE_BYTES, code[CODE_BYTES // 2 :]),
            Segment(chip.iram, code[:1024]),
            Segment(chip.dram, bytes(256)),
        ],
        chip.iram,
    )


def sim_image(chip: str, version: str = "1.29.0", project: str = PROJECT) -> bytes:
    """A simulated MicroPython for `chip`, merged as the official .bin files are.

    Bootloader, partition table and program in one, to be written at 0x1000 (esp32) or 0x0 (esp32s3, esp32c3).
    """
    facts = target(chip)
    version = version.removeprefix("v")
    if not version.isascii() or not version.isprintable() or not 0 < len(version) <= VERSION_CHARACTERS_MAX:
        raise BadInput("a version has 1 to 30 plain characters, such as 1.29.0", hint="--version 1.29.0")
    image = _bootloader(facts).ljust(partitions.TABLE_AT - facts.bootloader_at, b"\xff")
    image += partitions.build(partitions.MICROPYTHON)
    image = image.ljust(APP_AT - facts.bootloader_at, b"\xff")
    return image + app_image(facts, f"v{version}", project)
