"""What a board has once: its access point, time server, and the chips on its bus."""

from host_tools.sim.rules.part import Json, Rule


class Wifi(Rule):
    values = ("up", "down")

    def show(self) -> str:
        return "up" if self.world.get("wifi_up") else "down"

    def set(self, value: str) -> Json:
        self.world.set_wifi(value == "up")
        return {"state": value}


class Clock(Rule):
    """The time server and the ESP32's own clock."""

    values = ("set", "lost")

    def show(self) -> str:
        return "set" if self.world.get("time_server_up") else "lost"

    def set(self, value: str) -> Json:
        if value == "lost":
            self.world.lose_clock()
        self.world.put("time_server_up", int(value == "set"))
        return {"state": value}


class RtcChip(Rule):
    """The DS3231. `lost` does not answer, and has its time when it is back; `flat` has lost it with its
    cell."""

    values = ("lost", "ok", "flat")

    def show(self) -> str | None:
        if not self.world.get("rtc_chip"):
            return None
        if self.world.get("rtc_lost"):
            return "lost"
        return "ok" if self.world.rtc_chip_unix_s() is not None else "unset"

    def set(self, value: str) -> Json:
        self.world.put("rtc_lost", int(value == "lost"))
        if value == "flat":
            self.world.reset_rtc_chip()
        return {"state": value}


class Expander(Rule):
    """The MCP23017. While it is lost it answers nothing and drives nothing; then it is at its power-on
    values."""

    values = ("lost", "ok")

    def show(self) -> str | None:
        if not self.world.get("expander_address"):
            return None
        return "lost" if self.world.get("expander_lost") else "ok"

    def set(self, value: str) -> Json:
        if value == "lost" or self.world.get("expander_lost"):  # one that is well keeps its set-up
            self.world.reset_expander()
        self.world.put("expander_lost", int(value == "lost"))
        return {"state": value}
