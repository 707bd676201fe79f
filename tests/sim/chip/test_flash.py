"""The flash of a simulated chip: bits go down, sectors come up, faults come where they are ordered."""

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.errors import BadInput
from host_tools.sim.chip.flash import MIB, SECTOR_BYTES, ChipReset, Flash, OutOfFlash


@pytest.fixture
def flash(run_dir: Path) -> Generator[Flash]:
    with Flash.create(run_dir / "flash.bin") as flash:
        yield flash


def test_blank_flash_is_ones_all_over(flash: Flash) -> None:
    assert flash.size == 4 * MIB
    assert flash.read(0, flash.size).count(0xFF) == flash.size


def test_programming_only_clears_bits(flash: Flash) -> None:
    flash.program(5, b"\xf0\x0f")
    flash.program(5, b"\x3c\xff")
    assert flash.read(4, 4) == b"\xff\x30\x0f\xff"


def test_erasing_sets_whole_sectors(flash: Flash) -> None:
    flash.program(0, bytes(3 * SECTOR_BYTES))
    flash.erase(SECTOR_BYTES + 1, SECTOR_BYTES)  # touches two
    assert flash.read(0, SECTOR_BYTES) == bytes(SECTOR_BYTES)
    assert flash.read(SECTOR_BYTES, 2 * SECTOR_BYTES) == b"\xff" * 2 * SECTOR_BYTES
    assert flash.erased_sectors == 2
    flash.erase(0, 0)
    assert flash.erased_sectors == 2


@given(st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=20)), max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_order_of_programming_ands(writes: list[tuple[int, bytes]]) -> None:
    model = bytearray(b"\xff" * 80)
    flash = Flash.__new__(Flash)
    flash.memory = memory = bytearray(b"\xff" * 80)  # type: ignore[assignment]
    flash.size, flash.dead_sectors, flash.reset_at_byte, flash.programmed_bytes = 80, set(), None, 0
    for at, data in writes:
        flash.program(at, data)
        for i, byte in enumerate(data):
            model[at + i] &= byte
    assert memory == model


@pytest.mark.parametrize(("at", "length"), [(4 * MIB, 1), (-1, 1), (4 * MIB - 1, 2), (0, 1 << 33), (1, -1)])
def test_outside_of_the_flash(flash: Flash, at: int, length: int) -> None:
    with pytest.raises(OutOfFlash):
        flash.read(at, length)
    with pytest.raises(OutOfFlash):
        flash.erase(at, length)
    if 0 < length < 10:
        with pytest.raises(OutOfFlash):
            flash.program(at, bytes(length))


def test_a_sector_that_does_not_take_loses_what_is_written_to_it(flash: Flash) -> None:
    flash.program(SECTOR_BYTES, b"old")
    flash.dead_sectors.add(1)
    flash.program(SECTOR_BYTES - 2, b"\0\0\0\0")
    flash.erase(0, 3 * SECTOR_BYTES)
    assert flash.read(SECTOR_BYTES, 3) == b"old"
    flash.program(SECTOR_BYTES - 1, bytes(SECTOR_BYTES + 2))
    assert flash.read(SECTOR_BYTES - 1, 4) == b"\0old"
    assert flash.read(2 * SECTOR_BYTES, 2) == b"\0\xff"


@pytest.mark.parametrize("cut", [0, 1, 99, 100])
def test_the_chip_resets_at_the_byte_that_was_ordered(flash: Flash, cut: int) -> None:
    flash.program(0, bytes(50))
    flash.reset_at_byte = 50 + cut
    with pytest.raises(ChipReset):
        flash.program(0x2000, bytes(100))
    assert flash.read(0x2000, 101) == bytes(cut) + b"\xff" * (101 - cut)
    flash.program(0x2000, bytes(100))  # once only
    assert flash.read(0x2000, 100) == bytes(100)


def test_the_file_is_the_flash(run_dir: Path) -> None:
    path = run_dir / "flash.bin"
    with Flash.create(path, 8, b"program", 0x1000) as flash:
        flash.program(0x10, b"\x55")
    assert path.stat().st_size == 8 * MIB and path.stat().st_mode & 0o777 == 0o600
    with Flash(path) as flash:
        assert flash.read(0x10, 1) == b"\x55" and flash.read(0x1000, 7) == b"program"


def test_files_that_are_no_flash(run_dir: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        Flash(run_dir / "missing")
    (run_dir / "short").write_bytes(b"short")
    with pytest.raises(BadInput, match="5 bytes, not 4 or 8 MiB"):
        Flash(run_dir / "short")
    with pytest.raises(BadInput, match="not 16"):
        Flash.create(run_dir / "large", 16)
    with pytest.raises(BadInput, match="do not fit"):
        Flash.create(run_dir / "full", 4, b"xx", 4 * MIB - 1)
