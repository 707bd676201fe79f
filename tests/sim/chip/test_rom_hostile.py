"""What a broken or hostile host sends to a chip in download mode, and what a broken chip does then."""

import hashlib
import random
import struct
import zlib

import pytest

from host_tools.errors import BadInput
from host_tools.sim.chip.flash import MIB, Flash
from host_tools.sim.chip.protocol import Op
from host_tools.sim.chip.rom import ANSWER_BYTES_MAX, SYNC_BYTES, SYNC_REPLIES, Leave, Rom
from host_tools.sim.chip.slip import encode
from tests.sim.chip.rom_host import MAC, Host, packet, xor

OK = b"\0\0"
DATA = bytes(range(256)) * 5


def test_a_chip_that_there_is_not(flash: Flash) -> None:
    with pytest.raises(BadInput, match="esp8266"):
        Rom("esp8266", MAC, flash)


def test_blocks_that_do_not_belong(host: Host, flash: Flash) -> None:
    assert host.block(Op.FLASH_DATA, DATA) != OK  # without a begin
    assert host.block(Op.FLASH_DEFL_DATA, DATA) != OK
    host.words(Op.FLASH_BEGIN, 100, 1, 100, 0, 0)
    assert host.block(Op.FLASH_DEFL_DATA, zlib.compress(b"x" * 100)) != OK  # begun otherwise
    assert host.block(Op.FLASH_DATA, b"x" * 100, 1) != OK  # not the first
    assert host.block(Op.FLASH_DATA, b"a" * 101, 0) != OK  # too much
    host.words(Op.FLASH_DEFL_BEGIN, 100, 1, 100, 0, 0)
    assert host.block(Op.FLASH_DATA, b"x" * 100) != OK
    host.words(Op.FLASH_BEGIN, 0x8000, 2, 0x4001, 0, 0)
    too_large = bytes(0x4001 if host.rom.stub else 0x1801)
    assert host.block(Op.FLASH_DATA, too_large) != OK
    assert host.words(Op.FLASH_BEGIN, 100, 1, 100, 0, 1)[2] != OK  # to be encrypted: it has no key
    assert host.words(Op.SPI_SET_PARAMS, 0, 0, 0x10000, 0x1000, 256, 0xFFFF)[2] != OK
    assert host.words(Op.SPI_SET_PARAMS, 0, MIB, 0x10000, 0x2000, 256, 0xFFFF)[2] != OK
    assert flash.programmed_bytes == 0


def test_what_does_not_fit_the_flash(host: Host) -> None:
    for address, size in ((4 * MIB, 1), (0, 4 * MIB + 1), (0xFFFFFFFF, 0xFFFFFFFF), (4 * MIB - 1, 2)):
        assert host.words(Op.FLASH_BEGIN, size, 1, 1024, address, 0)[2] != OK
        assert host.words(Op.FLASH_DEFL_BEGIN, size, 1, 1024, address, 0)[2] != OK
        assert host.words(Op.SPI_FLASH_MD5, address, size, 0, 0)[2] != OK
        assert host.words(Op.ERASE_REGION, address, size)[2] != OK
        assert host.words(Op.READ_FLASH, address, size, 4096, 64)[2] != OK
        assert host.words(Op.READ_FLASH_SLOW, address, size)[2] != OK


def test_what_does_not_inflate(host: Host, flash: Flash) -> None:
    bomb = zlib.compress(bytes(8 * MIB), 9)
    trailing = zlib.compress(DATA) + b"more"
    for size, data in (
        (100, b"\xff" * 50),
        (100, bomb[:1000]),
        (len(DATA) - 1, zlib.compress(DATA)),
        (9999, trailing),
    ):
        assert host.words(Op.FLASH_DEFL_BEGIN, size, 1, len(data), 0, 0)[2] == OK
        assert host.block(Op.FLASH_DEFL_DATA, data) != OK
        assert flash.programmed_bytes <= size
        flash.programmed_bytes = 0
    assert len(bomb) < 0x4000


def test_wrong_checksum(host: Host, flash: Flash) -> None:
    host.words(Op.FLASH_BEGIN, 100, 1, 100, 0, 0)
    status = host.ask(Op.FLASH_DATA, struct.pack("<IIII", 4, 0, 0, 0) + b"data", 0x1234)[2]
    assert status == (b"\xc1\0" if host.rom.stub else b"\x01\x07")
    assert flash.programmed_bytes == 0
    assert host.block(Op.FLASH_DATA, b"data".ljust(100, b"\xff")) == OK  # and again, rightly


def test_wrong_lengths(host: Host) -> None:
    bad = b"\xc0\0" if host.rom.stub else b"\x01\x05"
    for op in set(Op) - {Op.SYNC, Op.GET_SECURITY_INFO, Op.ERASE_FLASH, Op.RUN_USER_CODE}:
        answer = host.ask(op, b"\0")
        assert answer[2] != OK, op
    for length in (0, 3, 5, 0xFFFF):
        frames = host.frames(packet(Op.READ_REG, bytes(4), length=length))
        assert host.taken_apart(Op.READ_REG, frames[0])[2] == bad
    huge = struct.pack("<IIII", 0xFFFFFFFF, 0, 0, 0) + b"x"
    assert host.ask(Op.MEM_DATA, huge)[2] == bad
    assert host.words(Op.MEM_BEGIN, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)[2] != OK


