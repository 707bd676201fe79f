"""A time-of-flight sensor as one of a court's sensors: it sees who stands before it, within `near_mm`."""

from micropython import const

from sportbox.core import vl53l1x as chip
from sportbox.core.fusion import Sighting
from sportbox.core.occupancy import OCCUPIED

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.drivers.tof import Tof
    from sportbox.kit import Facts, Kit


class TofSensor:
    def __init__(self, tof: "Tof", near_mm: int, hold_ms: int, stuck_ms: int, silent_ms: int) -> None:
        self.witness = Sighting(hold_ms, silent_ms, stuck_ms)
        self.tof = tof
        self._near_mm = near_mm
        self.on = True

    def switch(self, on: bool) -> None:
        """Off: it is held in reset, and not missed."""
        if not on and self.on:
            self.tof.stop()
            self.witness.stop()
        self.on = on

    def sample(self, now_ms: int) -> None:
        if not self.on:
            return
        if self.tof.step(now_ms):
            # who is there may step back a tenth
            near_mm = self._near_mm + (self._near_mm // 10 if self.witness.state == OCCUPIED else 0)
            found = chip.judge(self.tof.result, near_mm)
            if found != chip.UNCLEAR:
                self.witness.note(found == chip.NEAR, now_ms)
        self.witness.step(now_ms)


def build(facts: "Facts", wiring: "Facts", kit: "Kit") -> TofSensor:
    from sportbox.drivers.tof import Tof

    tof = Tof(kit.i2c(), wiring["address"], wiring["xshut"], kit.turn)
    return TofSensor(tof, wiring["near_mm"], facts["hold_ms"], facts["stuck_ms"], facts["silent_ms"])
