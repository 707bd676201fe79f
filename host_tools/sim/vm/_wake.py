"""What `esp32` offers beside the RMT: pins that wake from deep sleep.

`wake_on_ext1` takes RTC pins and is not there on the ESP32-C3 (ESP-IDF, soc/rtc_io_channel.h of each chip).
"""

from _layout import CHIPS as _CHIPS
from _layout import GPIOS as _PINS
from _world import page as _page

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

_chip = _CHIPS[_page.chip]
_EXT1_PINS = {
    "esp32": (0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39),
    "esp32s3": range(22),
}.get(_chip, range(_PINS))


def _mask(pins):
    mask = 0
    for pin in pins:
        mask |= 1 << pin._id
    return mask


def wake_on_ext1(_pins=None, _level=None):
    if _pins is not None:
        for pin in _pins:
            if pin._id not in _EXT1_PINS:
                raise ValueError("invalid pin")
        _page.ext1_pins = _mask(_pins)
    if _level is not None:
        _page.ext1_level = 1 if _level else 0


def wake_on_gpio(_pins=None, _level=None):
    if _pins is not None:
        _page.gpio_pins = _mask(_pins)
    if _level is not None:
        _page.gpio_level = 1 if _level else 0


if _chip == "esp32c3":
    del wake_on_ext1
