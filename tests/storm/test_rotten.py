"""Which files bit rot has hit."""

from littlefs import LittleFS

from host_tools.storm import rotten

BLOCKS = 64


def image() -> bytearray:
    fs = LittleFS(block_size=4096, block_count=BLOCKS, read_size=128, prog_size=128)
    fs.mkdir("/a")
    for name, letter in (("/a/code.mpy", b"c"), ("/data", b"d")):
        with fs.open(name, "wb") as file:
            file.write(letter * 10_000)
    return bytearray(fs.context.buffer)


def test_what_rots_in_a_file() -> None:
    before = image()
    for letter, path in ((b"c", "/a/code.mpy"), (b"d", "/data")):
        after = bytearray(before)
        after[after.index(letter * 500) + 100] ^= 4
        assert rotten.hit(bytes(before), bytes(after)) == [path]


def test_what_rots_in_a_free_block() -> None:
    before = image()
    after = bytearray(before)
    after[-1] ^= 1
    assert rotten.hit(bytes(before), bytes(after)) == []


def test_what_rots_where_the_files_are_listed() -> None:
    before = image()
    after = bytearray(before)
    after[: 2 * 4096] = bytes(2 * 4096)
    assert rotten.hit(bytes(before), bytes(after)) == ["/", "/a/code.mpy", "/data"]
