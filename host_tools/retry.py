"""How long to wait before the next try: full jitter, so that many clients do not come back at once."""

import random
from collections.abc import Callable

FIRST_S = 0.25
CAP_S = 4.0


class Backoff:
    """Waits between nothing and a bound that doubles up to `cap_s`.

    backoff = Backoff()
    stop.wait(backoff.next_s())   # after each failure
    backoff.reset()               # once it went well
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        cap_s: float = CAP_S,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._draw = draw
        self._bound_s = first_s

    def next_s(self) -> float:
        bound_s, self._bound_s = self._bound_s, min(self._bound_s * 2, self._cap_s)
        return self._draw(0, bound_s)

    def reset(self) -> None:
        self._bound_s = self._first_s
