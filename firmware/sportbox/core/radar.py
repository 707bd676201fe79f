"""What may be believed of a radar's report.

Two things that an LD2410 says are not so (esphome/esphome#17622, measured over a night). It latches: it
repeats old values, all or those of moving targets, though the noise in its gates never stands still. And it
makes phantoms: a moving target at distance 0 with an energy of 91 to 100 that no gate supports. Neither is
somebody, and neither is nobody: such a report is not heard at all.
"""

from micropython import const

from sportbox.core.ld2410 import ENGINEERING, MOVING, Parser

NOBODY = 0
SOMEBODY = 1
DOUBTFUL = 2

_PHANTOM_ENERGY = const(91)


class Judge:
    """`latched_ms`: how long engineering reports, or their half about moving targets, may stay the same. A
    basic report has no noise in it: an empty court looks the same for ever, so only a target that stays the
    same is doubted, after `stuck_ms`."""

    def __init__(self, latched_ms: int, stuck_ms: int) -> None:
        self._latched_ms = latched_ms
        self._stuck_ms = stuck_ms
        self._last = bytearray(64)
        self._moving_ms = 0  # when what is said of moving targets changed last
        self._any_ms = 0
        self.latched = 0
        self.phantoms = 0

    def step(self, report: Parser, now_ms: int) -> int:
        news = report.news(self._last)
        if news:
            self._any_ms = now_ms
        if news & MOVING or (report.moving_energy == 0 and report.gate_energy == 0):
            self._moving_ms = now_ms
        if self._is_latched(report, now_ms):
            self.latched += 1
            return DOUBTFUL
        if report.state == 0:
            return NOBODY
        if report.state & MOVING and self._is_phantom(report):
            self.phantoms += 1
            return DOUBTFUL
        return SOMEBODY

    def _is_latched(self, report: Parser, now_ms: int) -> bool:
        same_ms = now_ms - self._any_ms
        if report.type != ENGINEERING:
            return report.state != 0 and same_ms >= self._stuck_ms
        return same_ms >= self._latched_ms or now_ms - self._moving_ms >= self._latched_ms

    def _is_phantom(self, report: Parser) -> bool:
        energy = report.moving_energy
        if report.distance_cm == 0 and energy >= _PHANTOM_ENERGY:
            return True
        return report.gates > 0 and 2 * report.gate_energy < energy
