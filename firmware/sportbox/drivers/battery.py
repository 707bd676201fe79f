"""A voltage behind a divider: battery or solar cell.

`ADC.read_uv` is calibrated on the chip (MicroPython, `machine.ADC`, "ESP32 specific"). At 11 dB the ESP32-C3
measures to about 2.5 V and the S3 to 3.1 V (ESP-IDF Programming Guide, "ADC"): the divider keeps below that.
"""

from machine import ADC, Pin


class Voltage:
    """`ratio_permille`: what it is, over what the pin sees; 2000 for two equal resistors."""

    def __init__(self, pin: int, ratio_permille: int) -> None:
        self._adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)
        self._ratio_permille = ratio_permille

    def mv(self) -> int:
        """One sample."""
        return self._adc.read_uv() // 1000 * self._ratio_permille // 1000
