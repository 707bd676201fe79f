"""The inputs of a target: its seeds, mutated ones, and those that once found something,
tests/fuzz/found/*.hex.

A file there is named `<target>-<what it broke>.hex`: lines of hexadecimal digits; what begins with `#` tells.
"""

import os

from tests.fuzz import mutate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FOUND = __file__.replace("\\", "/").rsplit("/", 1)[0] + "/found"


def found(target: str) -> "list[tuple[str, bytes]]":
    """Name and bytes of what was found."""
    names = sorted([name for name in os.listdir(FOUND) if name.startswith(target + "-")])
    return [(name, _bytes(FOUND + "/" + name)) for name in names]


def inputs(target: str, seeds: "list[bytes]", seed: int, count: int) -> "Iterator[tuple[str, bytes]]":
    """What was found before, then `count` inputs (at least the seeds), each with what to call it."""
    yield from found(target)
    for at, data in enumerate(mutate.inputs(seeds, seed, count)):
        yield "input %d of seed %d" % (at, seed), data


def _bytes(path: str) -> bytes:
    with open(path) as file:
        return bytes.fromhex("".join([line.strip() for line in file if not line.startswith("#")]))
