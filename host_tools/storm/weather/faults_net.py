"""Faults of the network, the broker, the time server and the Wi-Fi."""

from host_tools.sim import layout
from host_tools.storm.stage import Stage
from host_tools.storm.weather.doing import KINDS_TYPE, Doing, attribute, flicker, held, moment
from host_tools.storm.weather.plan import Fault

BROKER_DOWN, BROKER_FROZEN, WIFI, STATION = "broker down", "broker frozen", "wifi", "station"
HEALS = (layout.WIFI_FAULTS[layout.WIFI_STALE], layout.WIFI_FAULTS[layout.WIFI_STUCK])
"""What ends as soon as the board does what helps."""


def _half_open(_: Fault, stage: Stage) -> None:
    stage.net.half_open()


def _reset_all(_: Fault, stage: Stage) -> None:
    stage.net.reset_all()


# --- broker ---


def _stop(fault: Fault, stage: Stage) -> None:
    is_first = not stage.holds.values(BROKER_DOWN)
    stage.holds.put(BROKER_DOWN, fault.number, True)
    if is_first:
        stage.broker.stop(bool(fault.args["keep_sessions"]))


def _start(fault: Fault, stage: Stage) -> None:
    stage.holds.drop(BROKER_DOWN, fault.number)
    if stage.holds.values(BROKER_DOWN):
        return
    stage.broker.start()
    if stage.holds.values(BROKER_FROZEN):
        stage.broker.freeze()


def _freeze(fault: Fault, stage: Stage) -> None:
    is_first = not stage.holds.values(BROKER_FROZEN)
    stage.holds.put(BROKER_FROZEN, fault.number, True)
    if is_first and not stage.holds.values(BROKER_DOWN):
        stage.broker.freeze()


def _thaw(fault: Fault, stage: Stage) -> None:
    stage.holds.drop(BROKER_FROZEN, fault.number)
    if not stage.holds.values(BROKER_FROZEN) and not stage.holds.values(BROKER_DOWN):
        stage.broker.thaw()


# --- time server ---

_LIE = attribute("time_server", "lie_s", lambda fault: int(fault.args["lie_s"]))


def _lie(fault: Fault, stage: Stage) -> None:
    stage.holds.lied = True
    _LIE.begin(fault, stage)


# --- Wi-Fi ---


def _wifi(_: Fault, stage: Stage) -> None:
    stage.world.set("wifi", "down" if stage.holds.values(WIFI) else "up")


def _flaps(fault: Fault, stage: Stage) -> None:
    def turn(is_down: bool) -> None:
        if is_down:
            stage.holds.put(WIFI, fault.number, True)
        else:
            stage.holds.drop(WIFI, fault.number)
        _wifi(fault, stage)

    flicker(fault, stage, turn)


def _says(fault: Fault, stage: Stage) -> None:
    """The newest one counts. What the board can heal by itself does not begin again when a newer one ends."""
    stage.holds.put(STATION, fault.number, str(fault.args["says"]))
    _station(str(fault.args["says"]), stage)


def _is_well(fault: Fault, stage: Stage) -> None:
    stage.holds.drop(STATION, fault.number)
    values = [value for value in stage.holds.values(STATION) if value not in HEALS]
    _station(values[-1] if values else "ok", stage)


def _station(says: str, stage: Stage) -> None:
    stage.world.world.set_wifi_fault(says)
    stage.world.world.ring()
    if says == "lease_lost":
        stage.net.address_lost()


def _address_changes(_: Fault, stage: Stage) -> None:
    stage.net.address_lost()


_WIFI_DOWN = held(lambda _: WIFI, lambda _: True, _wifi)


def _of(part: str, name: str, value: object) -> Doing:
    return attribute(part, name, lambda _: value)


def _pair(fault: Fault) -> tuple[int, int]:
    low_us, high_us = fault.args["latency_us"]
    return low_us, high_us


KINDS: KINDS_TYPE = {
    "latency": attribute("net", "latency_us", _pair),
    "loss": attribute("net", "loss", lambda fault: float(fault.args["loss"])),
    "partition": _of("net", "partition", True),
    "refuse": _of("net", "refuse", True),
    "slow_net": attribute("net", "slow_bytes_s", lambda fault: int(fault.args["bytes_s"])),
    "half_open": moment(_half_open),
    "reset_all": moment(_reset_all),
    "broker_restart": Doing(_stop, _start),
    "broker_freeze": Doing(_freeze, _thaw),
    "broker_mode": attribute("broker", "mode", lambda fault: str(fault.args["mode"])),
    "time_silent": _of("time_server", "up", False),
    "time_kod": _of("time_server", "kod", True),
    "time_garbage": _of("time_server", "garbage", True),
    "time_lie": Doing(_lie, _LIE.end),
    "dns_silent": _of("dns", "up", False),
    "dns_garbage": _of("dns", "garbage", True),
    "dns_fails": _of("dns", "fails", True),
    "wifi_down": _WIFI_DOWN,
    "wifi_flaps": Doing(_flaps, _WIFI_DOWN.end),
    "wifi_status": Doing(_says, _is_well),
    "dhcp": Doing(_says, _is_well),
    "radio_fails": Doing(_says, _is_well),
    "new_address": moment(_address_changes),
}
