"""Strikes whose coils hang on a port expander: the expander selects one, and one enable line, a pulse that
the RMT bounds, gates the selected one. A hung program or a lost expander leaves the enable line low."""

from micropython import const

from sportbox.drivers.mcp23017 import Expander
from sportbox.drivers.pulse import Pulse

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_EBUSY = const(16)


class Gate:
    """The enable line and who uses it."""

    def __init__(self, expander: Expander, enable: int, can_stop: bool, now_ms: "Callable[[], int]") -> None:
        self.expander = expander
        self.pulse = Pulse(enable, can_stop, now_ms)
        self.user = -1  # the selected output


class GatedStrike:
    def __init__(self, gate: Gate, bit: int) -> None:
        gate.expander.add_output(bit)
        self._gate = gate
        self._bit = bit

    @property
    def fault(self) -> str:
        return "expander" if self._gate.expander.lost else "coil"

    def drive(self, way: str, pulse_ms: int) -> None:
        """Selects the coil, checks that it alone is selected, then opens the gate. Raises OSError."""
        gate = self._gate
        if gate.user not in (-1, self._bit) or gate.pulse.rest_ms():
            raise OSError(_EBUSY)
        gate.expander.select(self._bit)
        gate.user = self._bit
        try:
            gate.pulse.start(pulse_ms)
        except Exception:
            self.stop()  # or nobody else could use the gate any more
            raise

    def stop(self) -> None:
        gate = self._gate
        if gate.user != self._bit:
            return
        gate.pulse.stop()
        gate.user = -1
        try:
            gate.expander.select(None)
        except OSError:
            return  # the gate is closed, and a lost expander is set up with all outputs low

    def rest_ms(self) -> int:
        return self._gate.pulse.rest_ms()