def test_commands_of_the_other_loader_and_of_none(host: Host) -> None:
    unknown = b"\xff\0" if host.rom.stub else b"\x01\x05"
    other = (
        [Op.READ_FLASH_SLOW]
        if host.rom.stub
        else [Op.ERASE_FLASH, Op.ERASE_REGION, Op.READ_FLASH, Op.RUN_USER_CODE]
    )
    for op in [*other, 0x00, 0x19, 0xD4, 0xD5, 0xFF]:
        assert host.ask(op, bytes(16))[2] == unknown
    assert host.rom.leaving is None


def test_anything_at_all_has_an_answer_or_none(host: Host, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2000):
        payload = chance.randbytes(chance.choice([0, 1, 4, 8, 16, 17, 20, 24, 40]))
        if chance.random() < 0.5:  # plausible words
            payload = struct.pack(
                "<6I", *(chance.choice([0, 1, 4, 64, 4096, 1 << 20, 0xFFFFFFFF]) for _ in range(6))
            )
        op = chance.choice([*Op, chance.randrange(256)])
        if op in (Op.FLASH_END, Op.FLASH_DEFL_END, Op.MEM_END, Op.RUN_USER_CODE, Op.ERASE_FLASH):
            continue
        answer = host.rom.feed(packet(op, payload, chance.choice([0, xor(payload[16:])])))
        assert len(answer) <= ANSWER_BYTES_MAX
        host.rom.feed(chance.randbytes(chance.randrange(30)) + b"\xc0")
    assert host.rom.leaving is None
    host.rom.feed(encode(b""))
    assert len(host.sync()) == SYNC_REPLIES


def test_many_commands_at_once_do_not_pile_up_answers(stub: Host) -> None:
    demand = packet(Op.READ_FLASH, struct.pack("<4I", 0, MIB, 4096, 64))
    assert len(stub.rom.feed(demand * 1000)) < 2 * ANSWER_BYTES_MAX


@pytest.mark.parametrize("instead", [b"\xff\xff\xff\xff", b"12", b"whatever else"])
def test_a_read_that_the_host_breaks_off(stub: Host, instead: bytes) -> None:
    stub.frames(packet(Op.READ_FLASH, struct.pack("<4I", 0, 1 << 20, 4096, 64)))
    assert stub.frames(encode(instead)) == []
    assert stub.frames(encode(struct.pack("<I", 4096))) == []  # too late
    assert len(stub.sync()) == SYNC_REPLIES
    for block_bytes, on_their_way in ((0, 64), (4097, 64), (4096, 0)):
        assert stub.words(Op.READ_FLASH, 0, 8192, block_bytes, on_their_way)[2] == b"\xc2\0"
    answer, digest = stub.frames(packet(Op.READ_FLASH, struct.pack("<4I", 0, 0, 4096, 64)))
    assert answer[1] == Op.READ_FLASH and digest == hashlib.md5(b"").digest()


def test_only_what_was_uploaded_can_run(rom: Host) -> None:
    assert rom.words(Op.MEM_END, 1, 0)[2] == OK and rom.rom.leaving is None  # stays
    rom.words(Op.MEM_BEGIN, 8, 1, 8, 0x40378000)
    assert rom.words(Op.MEM_END, 0, 0x40378000)[2] == b"\x01\x06"  # not all there yet
    assert rom.block(Op.MEM_DATA, b"too long!") == b"\x01\x06"
    assert rom.block(Op.MEM_DATA, b"12345678", 1) == b"\x01\x06"
    assert rom.block(Op.MEM_DATA, b"12345678") == OK
    assert rom.words(Op.MEM_END, 0, 0x40379000)[2] == OK
    assert rom.rom.leaving == Leave.RESET and not rom.rom.stub


def test_the_chip_resets_while_it_is_written(host: Host, flash: Flash) -> None:
    flash.reset_at_byte = 1000
    host.words(Op.FLASH_BEGIN, len(DATA), 1, len(DATA), 0, 0)
    payload = struct.pack("<IIII", len(DATA), 0, 0, 0) + DATA
    assert host.rom.feed(packet(Op.FLASH_DATA, payload, xor(DATA)) + packet(Op.SYNC, SYNC_BYTES)) == b""
    assert host.rom.leaving == Leave.RESET
    assert flash.read(0, len(DATA)) == DATA[:1000].ljust(len(DATA), b"\xff")


def test_a_sector_that_does_not_take_shows_in_the_md5_alone(host: Host, flash: Flash) -> None:
    flash.dead_sectors.add(0)
    assert host.deflate(0, DATA) == OK
    wrong = hashlib.md5(b"\xff" * len(DATA))
    data = host.words(Op.SPI_FLASH_MD5, 0, len(DATA), 0, 0)[1]
    assert data == (wrong.digest() if host.rom.stub else wrong.hexdigest().encode())
