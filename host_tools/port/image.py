"""What a MicroPython image file is made of, and whether it is whole and made for the chip.

Formats: esptool documentation, "Firmware Image Format" (header, segments, checksum, SHA-256); ESP-IDF
Programming Guide, "Partition Tables" (entries, MD5) and "App Image Format" (esp_app_desc_t, chip ids). The
official images are merged ones: bootloader, partition table and app in one file, to be written where the
bootloader begins.
"""

import hashlib
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.words import tr
from host_tools.words.system import reason

IMAGE_MAX_BYTES = 16 * 1024 * 1024
MIB = 1024 * 1024
TABLE_ADDRESS = 0x8000
TABLE_BYTES = 0xC00
CHIP_IDS = {0: "esp32", 5: "esp32c3", 9: "esp32s3"}
BOOTLOADER_ADDRESS = {"esp32": 0x1000, "esp32s3": 0x0, "esp32c3": 0x0}

_MAGIC = 0xE9
_HEADER_BYTES = 24
_SEGMENTS_MAX = 16
_CHECKSUM_SEED = 0xEF
_DIGEST_BYTES = 32
_ENTRY_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb"
_ENTRY_BYTES = 32
APP = 0
_DESC_MAGIC = 0xABCD5432


@dataclass(frozen=True)
class Partition:
    name: str
    kind: int
    subtype: int
    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """A merged image. `address`: where it is written; `regions`: what it brings; the gaps between them are
    for data that the board writes itself."""

    file: str
    data: bytes
    chip: str
    address: int
    partitions: tuple[Partition, ...]
    regions: tuple[tuple[int, bytes], ...]
    project: str
    version: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def end(self) -> int:
        return self.address + len(self.data)


class Broken(Exception):
    """`args[0]`: what is wrong, a clause in the person's language."""


