"""The loader of a simulated chip, spoken to byte by byte: its answers; nothing makes it fall over."""

import hashlib
import random
import struct

import pytest

from host_tools.sim.chip import protocol
from host_tools.sim.chip.flash import MIB, SECTOR_BYTES, Flash
from host_tools.sim.chip.protocol import Op
from host_tools.sim.chip.rom import SYNC_BYTES, SYNC_REPLIES, Leave, Rom
from host_tools.sim.chip.slip import Decoder, encode
from host_tools.sim.chip.targets import TARGETS
from host_tools.sim.chip.targets.esp32 import crc8
from tests.sim.chip.rom_host import MAC, Host, packet, xor

OK = b"\0\0"
DATA = bytes(range(256)) * 5


def test_sync_has_eight_answers_and_tells_the_stub_from_the_rom(rom: Host) -> None:
    values = rom.sync()
    assert len(values) == SYNC_REPLIES and all(values)
    rom.start_stub()
    assert rom.sync() == [0] * SYNC_REPLIES


def test_checksum_is_the_xor_of_all_bytes() -> None:
    for length in (0, 1, 2, 3, 255, 256, 257, 16384):
        data = random.Random(length).randbytes(length)
        assert protocol.checksum(data) == xor(data)


@pytest.mark.parametrize("chip", TARGETS)
def test_registers(chip: str, flash: Flash) -> None:
    host = Host(Rom(chip, MAC, flash))
    assert host.words(Op.READ_REG, 0x40001000)[0] == TARGETS[chip].magic
    assert host.words(Op.WRITE_REG, 0x40001000, 1, 0xFFFFFFFF, 0)[2] == OK  # ROM: nothing happens
    assert host.words(Op.READ_REG, 0x40001000)[0] == TARGETS[chip].magic
    for value, mask in ((0x12345678, 0xFFFFFFFF), (0xFF, 0x0F)):
        host.words(Op.WRITE_REG, 0x60001234, value, mask, 0)
    assert host.words(Op.READ_REG, 0x60001234)[0] == 0x1234567F
    for address in range(0x60002000, 0x60012000, 4):
        host.rom.feed(packet(Op.WRITE_REG, struct.pack("<4I", address, 1, 0xFFFFFFFF, 0)))
    assert len(host.rom._registers._written) <= 256


@pytest.mark.parametrize("chip", TARGETS)
def test_commands_to_the_flash_chip(chip: str, flash: Flash) -> None:
    """RDID, SFDP and a status register by way of the SPI controller's registers."""
    host, spi = Host(Rom(chip, MAC, flash)), TARGETS[chip].spi

    def run(command: int, bits: int, address: int = 0) -> int:
        left = 8 if spi.address_left_aligned else 0
        for offset, value in (
            (spi.miso_dlen, bits - 1),
            (spi.usr2, 7 << 28 | command),
            (spi.address, address << left),
            (spi.data, 0),
            (spi.cmd, 1 << 18),
        ):
            assert host.words(Op.WRITE_REG, spi.base + offset, value, 0xFFFFFFFF, 0)[2] == OK
        assert host.words(Op.READ_REG, spi.base + spi.cmd)[0] == 0  # done
        return host.words(Op.READ_REG, spi.base + spi.data)[0]

    assert run(0x9F, 24) == TARGETS[chip].flash_ids[4]
    assert run(0x9F, 8) == TARGETS[chip].flash_ids[4] & 0xFF
    assert run(0x5A, 32) == int.from_bytes(b"SFDP", "little")
    assert run(0x5A, 32, 0x34) == 4 * MIB * 8 - 1  # density
    assert run(0x5A, 8, 0x10) == TARGETS[chip].flash_ids[4] & 0xFF
    assert run(0x5A, 32, 0xFFFFFF) == 0xFFFFFFFF
    assert run(0x05, 8) == run(0x06, 8) == 0


def test_checksum_beside_the_mac() -> None:
    assert crc8(b"123456789") == 0xA1  # the check value of CRC-8/MAXIM


def test_security_info(flash: Flash) -> None:
    for chip, chip_id in (("esp32s3", 9), ("esp32c3", 5)):
        _, data, status = Host(Rom(chip, MAC, flash)).ask(Op.GET_SECURITY_INFO)
        assert (len(data), struct.unpack_from("<I", data, 12)[0], status) == (20, chip_id, OK)
    assert Host(Rom("esp32", MAC, flash)).ask(Op.GET_SECURITY_INFO)[2] == b"\x01\x05"


