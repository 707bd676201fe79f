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


class Expander(Rule):
    """The MCP23017. While it is lost it answers nothing and drives nothing; then it is at its power-on
    values."""

    values = ("lost", "ok")

    def show(self) -> str | None:
        if not self.world.get("expander_address"):
            return None
        return "lost" if self.world.get("expander_lost") else "ok"

    def set(self, value: str) -> Json:
        self.world.put("expander_lost", int(value == "lost"))
        self.world.reset_expander()
        return {"state": value}
