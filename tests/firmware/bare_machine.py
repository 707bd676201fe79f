"""A `machine` and an `esp32` that drivers can be imported over, where nothing of them is used."""

import sys


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

    class Pin:
        pass

    class RTC:
        pass

    class ADC:
        pass


for _name in ("machine", "esp32"):
    sys.modules.pop(_name, None)
    sys.modules[_name] = Machine()