def test_baud_rate_changes_after_the_answer(host: Host) -> None:
    assert host.rom.baud == 115_200
    assert host.words(Op.CHANGE_BAUDRATE, 921_600, 115_200)[2] == OK
    assert host.rom.baud == 921_600
    assert host.words(Op.CHANGE_BAUDRATE, 0, 0)[2] != OK
    assert host.words(Op.CHANGE_BAUDRATE, 0xFFFFFFFF, 0)[2] != OK
    assert host.rom.baud == 921_600


def test_write_in_blocks(host: Host, flash: Flash) -> None:
    flash.program(0, bytes(3 * SECTOR_BYTES))
    begin = (len(DATA), 2, 1024, SECTOR_BYTES)
    assert host.words(Op.FLASH_BEGIN, *begin, 0)[2] == OK
    assert host.block(Op.FLASH_DATA, DATA[:1024], 0) == OK
    assert host.block(Op.FLASH_DATA, DATA[1024:].ljust(1024, b"\xff"), 1) == OK
    assert flash.read(SECTOR_BYTES, SECTOR_BYTES) == DATA.ljust(SECTOR_BYTES, b"\xff")
    assert flash.read(0, SECTOR_BYTES) == flash.read(2 * SECTOR_BYTES, SECTOR_BYTES) == bytes(SECTOR_BYTES)
    digest = hashlib.md5(DATA)
    data = host.words(Op.SPI_FLASH_MD5, SECTOR_BYTES, len(DATA), 0, 0)[1]
    assert data == (digest.digest() if host.rom.stub else digest.hexdigest().encode())


def test_write_compressed(host: Host, flash: Flash) -> None:
    flash.program(0, bytes(3 * SECTOR_BYTES))
    assert host.deflate(SECTOR_BYTES, DATA) == OK
    assert flash.read(SECTOR_BYTES, SECTOR_BYTES) == DATA.ljust(SECTOR_BYTES, b"\xff")
    assert flash.read(0, SECTOR_BYTES) == flash.read(2 * SECTOR_BYTES, SECTOR_BYTES) == bytes(SECTOR_BYTES)


def test_the_rom_erases_at_the_beginning_and_the_stub_as_it_writes(host: Host, flash: Flash) -> None:
    flash.program(0, bytes(2 * SECTOR_BYTES))
    host.words(Op.FLASH_BEGIN, 2 * SECTOR_BYTES, 2, SECTOR_BYTES, 0, 0)
    assert flash.erased_sectors == (0 if host.rom.stub else 2)
    assert host.block(Op.FLASH_DATA, bytes(100), 0) == OK
    assert flash.erased_sectors == (1 if host.rom.stub else 2)


def test_the_rom_takes_the_flash_for_2_mib_until_it_is_told(rom: Host) -> None:
    at = 3 * MIB
    assert rom.words(Op.FLASH_BEGIN, 1, 1, 1024, at, 0)[2] == b"\x01\x06"
    assert rom.words(Op.READ_FLASH_SLOW, at, 64)[2] == b"\x01\x09"
    assert rom.words(Op.SPI_SET_PARAMS, 0, 16 * MIB, 0x10000, 0x1000, 256, 0xFFFF)[2] == OK
    assert rom.words(Op.FLASH_BEGIN, 1, 1, 1024, at, 0)[2] == OK
    assert rom.words(Op.READ_FLASH_SLOW, at, 64)[1] == b"\xff" * 64
    assert rom.words(Op.FLASH_BEGIN, 1, 1, 1024, 5 * MIB, 0)[2] == b"\x01\x06"  # there is no more


def test_a_large_block_inflates_as_a_whole(stub: Host, flash: Flash) -> None:
    data = bytes(3 * MIB)
    assert stub.deflate(0, data) == OK
    assert flash.read(0, 3 * MIB + 1) == data + b"\xff"


def test_blocks_that_cross_sectors(stub: Host, flash: Flash) -> None:
    flash.program(0, bytes(5 * SECTOR_BYTES))
    data = random.Random(1).randbytes(3 * 0x1800)
    stub.words(Op.FLASH_BEGIN, len(data), 3, 0x1800, 0, 0)
    for sequence in range(3):
        assert stub.block(Op.FLASH_DATA, data[0x1800 * sequence :][:0x1800], sequence) == OK
    assert flash.read(0, 5 * SECTOR_BYTES) == data.ljust(5 * SECTOR_BYTES, b"\xff")


def test_slow_read_gives_64_bytes(rom: Host, flash: Flash) -> None:
    flash.program(100, b"hello")
    assert rom.words(Op.READ_FLASH_SLOW, 100, 5)[1] == b"hello".ljust(64, b"\0")
    assert rom.words(Op.READ_FLASH_SLOW, 0, 65)[2] == b"\x01\x0a"


