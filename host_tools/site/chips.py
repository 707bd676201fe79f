"""Facts of each chip that decide which pin may do what.

Sources: the pages "GPIO & RTC GPIO" and "Remote Control Transceiver (RMT)" of the ESP-IDF Programming Guide,
and in each chip's datasheet the sections on pins, strapping pins (boot configurations) and power-up glitches.
"""

from collections.abc import Iterable
from dataclasses import dataclass


def _pins(*spans: int | tuple[int, int]) -> frozenset[int]:
    found: set[int] = set()
    for span in spans:
        first, last = (span, span) if isinstance(span, int) else span
        found.update(range(first, last + 1))
    return frozenset(found)


@dataclass(frozen=True)
class Chip:
    name: str
    gpio: frozenset[int]
    rmt_tx: int  # RMT channels that can send: one a lock, for it bounds the pulse in hardware
    strapping: frozenset[int] = frozenset()  # read at reset: a contact or a driver there may stop the boot
    memory: frozenset[int] = frozenset()  # wired to the flash (and quad PSRAM) inside the module
    octal_memory: frozenset[int] = frozenset()  # also taken where flash or PSRAM is octal
    usb: frozenset[int] = frozenset()
    console: frozenset[int] = frozenset()  # UART0: the ROM and MicroPython's prompt write here
    input_only: frozenset[int] = frozenset()
    high_at_power_up: frozenset[int] = frozenset()  # drives or glitches high before the firmware runs


CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            "esp32",
            gpio=_pins((0, 19), (21, 23), (25, 27), (32, 39)),
            rmt_tx=8,
            strapping=_pins(0, 2, 5, 12, 15),
            memory=_pins((6, 11)),
            octal_memory=_pins(16, 17),  # ESP32-WROVER: PSRAM
            console=_pins(1, 3),
            input_only=_pins((34, 39)),
            high_at_power_up=_pins(0, 1, 3, 5, 14, 15),
        ),
        Chip(
            "esp32s3",
            gpio=_pins((0, 21), (26, 48)),
            rmt_tx=4,
            strapping=_pins(0, 3, 45, 46),
            memory=_pins((26, 32)),
            octal_memory=_pins((33, 37)),
            usb=_pins(19, 20),
            console=_pins(43, 44),
            high_at_power_up=_pins(18, 19, 20),
        ),
        Chip(
            "esp32c3",
            gpio=_pins((0, 21)),
            rmt_tx=2,
            strapping=_pins(2, 8, 9),
            memory=_pins((11, 17)),
            usb=_pins(18, 19),
            console=_pins(20, 21),
            high_at_power_up=_pins(18, 19),
        ),
        Chip("sim", gpio=_pins((0, 63)), rmt_tx=8),
    )
}

# What a pin is used for, by component kind. The LED is an output too.
OUTPUTS = frozenset({"lock", "led"})


def pin_problem(chip: Chip, pin: int, use: str, octal: bool = False) -> str | None:
    """Why this pin must not serve `use` on this chip, or None."""
    if pin not in chip.gpio:
        return f"{chip.name} has no GPIO {pin}"
    if pin in chip.memory or (octal and pin in chip.octal_memory):
        return f"GPIO {pin} is wired to the flash memory of the {chip.name}"
    if pin in chip.strapping:
        return (
            f"GPIO {pin} is a strapping pin of the {chip.name}: its level at reset decides how the chip boots"
        )
    if pin in chip.usb:
        return f"GPIO {pin} is the USB port of the {chip.name}"
    if pin in chip.console:
        return f"GPIO {pin} is the serial console of the {chip.name}"
    if use in OUTPUTS and pin in chip.input_only:
        return f"GPIO {pin} of the {chip.name} is input only"
    if use == "lock" and pin in chip.high_at_power_up:
        return f"GPIO {pin} of the {chip.name} is high for a moment at power-up, which would release a lock"
    return None


def describe(pins: Iterable[int]) -> str:
    return ", ".join(str(pin) for pin in sorted(pins))
