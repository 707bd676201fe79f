"""What `machine` of an ESP32 offers for sleep and supply, over the world page.

Deep sleep ends the VM; the zygote starts it again when the timer has run out or a wake pin has its level. By
`wake_on_gpio` only the ESP32-C3 wakes from it, at GPIO 0 to 5 (ESP-IDF Programming Guide, "Sleep Modes").
"""

import uctypes as _uctypes
from _layout import ANALOG_UV as _ANALOG
from _layout import CHIPS as _CHIPS
from _layout import DEEPSLEEP_RESET as _DEEPSLEEP_RESET
from _layout import GPIOS as _PINS
from _world import page as _page
from _world import raw as _raw
from machine import _end, _now_us

_chip = _CHIPS[_page.chip]
_GPIO_WAKE_PINS = {"esp32c3": 6, "": _PINS}.get(_chip)
_FULL_SCALE_UV = (950000, 1250000, 1750000, 3100000)  # by attenuation, about


def deepsleep(_time_ms=None):
    mask = _page.gpio_pins
    if mask and _GPIO_WAKE_PINS is None:
        raise ValueError("DEEPSLEEP with gpio pins not supported on this chip")
    if mask and mask >> _GPIO_WAKE_PINS:
        raise ValueError("wake-up pin not supported")
    _page.sleep_until_us = 0 if _time_ms is None else _now_us() + _time_ms * 1000
    _end(_DEEPSLEEP_RESET)


def wake_reason():
    return _page.wake_reason


def wake_pins():
    mask = _page.woken_pins
    return tuple([pin for pin in range(_PINS) if mask >> pin & 1])


class ADC:
    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3

    def __init__(self, _id, *, sample_ns=0, atten=0):
        self._gpio = _id if isinstance(_id, int) else _id._id
        self._atten = atten

    def read_uv(self):
        at = _uctypes.addressof(_raw) + _ANALOG + 4 * self._gpio
        level_uv = _uctypes.struct(at, {"uv": _uctypes.UINT32 | 0}, _uctypes.NATIVE).uv
        return min(level_uv, _FULL_SCALE_UV[self._atten])

    def read_u16(self):
        return self.read_uv() * 65535 // _FULL_SCALE_UV[self._atten]
