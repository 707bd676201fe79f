"""Images and partition tables: built, read, and damaged at each part."""

import random
from pathlib import Path

import pytest
from esptool.bin_image import ELFSection, ESP32S3FirmwareImage

from host_tools.cli import main
from host_tools.errors import BadInput
from host_tools.sim.chip import image, partitions
from host_tools.sim.chip.flash import MIB
from host_tools.sim.chip.image import APP_AT, ImageError, app_image, sim_image
from host_tools.sim.chip.partitions import (
    APP,
    DATA,
    MICROPYTHON,
    OTA_0,
    OTA_DATA,
    Partition,
    TableError,
)
from host_tools.sim.chip.targets import TARGETS

CHIP = "esp32s3"
ID = TARGETS[CHIP].image_chip_id
OTA_TABLE = (
    Partition("otadata", DATA, OTA_DATA, 0xD000, 0x2000),
    Partition("ota_0", APP, OTA_0, 0x10000, 0x100000),
    Partition("ota_1", APP, OTA_0 + 1, 0x110000, 0x100000),
    Partition("vfs", DATA, 0x81, 0x210000, 0x1F0000),
)


def test_an_image_is_read_as_it_was_built() -> None:
    segments = [image.Segment(0x3C000020, b"data" * 70), image.Segment(0x40374000, b"code" * 3)]
    built = image.build(ID, segments, 0x40374000)
    assert len(built) % 16 == 0
    read = image.parse(built + b"\xff" * 100, 0, ID)
    assert list(read.segments) == segments
    assert (read.entry, read.flash_bytes, read.length) == (0x40374000, 4 * MIB, len(built))
    assert read.description() is None
    assert image.parse(image.build(ID, [], 0), 0, ID).description() is None
    with pytest.raises(ValueError):
        image.build(ID, [image.Segment(0, b"odd")], 0)


def test_an_image_of_esptool_s_own_making() -> None:
    made = ESP32S3FirmwareImage()
    code = random.Random(1).randbytes(0x1F00)
    made.segments = [
        ELFSection(b"rodata", 0x3C010020, b"constants" * 40, 0),
        ELFSection(b"text", 0x42000020, code, 0),
        ELFSection(b"iram", 0x40374000, code[:500], 0),
        ELFSection(b"data", 0x3FC90000, b"data" * 3, 0),
    ]
    made.entrypoint = 0x40374000
    read = image.parse(made.save(None) + b"\xff" * 0x1000, APP_AT, ID)
    assert {0x3C010020, 0x42000020, 0x3FC90000} <= {segment.address for segment in read.segments}
    assert read.entry == 0x40374000
    with pytest.raises(ImageError, match="expected 5, found 9"):
        image.parse(made.save(None), APP_AT, 5)


def test_every_damaged_byte_of_an_image_is_found() -> None:
    whole = image.build(
        ID, [image.Segment(0x3C000020, b"data" * 9), image.Segment(0x40374000, b"code")], 0x40374000
    )
    for at in range(len(whole)):
        for damage in (0x01, 0x80, 0xFF):
            if (at, damage) == (23, 0x01):
                continue  # "no digest appended": takes the check with it, as on the chip
            broken = bytearray(whole)
            broken[at] ^= damage
            with pytest.raises(ImageError):
                image.parse(bytes(broken), 0, ID)


def test_a_cut_image_is_never_whole(seed: int) -> None:
    whole = app_image(TARGETS[CHIP], "v1")
    assert len(image.parse(whole, 0, ID).segments) == 4
    many = bytearray(whole)
    many[1] = 17
    with pytest.raises(ImageError, match="segment count 17 exceeds max 16"):
        image.parse(bytes(many), 0, ID)
    lengths = random.Random(seed).sample(range(len(whole)), 50)
    for length in [*range(60), *lengths, len(whole) - 33, len(whole) - 32, len(whole) - 1]:
        with pytest.raises(ImageError):
            image.parse(whole[:length], 0, ID)


def test_sim_image_is_small_and_always_the_same() -> None:
    for chip in TARGETS:
        assert sim_image(chip) == sim_image(chip) == sim_image(chip, "v1.29.0") != sim_image(chip, "1.28.0")
        assert len(sim_image(chip)) < 100_000
    for version in ("", "x" * 31, "1.29.0\n", "ü"):
        with pytest.raises(BadInput):
            sim_image(CHIP, version)
    with pytest.raises(BadInput, match="esp8266"):
        sim_image("esp8266")


def test_mapped_segments_lie_where_the_chip_can_map_them() -> None:
    for chip in TARGETS.values():
        app = app_image(chip, "v1")
        at = 24
        for segment in image.parse(app, 0, chip.image_chip_id).segments:
            if segment.address < chip.drom + 0x400000 and segment.address >= chip.drom:
                assert segment.address % 0x10000 == (at + 8) % 0x10000
            if chip.irom <= segment.address < chip.irom + 0x300000:
                assert segment.address % 0x10000 == (at + 8) % 0x10000
            at += 8 + len(segment.data)


def test_command_writes_an_image(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_dir / "image.bin"
    assert main(["sim", "image", "--chip", "esp32", "--version", "1.28.1", "-o", str(path), "--json"]) == 0
    assert path.read_bytes() == sim_image("esp32", "1.28.1")
    assert '"address":4096' in capsys.readouterr().out
    assert main(["sim", "image", "--chip", "esp32c9", "-o", str(path)]) == 2
    assert main(["sim", "image", "--chip", "esp32", "-o", str(run_dir)]) == 2
    assert "hint: --chip esp32 | esp32s3 | esp32c3" in capsys.readouterr().err


# --- partition tables ---


def test_a_table_is_read_as_it_was_built() -> None:
    for table in (MICROPYTHON, OTA_TABLE, ()):
        built = partitions.build(table)
        assert len(built) == partitions.TABLE_BYTES
        assert partitions.parse(built, 4 * MIB) == list(table)
    with pytest.raises(ValueError):
        partitions.build(MICROPYTHON * 32)


def test_every_damaged_byte_of_a_table_is_found() -> None:
    whole = partitions.build(MICROPYTHON)
    for at in range(5 * 32):
        broken = bytearray(whole)
        broken[at] ^= 0x01
        if 3 * 32 + 2 <= at < 3 * 32 + 16 or at >= 4 * 32 + 2:
            continue  # filling
        with pytest.raises(TableError):
            partitions.parse(bytes(broken), 4 * MIB)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"\xff" * 0xC00, "partition 0 invalid magic number 0xffff"),
        (bytes(0xC00), "partition 0 invalid magic number 0x0"),
        (b"", "no terminating entry"),
        (partitions.build(MICROPYTHON)[:128], "no terminating entry"),
        (partitions.build(MICROPYTHON)[: 3 * 32] + b"\xff" * 64, "partition 3 invalid magic number 0xffff"),
        (partitions.build(MICROPYTHON)[:128] + partitions.build(MICROPYTHON)[96:128], "Only one MD5"),
        (partitions.build([Partition("x", APP, 0, 0x10000, 4 * MIB)]), "exceeds flash chip size 0x400000"),
    ],
)
def test_tables_that_cannot_be_used(table: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words):
        partitions.parse(table, 4 * MIB)
