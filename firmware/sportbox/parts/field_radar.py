"""A radar as one of a court's sensors: what it says, what of that is believed."""

from micropython import const

from sportbox.core import radar as rules
from sportbox.core.fusion import Sighting
from sportbox.core.ld2410 import ANSWER, REPORT, Engineering, Parser

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.drivers.radar import Radar
    from sportbox.kit import Facts


class RadarSensor:
    """`sample` reads what has come, some ten times a second."""

    def __init__(self, radar: "Radar", hold_ms: int, stuck_ms: int, silent_ms: int) -> None:
        self.witness = Sighting(hold_ms, silent_ms)
        self.judge = rules.Judge(silent_ms, stuck_ms)
        self.parser = Parser()
        self._engineering = Engineering()
        self._radar = radar
        self.on = True
        self.read_errors = 0

    def switch(self, on: bool) -> None:
        """Off: it is neither read nor missed."""
        if on and not self.on:
            self._radar.drain()
            self.parser.reset()
        elif not on and self.on:
            self.witness.stop()
        self.on = on

    def sample(self, now_ms: int) -> None:
        if not self.on:
            return
        try:
            self._read(now_ms)
        except OSError:
            self.read_errors += 1
        self.witness.step(now_ms)

    def _read(self, now_ms: int) -> None:
        radar, parser = self._radar, self.parser
        type_ = answer = 0
        granted = False
        for i in range(radar.read()):
            found = parser.push(radar.data[i])
            if found == REPORT:
                type_ = parser.type
                believed = self.judge.step(parser, now_ms)
                if believed != rules.DOUBTFUL:
                    self.witness.note(believed == rules.SOMEBODY, now_ms)
            elif found == ANSWER:
                answer, granted = parser.answer, parser.granted
        order = self._engineering.step(type_, answer, granted, now_ms)
        if order is not None:
            radar.write(order)


def build(facts: "Facts", pins: "Facts") -> RadarSensor:
    from sportbox.drivers.radar import Radar

    radar = Radar(pins["uart"], pins["rx"], pins["tx"])
    return RadarSensor(radar, facts["hold_ms"], facts["stuck_ms"], facts["silent_ms"])
