"""Which chip this really is, whatever the configuration says.

MicroPython's ESP32 port names it at the end of `sys.implementation._machine` ("Generic ESP32S3 module with
ESP32S3"; mpconfigboard.h, MICROPY_HW_MCU_NAME). Where nothing is said, the module `esp32` tells: the first
ESP32 alone has `raw_temperature`, and the C3 alone no `wake_on_ext1` (MicroPython documentation, `esp32`).
"""

import sys


def model() -> str:
    """`esp32`, `esp32s3`, `esp32c3`, or whatever else is said."""
    words = str(getattr(sys.implementation, "_machine", "")).lower().replace("-", "").split(" ")
    if words[-1].startswith("esp32"):
        return words[-1]
    import esp32

    if hasattr(esp32, "raw_temperature"):
        return "esp32"
    return "esp32s3" if hasattr(esp32, "wake_on_ext1") else "esp32c3"
