"""What a person types, and how often it may be wrong.

Digits are collected until there are eight, or until `#`; `*` clears, and so does a pause. Every fifth wrong
code locks the keypad, each time for twice as long. Only a code that opens makes it forget: not one that was
used already, or somebody could guess between two presses of an old one.
"""

from micropython import const

from sportbox.core import hotp
from sportbox.core.token import same

CLEAR = 10  # `*`
ENTER = 11  # `#`

_PAUSE_MS = const(8000)
_TRIES = const(5)
_LOCK_MS = const(30000)
_LOCK_MAX_MS = const(3600000)
_DOUBLED_MAX = const(7)  # times, then the longest is reached
_WRONG_MAX = const(1000000)


class Keypad:
    """`locked` while nothing is taken; `deadline` (ms of uptime) says when tick() must run."""

    def __init__(self) -> None:
        self._typed = ""
        self._typed_ms = 0
        self.wrong = 0  # codes in a row
        self._until_ms: int | None = None

    @property
    def locked(self) -> bool:
        return self._until_ms is not None

    @property
    def deadline(self) -> int | None:
        if self._until_ms is not None:
            return self._until_ms
        return self._typed_ms + _PAUSE_MS if self._typed else None

    def typing(self) -> bool:
        return self._typed != ""

    def tick(self, now_ms: int) -> bool:
        """Lets time pass. True if the keypad is no longer locked since now."""
        if self._typed and now_ms - self._typed_ms >= _PAUSE_MS:
            self._typed = ""
        if self._until_ms is None or now_ms < self._until_ms:
            return False
        self._until_ms = None
        return True

    def press(self, key: int, now_ms: int) -> str | None:
        """A key: 0 to 9, CLEAR or ENTER. Gives what was entered, None while it is not complete. To be called
        after tick(), and not while it is locked."""
        if key == CLEAR:
            self._typed = ""
        elif key == ENTER:
            return self._enter() if self._typed else None  # `#` after the eighth digit changes nothing
        elif 0 <= key <= 9:
            self._typed += str(key)
            self._typed_ms = now_ms
            if len(self._typed) == hotp.DIGITS:
                return self._enter()
        return None

    def was_wrong(self, now_ms: int) -> int:
        """Counts a wrong code. Gives for how many seconds the keypad is locked now, 0 if it is not."""
        self.wrong = min(self.wrong + 1, _WRONG_MAX)
        return 0 if self.wrong % _TRIES else self._lock(now_ms)

    def was_right(self) -> None:
        """A code has opened something."""
        self.wrong = 0

    def memory(self) -> "list[int]":
        """[wrong codes in a row, 1 while locked]"""
        return [self.wrong, 1 if self.locked else 0]

    def restore(self, memory: object, now_ms: int) -> None:
        """After a power cut: a lock-out begins anew, for how long the power was away is not known."""
        if not isinstance(memory, list) or len(memory) != 2:
            return
        wrong, locked = memory
        if isinstance(wrong, int) and 0 <= wrong <= _WRONG_MAX:
            self.wrong = wrong
            if locked and wrong >= _TRIES:
                self._lock(now_ms)

    def _enter(self) -> str:
        typed = self._typed
        self._typed = ""
        return typed

    def _lock(self, now_ms: int) -> int:
        doubled = min(self.wrong // _TRIES - 1, _DOUBLED_MAX)
        lock_ms = min(_LOCK_MS << doubled, _LOCK_MAX_MS)
        self._typed = ""
        self._until_ms = now_ms + lock_ms
        return lock_ms // 1000


def find(typed: str, keys: "list[tuple[str, bytes]]", slots: "list[int]") -> "tuple[str, int] | None":
    """The lock and the slot that a code is for. All keys are tried in any case, so that the time it takes
    tells nothing."""
    found = None
    for slot in slots:
        for lock, key in keys:
            if same(hotp.code(key, slot).encode(), typed.encode()) and found is None:
                found = (lock, slot)
    return found