def load_image(path: Path) -> Image:
    """A checked image; BadInput says what is wrong with the file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a device or a pipe may have no end
            raise BadInput(tr("{file} is no file", file=path), _where())
        data = path.read_bytes() if status.st_size <= IMAGE_MAX_BYTES else b""
    except FileNotFoundError as error:
        raise BadInput(tr("there is no file {file}", file=path), _where()) from error
    except OSError as error:
        raise BadInput(tr("cannot read {file}: {why}", file=path, why=reason(error)), _where()) from error
    if status.st_size > IMAGE_MAX_BYTES:
        raise BadInput(tr("{file} is larger than any flash: no image", file=path), _where())
    return check(data, str(path))


def check(data: bytes, file: str) -> Image:
    """The parts of a merged image; BadInput if one is missing, damaged or for another chip."""
    try:
        return _parse(data, file)
    except Broken as error:
        cause = tr("{file} is no usable image: {why}", file=printable(file), why=error.args[0])
        raise BadInput(cause, _where()) from error


def _where() -> str:
    return tr("take the `.bin` of your board from https://micropython.org/download, downloaded anew")


def _parse(data: bytes, file: str) -> Image:
    if not data:
        raise Broken(tr("it is empty"))
    chip, bootloader_end = _executable(data, 0, tr("the bootloader"))
    address = BOOTLOADER_ADDRESS[chip]
    at = TABLE_ADDRESS - address
    if data[at : at + 2] != _ENTRY_MAGIC:
        why = (
            tr("it ends before the partition table, so it was cut off or is an app alone")
            if len(data) < at + 2
            else tr("it has no partition table; an app alone or an update file will not do")
        )
        raise Broken(why)
    partitions = parse_table(data[at : at + TABLE_BYTES])
    app = next((part for part in partitions if part.kind == APP), None)
    if app is None:
        raise Broken(tr("its partition table has no place for an app"))
    begin = app.address - address
    app_chip, app_end = _executable(data, begin, tr("MicroPython"))
    if app_chip != chip:
        told = tr("its bootloader is for {one}, its app for {other}", one=title(chip), other=title(app_chip))
        raise Broken(told)
    if app_end - begin > app.size:
        raise Broken(tr("its app is larger than the partition for it"))
    project, version = description(data[begin:app_end])
    regions = (
        (address, data[:bootloader_end]),
        (TABLE_ADDRESS, data[at : at + TABLE_BYTES]),
        (app.address, data[begin:app_end]),
        *((app.address + app.size, rest) for rest in (data[begin + app.size :],) if rest),
    )
    return Image(file, data, chip, address, partitions, regions, project, version)


def _executable(data: bytes, begin: int, what: str) -> tuple[str, int]:
    """The chip and the end of the bootloader or app that begins there."""
    header = data[begin : begin + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        raise Broken(tr("{what} is cut off", what=what))
    if header[0] != _MAGIC:
        raise Broken(tr("{what} does not begin with 0xE9", what=what))
    count, chip_id, hashed = header[1], int.from_bytes(header[12:14], "little"), header[23]
    if chip_id not in CHIP_IDS:
        raise Broken(tr("{what} is for a chip with the number {number}", what=what, number=chip_id))
    if not 1 <= count <= _SEGMENTS_MAX:
        raise Broken(tr("{what} has an impossible number of segments", what=what))
    at, checksum = begin + _HEADER_BYTES, _CHECKSUM_SEED
    for _ in range(count):
        if at + 8 > len(data):
            raise Broken(tr("{what} is cut off", what=what))
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise Broken(tr("{what} is cut off", what=what))
        checksum ^= _xor(data[at + 8 : at + 8 + size])
        at += 8 + size
    place = at + 15 - (at - begin) % 16  # the checksum is the last byte of a block of 16
    end = place + 1 + (_DIGEST_BYTES if hashed else 0)
    if end > len(data):
        raise Broken(tr("{what} is cut off", what=what))
    digest = hashlib.sha256(data[begin : place + 1]).digest()
    if hashed and (hashed != 1 or digest != data[place + 1 : end]):
        raise Broken(tr("the SHA-256 of {what} is wrong, so the file is damaged", what=what))
    if data[place] != checksum:
        raise Broken(tr("the checksum of {what} is wrong, so the file is damaged", what=what))
    return CHIP_IDS[chip_id], end


def _xor(data: bytes) -> int:
    """All bytes XORed, by halves: a large image in milliseconds."""
    value, length = int.from_bytes(data, "little"), len(data)
    while length > 1:
        half = (length + 1) // 2
        value = (value >> 8 * half) ^ (value & ((1 << 8 * half) - 1))
        length = half
    return value


def parse_table(data: bytes) -> tuple[Partition, ...]:
    """The partitions of a table; Broken if its MD5 does not fit."""
    found = []
    for at in range(0, len(data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        entry = data[at : at + _ENTRY_BYTES]
        if entry[:2] == _MD5_MAGIC:
            if entry[16:] != hashlib.md5(data[:at], usedforsecurity=False).digest():
                raise Broken(tr("the MD5 of its partition table is wrong, so the file is damaged"))
            break
        if entry[:2] != _ENTRY_MAGIC:
            break
        _, kind, subtype, address, size = struct.unpack("<HBBII", entry[:12])
        name = entry[12:28].rstrip(b"\0").decode("ascii", "replace")
        found.append(Partition(name, kind, subtype, address, size))
    return tuple(found)


def description(app: bytes) -> tuple[str, str]:
    """Project and version of esp_app_desc_t, the beginning of the app's first segment; empty without one."""
    desc = app[_HEADER_BYTES + 8 : _HEADER_BYTES + 8 + 80]
    if len(desc) < 80 or int.from_bytes(desc[:4], "little") != _DESC_MAGIC:
        return "", ""
    version, project = (desc[at : at + 32].split(b"\0")[0].decode("ascii", "replace") for at in (16, 48))
    return printable(project), printable(version)


def title(chip: str) -> str:
    """`esp32s3` as its maker writes it."""
    return chip.upper().replace("ESP32", "ESP32-") if len(chip) > 5 else chip.upper()


def fits(image: Image, chip: str, flash_mib: int) -> None:
    """BadInput if the image is for another chip or larger than this flash."""
    if image.chip != chip:
        raise BadInput(
            tr(
                "{file} is for {one}, this chip is {other}",
                file=image.file,
                one=title(image.chip),
                other=title(chip),
            ),
            tr("give the image of this chip with --image, or take the other board"),
        )
    need = max([image.end, *(part.address + part.size for part in image.partitions)])
    if need > flash_mib * MIB:
        raise BadInput(
            tr(
                "the image needs {need} MiB of flash, this chip has {has} MiB",
                need=-(-need // MIB),
                has=flash_mib,
            ),
            tr("take a board with more flash, or an image made for {has} MiB", has=flash_mib),
        )
