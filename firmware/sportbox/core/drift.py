"""How good the time still is after deep sleep.

Asleep, the chip counts an RC oscillator whose rate changes with temperature (ESP-IDF Programming Guide,
"System Time"). Users report up to 5 %; that is the bound until network time has shown how fast this chip's
runs. After that the rate is corrected, and 1 % is left for temperature. The time counts as `rtc` while it
may be off by no more than the leeway of tokens; then it is a floor only.

The rate is what lies between two network times, against the uptime between them. What the board's own clock
shows is no measure: on the floor it may be hours behind, for reasons that have nothing to do with the rate.
"""

from micropython import const

_GOOD_MS = const(60000)
_BOUND_PPM = const(50000)
_BOUND_KNOWN_PPM = const(10000)
_MEASURE_MS = const(600000)  # of sleep: what network time, read in whole seconds, tells to 0.2 %
_SYNC_ERROR_MS = const(1000)
_STRETCH_MAX_PPM = const(100000)


class Drift:
    def __init__(self) -> None:
        self.stretch_ppm = 0  # so much longer is a second of sleep than the chip counts
        self.known = False
        self.slept_ms = 0  # since network time was there
        self.error_ms = 0  # at most
        self._network_s = 0  # the newest network time, 0: none to measure from
        self._at_ms = 0  # the uptime then

    def slept(self, counted_ms: int) -> int:
        """Takes note of a sleep as the chip counted it; gives its true length, as far as known."""
        true_ms = counted_ms + counted_ms * self.stretch_ppm // 1000000
        self.slept_ms += true_ms
        self.error_ms += true_ms * (_BOUND_KNOWN_PPM if self.known else _BOUND_PPM) // 1000000
        return true_ms

    def good(self) -> bool:
        return self.error_ms <= _GOOD_MS

    def synced(self, unix_s: int, uptime_ms: int) -> None:
        """Network time has come. More than any oscillator may be off is something else, and no measure."""
        if self._network_s and self.slept_ms >= _MEASURE_MS:
            late_ms = (unix_s - self._network_s) * 1000 - (uptime_ms - self._at_ms)
            stretch_ppm = self.stretch_ppm + late_ms * 1000000 // self.slept_ms
            if abs(stretch_ppm) <= _STRETCH_MAX_PPM:
                self.stretch_ppm = stretch_ppm
                self.known = True
        self._network_s, self._at_ms = unix_s, uptime_ms
        self.slept_ms = 0
        self.error_ms = _SYNC_ERROR_MS

    def lost(self) -> None:
        """Nobody knows how long a sleep was: nothing is measured over it."""
        self._network_s = 0

    def memory(self) -> "list[int]":
        times = [self._network_s, self._at_ms]
        return [self.stretch_ppm, int(self.known), self.slept_ms, self.error_ms] + times

    def restore(self, memory: "list[int]") -> None:
        self.stretch_ppm, known, self.slept_ms, self.error_ms, self._network_s, self._at_ms = memory
        self.known = bool(known)
