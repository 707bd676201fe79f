"""Chance that is the same on both interpreters: a test's random run can be played again from its seed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    T = TypeVar("T")


class Chance:
    """A linear congruential generator (Knuth, MMIX); the upper bits are used, the lower ones are poor."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, bound: int) -> int:
        """An integer from 0 to bound - 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self._state >> 33) % bound

    def one_of(self, choices: "Sequence[T]") -> "T":
        return choices[self.below(len(choices))]
