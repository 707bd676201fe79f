"""Inputs that are wrong in the ways in which input is wrong: mutated from good ones, the same from the same
seed.

Runs on both interpreters. What coverage would find by itself and chance hardly ever does has an entry of its
own: lengths that lie, texts that are not UTF-8, numbers at the edges, nesting without end.
"""

from tests.core.chance import Chance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

INPUT_MAX = 4000
"""Bytes. More than any buffer of the firmware holds, and little enough for a board's heap beside it."""

_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x3FF, 0x400, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_TRAPS = (
    b"\xc0\xaf",  # overlong
    b"\xed\xa0\x80",  # half of a surrogate pair
    b"\xf4\x90\x80\x80",  # behind the last character
    b"\x80",
    b"\xe2\x82",  # cut off
    b"\xef\xbb\xbf",  # byte order mark
    b"\xe2\x80\xae",  # from right to left
    b"\xe2\x80\xa8",  # a line separator
    b"\xc2\x85",
    b"\x00",
    b"\x1b[2J",
    b"\\ud800",
    b"\\u0000",
    b"\r\n",
)
_WORDS = (
    b"null",
    b"true",
    b"-1",
    b"1e9",
    b"1e999",
    b"NaN",
    b"-0",
    b"1.5",
    b"4294967296",
    b"1099511627776",
    b"9" * 400,
    b'""',
    b"{}",
    b"[]",
    b"../",
    b"/",
    b"..",
)
_NESTS = (b"[", b'{"a":', b"{", b"- ", b"a: ", b"(")


def inputs(seeds: "list[bytes]", seed: int, count: int) -> "Iterator[bytes]":
    """All seeds as they are, then mutated ones, `count` together or more."""
    chance = Chance(seed)
    yield from seeds
    for _ in range(len(seeds), count):
        yield mutated(chance.one_of(seeds), seeds, chance)


def mutated(data: bytes, seeds: "list[bytes]", chance: Chance) -> bytes:
    """One to four changes of `data`; parts of other seeds may come in."""
    content = bytearray(data)
    for _ in range(1 + chance.below(4)):
        chance.one_of(_CHANGES)(content, seeds, chance)
        if len(content) > INPUT_MAX:
            content = content[:INPUT_MAX]
    return bytes(content)


def _flip(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    if content:
        content[chance.below(len(content))] ^= 1 << chance.below(8)


def _byte(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    if content:
        content[chance.below(len(content))] = chance.one_of(_EDGES) & 0xFF


def _truncate(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    del_from(content, chance.below(len(content) + 1), len(content))


def _cut(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    at, end = _part(content, chance)
    del_from(content, at, end)


def _again(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    at, end = _part(content, chance)
    put(content, end, bytes(content[at:end]) * (1 + chance.below(3)))


def _splice(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    other = bytearray(chance.one_of(seeds))
    at, end = _part(other, chance)
    put(content, chance.below(len(content) + 1), bytes(other[at:end]))


def _noise(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    count = 1 + chance.below(16)
    put(content, chance.below(len(content) + 1), bytes([chance.below(256) for _ in range(count)]))


def _length(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    """A number of one, two or four bytes, in either order, that is not what follows."""
    size = chance.one_of((1, 2, 4))
    if len(content) < size:
        return
    at = chance.below(len(content) - size + 1)
    value = chance.one_of(_EDGES) & ((1 << 8 * size) - 1)
    content[at : at + size] = value.to_bytes(size, chance.one_of(("big", "little")))


def _digits(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    """A number that stands there as text, made another one."""
    places = [at for at in range(len(content)) if 0x30 <= content[at] <= 0x39]
    if not places:
        return
    at = end = chance.one_of(places)
    while end < len(content) and 0x30 <= content[end] <= 0x39:
        end += 1
    del_from(content, at, end)
    put(content, at, chance.one_of(_WORDS))


def _trap(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    put(content, chance.below(len(content) + 1), chance.one_of(_TRAPS))


def _word(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    put(content, chance.below(len(content) + 1), chance.one_of(_WORDS))


def _nest(content: bytearray, seeds: "list[bytes]", chance: Chance) -> None:
    deep = chance.one_of(_NESTS) * chance.one_of((3, 30, 300, 1200))
    put(content, chance.below(len(content) + 1), deep)


def _part(content: bytearray, chance: Chance) -> "tuple[int, int]":
    at = chance.below(len(content) + 1)
    return at, at + chance.below(min(len(content) - at, 64) + 1)


def del_from(content: bytearray, at: int, end: int) -> None:
    """MicroPython's bytearray has no `del`."""
    content[at:end] = b""


def put(content: bytearray, at: int, piece: bytes) -> None:
    content[at:at] = piece[:INPUT_MAX]


_CHANGES = (
    _flip,
    _flip,
    _byte,
    _truncate,
    _cut,
    _again,
    _splice,
    _noise,
    _length,
    _length,
    _digits,
    _trap,
    _word,
    _nest,
)
