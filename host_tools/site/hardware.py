"""What a board has beside its sockets: lamp, buzzer, I2C with port expander and clock chip, power."""

from typing import Annotated, Any, Literal

from pydantic import Field

from host_tools.site.base import Gpio, Level, Millivolts, Model
from host_tools.site.uses import BUZZER, ENABLE, I2C, INTERRUPT, LAMP, VOLTAGE, Wire

Json = dict[str, Any]
Permille = Annotated[int, Field(ge=1_000, le=100_000)]  # of the divider: 2000 where half the voltage arrives


class Led(Model):
    pin: Gpio
    active: Level = 1

    def wires(self) -> list[Wire]:
        return [Wire("pin", self.pin, LAMP)]

    def facts(self) -> Json:
        return {"pin": self.pin, "active": self.active}


class Buzzer(Led):
    """One that sounds by itself while it has power."""

    def wires(self) -> list[Wire]:
        return [Wire("pin", self.pin, BUZZER)]


class I2c(Model):
    sda: Gpio
    scl: Gpio
    hz: Annotated[int, Field(ge=10_000, le=400_000)] = 400_000

    def wires(self) -> list[Wire]:
        return [Wire("sda", self.sda, I2C), Wire("scl", self.scl, I2C)]

    def facts(self) -> Json:
        return {"sda": self.sda, "scl": self.scl, "hz": self.hz}


class Expander(Model):
    """MCP23017. `enable` gates its outputs that move locks, for a time that the RMT bounds."""

    address: Annotated[int, Field(ge=0x20, le=0x27)] = 0x20
    interrupt: Gpio | None = None
    enable: Gpio | None = None

    def wires(self) -> list[Wire]:
        interrupt = [] if self.interrupt is None else [Wire("interrupt", self.interrupt, INTERRUPT)]
        enable = [] if self.enable is None else [Wire("enable", self.enable, ENABLE)]
        return [*interrupt, *enable]

    def facts(self) -> Json:
        return {"address": self.address, "interrupt": self.interrupt, "enable": self.enable}


class Rtc(Model):
    chip: Literal["ds3231"] = "ds3231"

    def facts(self) -> Json:
        return {"chip": self.chip}


class BatterySettings(Model):
    low_mv: Millivolts | None = Field(
        None, description="millivolts: below this the battery is low, and radars are switched off"
    )
    critical_mv: Millivolts | None = Field(
        None,
        description="millivolts: below this lamp and most telemetry go, and courts of a board that sleeps",
    )
    ok_mv: Millivolts | None = Field(None, description="millivolts: above this the battery is well again")


class Battery(Model):
    pin: Gpio
    ratio_permille: Permille
    low_mv: Millivolts
    critical_mv: Millivolts
    ok_mv: Millivolts

    def with_settings(self, settings: BatterySettings | None) -> "Battery":
        return self.model_copy(update=_given(settings))


class Solar(Model):
    pin: Gpio
    ratio_permille: Permille


class SleepSettings(Model):
    every_s: Annotated[int, Field(ge=10, le=86_400)] | None = Field(
        None, description="the board reports this often, whether or not anything moved"
    )
    awake_s: Annotated[int, Field(ge=5, le=3_600)] | None = Field(
        None, description="tries this long to reach the broker and to deliver, then sleeps again"
    )
    hold_s: Annotated[int, Field(ge=0, le=3_600)] | None = Field(
        None,
        description="after motion the sensor is not looked at this long, then as long again it may wake the"
        " board; without motion the court is free then",
    )


class Sleep(Model):
    every_s: Annotated[int, Field(ge=10, le=86_400)]
    awake_s: Annotated[int, Field(ge=5, le=3_600)]
    hold_s: Annotated[int, Field(ge=0, le=3_600)]

    def with_settings(self, settings: SleepSettings | None) -> "Sleep":
        return self.model_copy(update=_given(settings))


class Power(Model):
    source: Literal["mains", "battery"]
    battery: Battery | None = None
    solar: Solar | None = None
    sleep: Sleep | None = None

    def wires(self) -> list[Wire]:
        battery = [] if self.battery is None else [Wire("battery.pin", self.battery.pin, VOLTAGE)]
        solar = [] if self.solar is None else [Wire("solar.pin", self.solar.pin, VOLTAGE)]
        return [*battery, *solar]

    def with_settings(self, battery: BatterySettings | None, sleep: SleepSettings | None) -> "Power":
        """With a device's settings in place of the board's."""
        return self.model_copy(
            update={
                "battery": self.battery and self.battery.with_settings(battery),
                "sleep": self.sleep and self.sleep.with_settings(sleep),
            }
        )

    def facts(self) -> Json:
        return self.model_dump()


class Polarity(Model):
    """The usual level of each kind. Strikes, motors and the expander's enable line are always active high:
    the pull-down at the driver is what keeps them still."""

    lock: Literal[1] = 1
    door: Level = 0
    gate: Level = 1
    occupancy: Level = 1
    inside: Level = 1
    release: Level = 1
    tamper: Level = 0
    latch: Level = 0
    end_switch: Level = 0


def _given(settings: Model | None) -> Json:
    if settings is None:
        return {}
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {name: value for name, value in values.items() if value is not None}
