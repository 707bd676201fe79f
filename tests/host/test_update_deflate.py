"""Our own deflate: what it writes, zlib reads."""

import random
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.update.deflate import deflate
from host_tools.update.form import (
    WINDOW_BITS,
)


@settings(max_examples=30, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=3000),
        st.lists(st.sampled_from([b"abc", b"abcd", b"\x00", b"xyzxyz" * 50, bytes(300)]), max_size=30).map(
            b"".join
        ),
    )
)
def test_inflate_gives_back_what_was_deflated(data: bytes) -> None:
    for bits in (9, WINDOW_BITS):
        stream = zlib.decompressobj(-bits)
        assert stream.decompress(deflate(data, bits)) == data
        assert stream.eof
        assert not stream.unused_data


def test_all_lengths_and_distances() -> None:
    noise = random.Random(6).randbytes(1 << WINDOW_BITS)
    data = noise + b"".join(
        noise[(at * 977) % 16_000 :][: 3 + at % 300] + bytes((at % 251,)) for at in range(300)
    )
    assert zlib.decompress(deflate(data, WINDOW_BITS), -WINDOW_BITS) == data
    assert zlib.decompress(deflate(bytes(70_000), WINDOW_BITS), -WINDOW_BITS) == bytes(70_000)
