"""Huffman codes as deflate writes them, and the bits of its stream."""

import heapq
from collections.abc import Sequence

Codes = list[tuple[int, int]]
"""By symbol: (its bits, the first one lowest; how many)."""

LENGTH_SYMBOLS = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
"""The order in which deflate writes the lengths of the code of lengths."""
LENGTH_BITS_MAX = 7
REPEAT, ZEROS, MANY_ZEROS = 16, 17, 18


class Bits:
    """Bits, the lowest of each byte first."""

    def __init__(self) -> None:
        self.count = 0
        self._bytes = bytearray()
        self._rest = 0
        self._rest_bits = 0

    def put(self, value: int, bits: int) -> None:
        self.count += bits
        self._rest |= value << self._rest_bits
        self._rest_bits += bits
        while self._rest_bits >= 8:
            self._bytes.append(self._rest & 0xFF)
            self._rest >>= 8
            self._rest_bits -= 8

    def finish(self) -> bytes:
        """All bytes; the last one is filled up with zeros."""
        if self._rest_bits:
            self.put(0, 8 - self._rest_bits)
        return bytes(self._bytes)


def code_lengths(counts: Sequence[int], longest: int) -> list[int]:
    """Bits for each symbol; 0 for one that does not come. Two or more have a code: it is complete."""
    counts = list(counts)
    for symbol in range(len(counts)):
        if sum(1 for count in counts if count) >= 2:
            break
        counts[symbol] = counts[symbol] or 1
    while True:
        lengths = _huffman(counts)
        if max(lengths) <= longest:
            return lengths
        counts = [(count + 1) // 2 for count in counts]  # flatter, so the rarest get shorter ones


def _huffman(counts: Sequence[int]) -> list[int]:
    lengths = [0] * len(counts)
    heap = [(count, symbol, [symbol]) for symbol, count in enumerate(counts) if count]
    heapq.heapify(heap)
    while len(heap) > 1:
        one, other = heapq.heappop(heap), heapq.heappop(heap)
        symbols = one[2] + other[2]
        for symbol in symbols:
            lengths[symbol] += 1
        heapq.heappush(heap, (one[0] + other[0], min(one[1], other[1]), symbols))
    return lengths


def codes_of(lengths: Sequence[int]) -> Codes:
    """The canonical code: shorter ones first, then by symbol."""
    codes: Codes = [(0, 0)] * len(lengths)
    code, before = 0, 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(lengths) if bits):
        code <<= bits - before
        codes[symbol] = (int(f"{code:0{bits}b}"[::-1], 2), bits)
        code, before = code + 1, bits
    return codes


def write_lengths(out: Bits, literals: Sequence[int], distances: Sequence[int]) -> None:
    """The head of a block: both codes as their lengths, in a code of their own."""
    literals = _without_end(literals, 257)
    distances = _without_end(distances, 1)
    steps = _repeats([*literals, *distances])
    counts = [0] * len(LENGTH_SYMBOLS)
    for symbol, _, _ in steps:
        counts[symbol] += 1
    lengths = code_lengths(counts, LENGTH_BITS_MAX)
    ordered = _without_end([lengths[symbol] for symbol in LENGTH_SYMBOLS], 4)
    out.put(len(literals) - 257, 5)
    out.put(len(distances) - 1, 5)
    out.put(len(ordered) - 4, 4)
    for bits in ordered:
        out.put(bits, 3)
    codes = codes_of(lengths)
    for symbol, more, bits in steps:
        out.put(*codes[symbol])
        out.put(more, bits)


def _without_end(lengths: Sequence[int], least: int) -> list[int]:
    used = max((place for place, bits in enumerate(lengths, start=1) if bits), default=0)
    return list(lengths[: max(used, least)])


def _repeats(lengths: Sequence[int]) -> list[tuple[int, int, int]]:
    """Lengths with what repeats counted: (symbol, how often beyond the least, in how many bits)."""
    steps: list[tuple[int, int, int]] = []
    place = 0
    while place < len(lengths):
        value = lengths[place]
        run = 1
        while place + run < len(lengths) and lengths[place + run] == value:
            run += 1
        place += run
        while value == 0 and run >= 11:
            most = min(run, 138)
            steps.append((MANY_ZEROS, most - 11, 7))
            run -= most
        if value == 0 and run >= 3:
            steps.append((ZEROS, run - 3, 3))
            run = 0
        if run:
            steps.append((value, 0, 0))
            run -= 1
        while run >= 3:
            most = min(run, 6)
            steps.append((REPEAT, most - 3, 2))
            run -= most
        steps += [(value, 0, 0)] * run
    return steps
