"""SLIP frames over split and garbled bytes, and the SYNC frame in the middle of anything."""

import random

from hypothesis import given
from hypothesis import strategies as st

from host_tools.sim.chip.rom import SYNC_BYTES
from host_tools.sim.chip.slip import FRAME_BYTES_MAX, RAW_BYTES_MAX, Decoder, SyncWatch, encode, is_sync
from tests.sim.chip.rom_host import packet

TRICKY = st.binary(max_size=40) | st.lists(st.sampled_from([0xC0, 0xDB, 0xDC, 0xDD]), max_size=40).map(bytes)
SYNC = packet(8, SYNC_BYTES)


def test_special_bytes() -> None:
    assert encode(b"\x01\xc0\x02\xdb\x03") == b"\xc0\x01\xdb\xdc\x02\xdb\xdd\x03\xc0"


@given(st.lists(TRICKY.filter(bool), max_size=5), st.randoms())
def test_any_frames_in_any_pieces(frames: list[bytes], chance: random.Random) -> None:
    stream = b"".join(map(encode, frames))
    decoder = Decoder()
    got = []
    while stream:
        count = chance.randint(1, len(stream))
        got += decoder.feed(stream[:count])
        stream = stream[count:]
    assert got == frames
    assert decoder.dropped == 0


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_garbage_is_never_an_error(pieces: list[bytes]) -> None:
    decoder = Decoder()
    for piece in pieces:
        decoder.feed(piece)
    decoder.feed(b"\xc0")  # whatever was left over ends here
    assert decoder.feed(encode(b"whole")) == [b"whole"]


def test_a_wrong_escape_costs_its_frame_alone() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\xc0ab\xdbcd\xc0" + encode(b"next")) == [b"next"]
    assert decoder.dropped == 1


def test_a_lost_end_costs_no_later_frame() -> None:
    assert Decoder().feed(encode(b"one")[:-1] + encode(b"two") + encode(b"three")) == [
        b"one",
        b"two",
        b"three",
    ]


def test_a_frame_without_end_does_not_grow() -> None:
    decoder = Decoder()
    for _ in range(100):
        assert decoder.feed(b"x" * 0x1000) == []
        assert len(decoder._raw) <= RAW_BYTES_MAX
    assert decoder.feed(b"\xc0" + encode(b"next")) == [b"next"]
    assert decoder.dropped == 1
    assert decoder.feed(encode(bytes(FRAME_BYTES_MAX + 1))) == []
    assert decoder.feed(encode(b"\xc0" * FRAME_BYTES_MAX)) == [b"\xc0" * FRAME_BYTES_MAX]


def test_sync_is_recognised() -> None:
    assert is_sync(SYNC)
    assert is_sync(b"boot noise\xc0\xc0" + SYNC + b"more")
    assert not is_sync(SYNC[:-1])
    assert not is_sync(packet(8, SYNC_BYTES[:-1] + b"V"))
    assert not is_sync(packet(0x0A, b"\0\x10\0\x40"))
    assert not is_sync(b"import os\r\n" * 100)


@given(st.binary(max_size=100), st.binary(max_size=20), st.integers(1, 60))
def test_sync_is_found_over_pieces(before: bytes, after: bytes, step: int) -> None:
    watch = SyncWatch()
    stream = before + SYNC + after
    for at in range(0, len(stream), step):
        found = watch.feed(stream[at : at + step])
        if found is not None:
            assert found + stream[at + step :] == SYNC + after
            assert watch.feed(SYNC[1:]) is None
            return
    raise AssertionError("SYNC was not found")
