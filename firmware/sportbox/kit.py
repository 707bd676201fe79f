"""What parts are built from: the board's shared hardware, each piece made when it is first asked for, and
the way to the app. Drivers are imported only where the board has the hardware, for memory is small."""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from machine import I2C

    from sportbox.app import App, Reports
    from sportbox.core.supply import Supply
    from sportbox.drivers.ds3231 import Ds3231
    from sportbox.drivers.gated import Gate, GatedStrike
    from sportbox.drivers.inputs import Input
    from sportbox.drivers.mcp23017 import Expander
    from sportbox.drivers.strike import Strike

    Facts = dict[str, Any]

_KEPT = ("site", "device", "board", "hash", "telemetry_s", "power", "components")
EXPANDER_PIN = const(64)  # pins from here on are those of the port expander: GPA0 is 64, GPB7 is 79


class NoSuchHardware(Exception):
    """`args[0]` says what the configuration asks for and the board does not have."""


class Kit:
    def __init__(
        self,
        config: "Facts",
        secrets: "Facts",
        app: "App",
        reports: "Reports",
        now_ms: "Callable[[], int]",
    ) -> None:
        self.config = config
        self.secrets = secrets
        self.app = app
        self.reports = reports
        self.now_ms = now_ms
        self._i2c: "I2C | None" = None
        self.turn: "list[object]" = []  # the chip that begins at an address where others begin, too
        self._expander: "Expander | None" = None
        self._gate: "Gate | None" = None
        self._supplies: "dict[str, Supply]" = {}

    @property
    def components(self) -> "dict[str, Facts]":
        return self.config["components"]

    def rtc(self) -> "Ds3231 | None":
        """The battery-backed clock chip, None where the board has none. Raises NoSuchHardware."""
        if self.config.get("rtc") is None:
            return None
        from sportbox.drivers.ds3231 import Ds3231

        return Ds3231(self.i2c())

    def forget(self) -> None:
        """The parts are built: what they were built from need not stay in memory, but for what tells the
        board and its components apart."""
        self.secrets.clear()
        for name in list(self.config):
            if name not in _KEPT:
                del self.config[name]
        components = self.components
        kept: "dict[tuple[str, bool], Facts]" = {}  # one for all of a kind
        for name in list(components):
            facts = components[name]
            kind = facts["kind"], bool(facts.get("radar"))
            if kind not in kept:
                kept[kind] = {"kind": kind[0]}
                if kind[1]:
                    kept[kind]["radar"] = True  # what can be shed
            components[name] = kept[kind]

    @property
    def on_edge(self) -> "Callable[[], None]":
        """For interrupt handlers: scan() runs soon. Nothing of the kit, which is forgotten."""
        return self.app.edge.set

    def input(self, pin: int, active: int, pull: str) -> "Input":
        """A digital input; `pull` is `up`, `down` or empty. The expander knows pull-ups only."""
        if pin >= EXPANDER_PIN:
            from sportbox.drivers.mcp23017 import ExpanderInput

            return ExpanderInput(self.expander(), pin - EXPANDER_PIN, active)  # type: ignore[return-value]
        from sportbox.drivers import inputs

        return inputs.digital(pin, active, pull, self.on_edge)

    def i2c(self) -> "I2C":
        """The board's I2C bus. Raises NoSuchHardware."""
        if self._i2c is None:
            facts = self.config.get("i2c")
            if facts is None:
                raise NoSuchHardware("i2c")
            from sportbox.drivers.bus import make_i2c

            self._i2c = make_i2c(facts["sda"], facts["scl"], facts["hz"])
        return self._i2c

    def expander(self) -> "Expander":
        """The board's port expander. Raises NoSuchHardware."""
        if self._expander is None:
            facts = self.config.get("expander")
            if facts is None:
                raise NoSuchHardware("expander")
            from sportbox.drivers.mcp23017 import Expander

            self._expander = Expander(self.i2c(), facts["address"], self.now_ms)
        return self._expander

    def strike(self, pin: int, can_stop: bool) -> "Strike | GatedStrike":
        """What drives a strike: an output of its own, or one of the expander behind the enable line."""
        if pin < EXPANDER_PIN:
            from sportbox.drivers.strike import Strike

            return Strike(pin, can_stop, self.now_ms)
        from sportbox.drivers.gated import Gate, GatedStrike

        if self._gate is None:
            enable = self.config["expander"]["enable"]
            self._gate = Gate(self.expander(), enable, can_stop, self.now_ms)
        return GatedStrike(self._gate, pin - EXPANDER_PIN)

    def supply(self, name: str) -> "Supply":
        if name not in self._supplies:
            from sportbox.core.supply import Supply

            self._supplies[name] = Supply()
        return self._supplies[name]

    def has_expander(self) -> bool:
        """True once a part has asked for it."""
        return self._expander is not None
