"""The port expander as a part: read before all that hangs on it."""

from micropython import const

from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.kit import Kit


class Ports(Part):
    name = "expander"

    def __init__(self, kit: "Kit") -> None:
        self._expander = kit.expander()
        interrupt = kit.config["expander"].get("interrupt")
        if interrupt is not None:
            from sportbox.drivers.inputs import digital

            self._line = digital(interrupt, 0, "up", kit.on_edge)  # open drain, low when a pin has moved

    def scan(self, now_ms: int) -> None:
        self._expander.refresh()
