"""Doubles of what safe mode stands on: chip, radio, time, and a connection. Import it before the loader's
modules."""

import json
import sys

from tests.core import tokens


class Reset(Exception):
    """The board restarts."""


class Rtc:
    kept = b""
    wall = None

    def memory(self, data=None):
        if data is None:
            return Rtc.kept
        if len(data) > 2048:
            raise ValueError("buffer too long")
        Rtc.kept = bytes(data)

    def datetime(self, date):
        Rtc.wall = date


class Wdt:
    armed = 0
    fed = 0

    def __init__(self, timeout):
        Wdt.armed += 1

    def feed(self):
        Wdt.fed += 1


class Machine:
    RTC = Rtc
    WDT = Wdt

    @staticmethod
    def reset():
        raise Reset

    @staticmethod
    def unique_id():
        return b"\x02\x00\x00\x00\x00\x01"


class Wlan:
    joined = True
    refuses = None  # what active() raises
    no_memory = None  # what is raised where the driver would come up

    def __init__(self, interface):
        if Wlan.no_memory is not None:
            raise Wlan.no_memory
        self.calls = []

    def active(self, on):
        if self.refuses is not None:
            raise self.refuses
        self.calls.append(on)

    def isconnected(self):
        return Wlan.joined

    def disconnect(self):
        self.calls.append("disconnect")

    def connect(self, ssid, password):
        self.calls.append((ssid, password))


class Network:
    STA_IF = 0
    WLAN = Wlan


class Time:
    """Ticks as the ESP32 counts them: they begin anywhere and go round."""

    def __init__(self):
        self.ms = (1 << 30) - 5000
        self.epoch_s = tokens.NOW

    def ticks_ms(self):
        return self.ms & (1 << 30) - 1

    def ticks_add(self, ticks, ms):
        return ticks + ms & (1 << 30) - 1

    def ticks_diff(self, a, b):
        return (a - b + (1 << 29) & (1 << 30) - 1) - (1 << 29)

    def sleep_ms(self, ms):
        self.ms += ms

    def sleep(self, seconds):
        self.ms += 1000 * seconds

    def time(self):
        return self.epoch_s


class Line:
    """A socket: what the broker sent, what was written to it."""

    def __init__(self, data=b""):
        self.data = data
        self.sent = b""
        self.blocking = False

    def read(self, count):
        if not self.data and not self.blocking:
            return None
        part, self.data = self.data[:count], self.data[count:]
        return part

    def readinto(self, view):
        part = self.read(len(view))
        view[: len(part)] = part
        return len(part)

    def write(self, data, count=None):
        self.sent += bytes(data) if count is None else bytes(data[:count])

    def setblocking(self, flag):
        self.blocking = flag

    def close(self):
        self.data = b""


CONFIG = {
    "site": "hafensport-rostock",
    "device": "box-1",
    "board": "box-esp32",
    "broker": {"host": "broker", "port": 1883},
    "ntp": {"host": "time", "port": 123},
    "mqtt": {"keepalive_s": 30},
}
SECRETS = {
    "wifi": {"ssid": "ground", "password": "secret"},
    "keys": {kid: {"role": kid[:-2], "k": key.hex()} for kid, key in tokens.SECRETS.items()},
}


def text(value):
    return memoryview(json.dumps(value).encode())


for _name, _double in (("machine", Machine()), ("network", Network())):
    sys.modules.pop(_name, None)
    sys.modules[_name] = _double
for _name in ("sportbox.drivers.rtcmem", "wire", "pull", "safe"):
    sys.modules.pop(_name, None)
