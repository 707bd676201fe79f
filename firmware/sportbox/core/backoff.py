"""Reconnect pauses: exponential with full jitter, so that a thousand boards do not return in step."""


class Backoff:
    """`next(r)` gives the pause in ms, `reset()` starts again from the shortest.

    Full jitter: uniform between 0 and the bound; the bound doubles from `base_ms` up to `cap_ms`.
    """

    def __init__(self, cap_ms: int, base_ms: int = 250) -> None:
        self._cap_ms = cap_ms
        self._base_ms = min(base_ms, cap_ms)
        self._bound_ms = self._base_ms

    def next(self, random_bits: int) -> int:
        """The next pause in ms; `random_bits` is an unsigned random number of at least 16 bits."""
        pause_ms = random_bits % (self._bound_ms + 1)
        self._bound_ms = min(self._bound_ms * 2, self._cap_ms)
        return pause_ms

    def reset(self) -> None:
        self._bound_ms = self._base_ms