def test_read_with_acknowledgements(stub: Host, flash: Flash) -> None:
    data = random.Random(1).randbytes(20 * SECTOR_BYTES + 5)
    flash.program(0, data)
    answer, *blocks = stub.frames(packet(Op.READ_FLASH, struct.pack("<4I", 0, len(data), 4096, 64)))
    assert stub.taken_apart(Op.READ_FLASH, answer)[2] == OK
    got = b""
    while blocks and len(got) < len(data):
        got += blocks.pop(0)
        blocks += stub.frames(encode(struct.pack("<I", len(got))))
    assert got == data
    assert blocks == [hashlib.md5(data).digest()]
    assert stub.words(Op.READ_REG, 0x40001000)[2] == OK  # commands again


def test_erase(stub: Host, flash: Flash) -> None:
    flash.program(0, bytes(3 * SECTOR_BYTES))
    assert stub.words(Op.ERASE_REGION, SECTOR_BYTES, SECTOR_BYTES)[2] == OK
    assert flash.read(0, 3 * SECTOR_BYTES).count(0xFF) == SECTOR_BYTES
    assert stub.words(Op.ERASE_REGION, 1, SECTOR_BYTES)[2] == b"\xc0\0"
    assert stub.ask(Op.ERASE_FLASH)[2] == OK
    assert flash.read(0, flash.size).count(0xFF) == flash.size


def test_leaving_for_the_program_in_flash(flash: Flash) -> None:
    for value, leave in ((1, Leave.BOOT), (0, Leave.RESET)):
        host = Host(Rom("esp32", MAC, flash))
        host.words(Op.FLASH_BEGIN, 0, 0, 1024, 0)
        assert host.words(Op.FLASH_END, value)[2] == OK
        assert host.rom.leaving == leave
        assert host.rom.feed(packet(Op.SYNC, SYNC_BYTES)) == b""  # nobody is there


def test_the_stub_stays_or_goes_back_to_the_rom(stub: Host) -> None:
    assert stub.words(Op.FLASH_END, 1)[2] == b"\xc6\0"
    stub.words(Op.FLASH_BEGIN, 8, 1, 1024, 0)
    assert stub.words(Op.FLASH_END, 1)[2] == b"\xc8\0"  # eight bytes are missing
    stub.words(Op.FLASH_BEGIN, 0, 0, 1024, 0)
    assert stub.words(Op.FLASH_END, 1)[2] == OK
    assert stub.rom.stub and stub.rom.leaving is None
    stub.words(Op.CHANGE_BAUDRATE, 921_600, 0)
    stub.words(Op.FLASH_BEGIN, 0, 0, 1024, 0)
    (answer,) = stub.frames(packet(Op.FLASH_END, bytes(4)))
    assert answer[8:] == OK
    assert not stub.rom.stub and stub.rom.leaving is None and stub.rom.baud == 115_200


def test_run_user_code_has_no_answer(stub: Host) -> None:
    assert stub.frames(packet(Op.RUN_USER_CODE)) == []
    assert stub.rom.leaving == Leave.BOOT


@pytest.mark.parametrize(("chip", "protect", "config"), [("esp32s3", 0xB0, 0x98), ("esp32c3", 0xA8, 0x90)])
def test_the_watchdog_resets_the_chip(flash: Flash, chip: str, protect: int, config: int) -> None:
    host, base = Host(Rom(chip, MAC, flash)), 0x60008000
    armed = 1 << 31 | 5 << 28 | 1 << 8 | 2

    def write(offset: int, value: int) -> None:
        assert host.words(Op.WRITE_REG, base + offset, value, 0xFFFFFFFF, 0)[2] == OK

    write(config, armed)  # still locked
    write(protect, 0x50D83AA1)
    write(protect, 0)
    assert host.rom.leaving is None
    write(protect, 0x50D83AA1)
    write(config, 0)
    write(protect, 0)
    assert host.rom.leaving is None
    write(protect, 0x50D83AA1)
    write(config, armed)
    assert host.rom.leaving is None
    write(protect, 0)
    assert host.rom.leaving == Leave.RESET


def test_bytes_one_by_one(host: Host) -> None:
    stream = b"noise" + packet(Op.SYNC, SYNC_BYTES) + packet(Op.READ_REG, struct.pack("<I", 0x40001000))
    answers = b"".join(host.rom.feed(bytes([byte])) for byte in stream)
    assert len(Decoder().feed(answers)) == SYNC_REPLIES + 1
