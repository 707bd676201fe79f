"""The VL53L1X time-of-flight sensor: registers, start-up values and the meaning of a result.

Its data sheet (ST DS12385) has no register list. The facts are those of ST's ultra lite driver, STSW-IMG009
("VL53L1X_ULD", user manual UM2510): registers have 16-bit addresses and values with the upper byte first; the
block from 0x2D to 0x87 is written once after boot, then one measurement is thrown away, and ranging runs by
itself, every 103 ms with these values (distance mode long, 100 ms each).
"""

from micropython import const

ADDRESS = 0x29  # after power-up; 7 bits
MODEL = 0xEACC  # model and module type

SLAVE_ADDRESS = 0x0001
VHV_LOOP = 0x0008  # VHV_CONFIG__TIMEOUT_MACROP_LOOP_BOUND
VHV_INIT = 0x000B
CONFIG = 0x002D
POLARITY = 0x0030  # GPIO_HV_MUX__CTRL; bit 4: the interrupt is active low
READY = 0x0031  # GPIO__TIO_HV_STATUS; bit 0 is the interrupt line
CLEAR = 0x0086  # SYSTEM__INTERRUPT_CLEAR
MODE = 0x0087  # SYSTEM__MODE_START; 0x40 ranges, 0 stops
RESULT = 0x0089
FIRMWARE_STATUS = 0x00E5  # bit 0: booted
MODEL_ID = 0x010F

RESULT_BYTES = 17
START = b"\x40"
STOP = b"\x00"

DEFAULTS = (
    b"\x00\x00\x00\x01\x02\x00\x02\x08\x00\x08\x10\x01\x01\x00\x00\x00\x00\xff\x00"  # 0x2D
    b"\x0f\x00\x00\x00\x00\x00\x20\x0b\x00\x00\x02\x0a\x21\x00\x00\x05\x00\x00\x00"  # 0x40
    b"\x00\xc8\x00\x00\x38\xff\x01\x00\x08\x00\x00\x01\xcc\x0f\x01\xf1\x0d\x01\x68"  # 0x53
    b"\x00\x80\x08\xb8\x00\x00\x00\x00\x0f\x89\x00\x00\x00\x00\x00\x00\x00\x01\x0f"  # 0x66
    b"\x0d\x0e\x0e\x00\x00\x02\xc7\xff\x9b\x00\x00\x00\x01\x00\x00"  # 0x79
)
"""0x2D to 0x87: pull-ups to the sensor's own supply, interrupt active high on each new sample, stopped."""

VALID = 0
SIGMA = 1  # too noisy
SIGNAL = 2  # too little light came back
BOUNDS = 4  # the phase is outside of what is measured
WRAPPED = 7  # beyond the range, so the distance is that of an echo of an earlier pulse
NONE = 255

NEAR = 1
FAR = 0
UNCLEAR = 2

# what the driver's user manual calls the status, by the lower five bits of the register
_STATUS = b"\xff\xff\xff\x05\x02\x04\x01\x07\x03\x00\xff\xff\x09\x0d\xff\xff\xff\xff\x0a\x06\xff\xff\x0b\x0c"
_STATUS_AT = const(0)
_DISTANCE_AT = const(13)


def is_ready(polarity: int, line: int) -> bool:
    """Whether a measurement waits, from the registers POLARITY and READY."""
    return line & 1 == 1 - (polarity >> 4 & 1)


def status(result: "bytearray | bytes") -> int:
    """VALID, SIGMA, ... of the 17 bytes at RESULT."""
    raw = result[_STATUS_AT] & 0x1F
    return _STATUS[raw] if raw < len(_STATUS) else NONE


def distance_mm(result: "bytearray | bytes") -> int:
    return result[_DISTANCE_AT] << 8 | result[_DISTANCE_AT + 1]


def judge(result: "bytearray | bytes", near_mm: int) -> int:
    """NEAR: something stands within `near_mm`. FAR: nothing does, whether the sensor saw something beyond or
    nothing at all. UNCLEAR: the measurement says neither."""
    found = status(result)
    if found == VALID:
        return NEAR if 0 < distance_mm(result) <= near_mm else FAR
    return FAR if found in (SIGNAL, BOUNDS, WRAPPED) else UNCLEAR
