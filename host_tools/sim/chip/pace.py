"""How fast bytes go over a wire: one direction of a UART, 10 bits a byte."""

CATCH_UP_S = 0.1  # a late timer makes up for so much
STEP_S = 0.002
UNLIMITED = 1 << 16


class Pace:
    def __init__(self, baud: int | None) -> None:
        """None: as fast as it can be had."""
        self._byte_s = 10 / baud if baud else 0.0
        self._free_s = 0.0  # when the wire has carried all that it was given

    def start(self, now_s: float) -> None:
        """Something is to be sent after a pause."""
        self._free_s = max(self._free_s, now_s)

    def allowed(self, now_s: float) -> int:
        """How many bytes have arrived by now, of a queue that is never empty."""
        if not self._byte_s:
            return UNLIMITED
        self._free_s = max(self._free_s, now_s - CATCH_UP_S)
        return max(0, int((now_s - self._free_s) / self._byte_s))

    def used(self, count: int) -> None:
        self._free_s += count * self._byte_s

    def wait_s(self, now_s: float) -> float:
        """How long until it is worth to look again."""
        return max(STEP_S, self._free_s + self._byte_s - now_s)
