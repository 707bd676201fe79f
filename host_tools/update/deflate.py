"""Raw deflate (RFC 1951) in one fixed way: the same input gives the same bytes on every computer.

zlib does not promise that (distributions ship different ones under its name), and with a small window it
reaches back less far than the board could. Speed does not matter here, a bundle is built once: all matches
are searched, and the cheapest way through them is chosen, several times, each with the code lengths of the
time before. What comes out is read by any inflate whose window is as large.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from host_tools.update.huffman import Bits, Codes, code_lengths, codes_of, write_lengths

LENGTH_MIN, LENGTH_MAX = 3, 258
LITERALS, DISTANCES, END = 286, 30, 256
CODE_BITS_MAX = 15
STEPS_MAX = 160  # earlier places of the same three bytes that are looked at
LONG = 64  # from there on a match is taken whole, or long runs of the same byte would take for ever
ROUNDS = 3
PIECE_TOKENS = 1500  # neighbours that are cheaper together share a block

Token = tuple[int, int]
"""(length, distance); a literal byte is (byte, 0)."""


def _bands(first: int, extra: Sequence[int]) -> list[tuple[int, int]]:
    """By code: (smallest value, bits that say which of the following ones it is)."""
    found = []
    for bits in extra:
        found.append((first, bits))
        first += 1 << bits
    return found


LENGTH_BANDS = [
    *_bands(LENGTH_MIN, [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)])[:28],
    (258, 0),
]
DISTANCE_BANDS = _bands(1, [0] * 4 + [bits for bits in range(1, 14) for _ in range(2)])
LENGTH_CODE = [
    max(code for code, (low, _) in enumerate(LENGTH_BANDS) if low <= max(length, LENGTH_MIN))
    for length in range(LENGTH_MAX + 1)
]


def _distance_code(distance: int) -> int:
    if distance <= 4:
        return distance - 1
    top = (distance - 1).bit_length() - 1
    return 2 * top + ((distance - 1) >> (top - 1) & 1)


class Prices(NamedTuple):
    """Bits that each literal, length (by itself) and distance (by its code) costs."""

    literal: list[int]
    length: list[int]
    distance: list[int]


def deflate(data: bytes, window_bits: int) -> bytes:
    """`data` as one raw deflate stream that an inflate with a window of 2**window_bits reads."""
    matches = list(_matches(data, 1 << window_bits))
    prices = Prices([8] * 256, [12] * (LENGTH_MAX + 1), [3 + bits for _, bits in DISTANCE_BANDS])
    tokens: list[Token] = []
    for _ in range(ROUNDS):
        tokens = _cheapest(data, matches, prices)
        prices = _prices(_Block.of(tokens))
    out = Bits()
    blocks = _blocks(tokens)
    for number, block in enumerate(blocks, start=1):
        block.write(out, last=number == len(blocks))
    return out.finish()


def _matches(data: bytes, window: int) -> Iterator[list[Token]]:
    """For each place the earlier ones that go on alike: longer ones further back, none that gains nothing."""
    size = len(data)
    newest: dict[bytes, int] = {}
    before = [-1] * size
    for here in range(size):
        start = data[here : here + LENGTH_MIN]
        if len(start) < LENGTH_MIN:
            yield []
            continue
        there = before[here] = newest.get(start, -1)
        newest[start] = here
        found: list[Token] = []
        best, most, steps = LENGTH_MIN - 1, min(LENGTH_MAX, size - here), STEPS_MAX
        while there >= 0 and here - there <= window and steps and best < most:
            if (
                data[there + best] == data[here + best]
                and data[there : there + best] == data[here : here + best]
            ):
                best += 1
                while best < most and data[there + best] == data[here + best]:
                    best += 1
                found.append((best, here - there))
            there = before[there]
            steps -= 1
        yield found


def _cheapest(data: bytes, matches: Sequence[list[Token]], prices: Prices) -> list[Token]:
    """The way from the first byte to the last that costs the fewest bits."""
    size = len(data)
    cost = [0] + [1 << 60] * size
    step: list[Token] = [(0, 0)] * (size + 1)
    literal, of_length = prices.literal, prices.length
    for here, found in enumerate(matches):
        spent = cost[here]
        bits = spent + literal[data[here]]
        if bits < cost[here + 1]:
            cost[here + 1], step[here + 1] = bits, (1, 0)
        shorter = LENGTH_MIN - 1
        for longest, distance in found:
            base = spent + prices.distance[_distance_code(distance)]
            first = longest if longest >= LONG else shorter + 1
            for length in range(first, longest + 1):
                bits = base + of_length[length]
                if bits < cost[here + length]:
                    cost[here + length], step[here + length] = bits, (length, distance)
            shorter = longest
    tokens: list[Token] = []
    here = size
    while here:
        length, distance = step[here]
        here -= length
        tokens.append((length, distance) if distance else (data[here], 0))
    tokens.reverse()
    return tokens


def _blocks(tokens: Sequence[Token]) -> "list[_Block]":
    """Blocks with codes of their own, as long as that spares more than writing the codes costs."""
    blocks = [
        _Block.of(tokens[start : start + PIECE_TOKENS]) for start in range(0, len(tokens) or 1, PIECE_TOKENS)
    ]
    pairs = [one.and_then(other) for one, other in pairwise(blocks)]
    while pairs:
        gains = [blocks[at].bits + blocks[at + 1].bits - pair.bits for at, pair in enumerate(pairs)]
        at = gains.index(max(gains))
        if gains[at] <= 0:
            break
        blocks[at : at + 2] = [pairs.pop(at)]
        for pair in range(max(at - 1, 0), min(at + 1, len(pairs))):
            pairs[pair] = blocks[pair].and_then(blocks[pair + 1])
    return blocks


class _Block:
    """Some tokens with the codes that fit them best; `bits` they take, but for what no code changes."""

    def __init__(self, tokens: Sequence[Token], literals: list[int], distances: list[int]) -> None:
        self.tokens = tokens
        self._counts = literals, distances
        self.literals = code_lengths(literals, CODE_BITS_MAX)
        self.distances = code_lengths(distances, CODE_BITS_MAX)
        head = Bits()
        write_lengths(head, self.literals, self.distances)
        self.bits = head.count
        self.bits += sum(count * bits for count, bits in zip(literals, self.literals, strict=True))
        self.bits += sum(count * bits for count, bits in zip(distances, self.distances, strict=True))

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> "_Block":
        literals, distances = [0] * LITERALS, [0] * DISTANCES
        literals[END] = 1
        for value, distance in tokens:
            if distance:
                literals[END + 1 + LENGTH_CODE[value]] += 1
                distances[_distance_code(distance)] += 1
            else:
                literals[value] += 1
        return cls(tokens, literals, distances)

    def and_then(self, other: "_Block") -> "_Block":
        (literals, distances), (more, further) = self._counts, other._counts
        both = [one + two for one, two in zip(literals, more, strict=True)]
        both[END] = 1
        ways = [one + two for one, two in zip(distances, further, strict=True)]
        return _Block([*self.tokens, *other.tokens], both, ways)

    def write(self, out: Bits, last: bool) -> None:
        out.put(int(last), 1)
        out.put(2, 2)  # codes of its own
        write_lengths(out, self.literals, self.distances)
        literals, distances = codes_of(self.literals), codes_of(self.distances)
        for value, distance in self.tokens:
            if distance:
                _put(out, literals, END + 1, LENGTH_CODE[value], LENGTH_BANDS, value)
                _put(out, distances, 0, _distance_code(distance), DISTANCE_BANDS, distance)
            else:
                out.put(*literals[value])
        out.put(*literals[END])


def _put(
    out: Bits, codes: Codes, first: int, band: int, bands: Sequence[tuple[int, int]], value: int
) -> None:
    out.put(*codes[first + band])
    low, bits = bands[band]
    out.put(value - low, bits)


def _prices(block: _Block) -> Prices:
    """What has no code yet costs as much as the rarest."""
    literals = [bits or CODE_BITS_MAX for bits in block.literals]
    distances = [bits or CODE_BITS_MAX for bits in block.distances]
    return Prices(
        literals[:256],
        [literals[END + 1 + code] + LENGTH_BANDS[code][1] for code in LENGTH_CODE],
        [bits + DISTANCE_BANDS[code][1] for code, bits in enumerate(distances)],
    )
