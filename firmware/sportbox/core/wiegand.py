"""Keys of a Wiegand keypad, from its pulses.

Each key is a burst of 4 bits (0 to 9, 10 for `*`, 11 for `#`), or of 8 with the same four bits after their
complement; a pulse on D0 is a 0, one on D1 a 1, the highest bit first (HID, "PINpad 8-bit Wiegand Reader";
Rosslare, AYC-Q and AY-T manuals, "Single Key, Wiegand 4-Bit" and "8-Bit, Nibbles Complemented"). Pulses of
a burst follow each other within about 2 ms; a burst is over when none has come for 25 ms. Whatever has
another length or value (cards, noise, two keys at once) is dropped and counted.
"""

from micropython import const

_SILENCE_MS = const(25)
_BITS_MAX = const(64)
_HIGHEST = const(11)


class Bursts:
    """`deadline`: when key() must be asked for the end of a burst, in ms of uptime."""

    def __init__(self) -> None:
        self._value = 0
        self._bits = 0
        self._last_ms = 0
        self.dropped = 0  # bursts that were no key

    @property
    def deadline(self) -> int | None:
        return self._last_ms + _SILENCE_MS if self._bits else None

    def bit(self, bit: int, at_ms: int) -> int:
        """A pulse. Gives the key of the burst before, which it may have ended, or -1."""
        key = self.key(at_ms)
        self._value = (self._value << 1 | bit) & 0xFF
        self._bits = min(self._bits + 1, _BITS_MAX)
        self._last_ms = at_ms
        return key

    def key(self, now_ms: int) -> int:
        """The key of a burst that is over by now, or -1."""
        if not self._bits or now_ms - self._last_ms < _SILENCE_MS:
            return -1
        bits, key = self._bits, self._value & 15
        whole = bits == 4 or (bits == 8 and self._value >> 4 == key ^ 15)
        self._bits = 0
        self._value = 0
        if whole and key <= _HIGHEST:
            return key
        self.dropped += 1
        return -1
