"""Facts of each chip that decide which pin may do what, and of the port expander.

Sources: ESP-IDF Programming Guide of each chip, pages "GPIO & RTC GPIO", "Remote Control Transceiver (RMT)",
"Universal Asynchronous Receiver/Transmitter (UART)", "Analog to Digital Converter (ADC)" and "Sleep Modes";
in each chip's datasheet the sections on pins, strapping pins (boot configurations) and power-up glitches.
"""

from dataclasses import dataclass

from host_tools.site.base import EXPANDER_PIN, pin_name
from host_tools.site.uses import Use


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
    rmt_tx: int  # RMT channels that can send: each bounds one pulse in hardware
    # Can software end an RMT sequence that runs? Not on the classic ESP32 (ESP-IDF issue 17692: it crashes
    # then or at the next pulse; MicroPython pull request 16293 lets sequences over 300 ms run out).
    can_stop: bool
    uarts: int  # UART 0, the console, among them
    adc1: frozenset[int]  # the ADC that works beside Wi-Fi
    wake: frozenset[int]  # can end deep sleep by their level
    strapping: frozenset[int] = frozenset()  # read at reset: a contact or a driver there may stop the boot
    memory: frozenset[int] = frozenset()  # wired to the flash (and quad PSRAM) inside the module
    octal_memory: frozenset[int] = frozenset()  # also taken where flash or PSRAM is octal
    usb: frozenset[int] = frozenset()
    console: frozenset[int] = frozenset()  # UART0: the ROM and MicroPython's prompt write here
    input_only: frozenset[int] = frozenset()  # and without pull resistors
    high_at_power_up: frozenset[int] = frozenset()  # drives or glitches high before the firmware runs


CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            "esp32",
            gpio=_pins((0, 19), (21, 23), (25, 27), (32, 39)),
            rmt_tx=8,
            can_stop=False,
            uarts=3,
            adc1=_pins((32, 39)),
            wake=_pins(0, 2, 4, (12, 15), (25, 27), (32, 39)),  # the RTC GPIOs
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
            can_stop=True,
            uarts=3,
            adc1=_pins((1, 10)),
            wake=_pins((0, 21)),  # the RTC GPIOs
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
            can_stop=True,
            uarts=2,
            adc1=_pins((0, 4)),
            wake=_pins((0, 5)),  # those powered by VDD3P3_RTC
            strapping=_pins(2, 8, 9),
            memory=_pins((11, 17)),
            usb=_pins(18, 19),
            console=_pins(20, 21),
            high_at_power_up=_pins(18, 19),
        ),
        Chip(
            "sim",
            gpio=_pins((0, 63)),
            rmt_tx=8,
            can_stop=True,
            uarts=3,
            adc1=_pins((0, 63)),
            wake=_pins((0, 63)),
        ),
    )
}

# MCP23017: GPA7 and GPB7 can only be outputs since revision D of Microchip's datasheet (DS20001952D, 2022; an
# input there may disturb the I2C bus). Its pull-ups are about 100 kOhm, and there are no pull-downs.
EXPANDER_OUTPUT_ONLY = _pins(EXPANDER_PIN + 7, EXPANDER_PIN + 15)


def pin_problem(
    chip: Chip, pin: int, use: Use, octal: bool = False, pulled: frozenset[int] = frozenset()
) -> str | None:
    """Why this pin must not serve `use` on this chip, or None. Pins from 64 on are the port expander's;
    `octal`: flash or PSRAM is octal; `pulled`: the pins that have a resistor on the board."""
    if pin >= EXPANDER_PIN:
        return _expander_problem(pin, use, pulled)
    name = f"GPIO {pin}"
    if pin not in chip.gpio:
        return f"{chip.name} has no {name}"
    if pin in chip.memory or (octal and pin in chip.octal_memory):
        return f"{name} is wired to the flash memory of the {chip.name}"
    if pin in chip.strapping:
        return f"{name} is a strapping pin of the {chip.name}: its level at reset decides how the chip boots"
    if pin in chip.usb:
        return f"{name} is the USB port of the {chip.name}"
    if pin in chip.console:
        return f"{name} is the serial console of the {chip.name}"
    return _use_problem(chip, pin, use, pulled)


def _use_problem(chip: Chip, pin: int, use: Use, pulled: frozenset[int]) -> str | None:
    name = f"GPIO {pin}"
    if pin in chip.input_only:
        if use.output:
            return f"{name} of the {chip.name} is input only"
        if use.pull and pin not in pulled:
            return (
                f"{name} of the {chip.name} has no pull resistor, and {use.name} needs a pull-{use.pull}: "
                "wire one outside and list the pin in `board.external_pulls` of board.toml"
            )
    if use.moves and pin in chip.high_at_power_up:
        return f"{name} of the {chip.name} is high for a moment at power-up, which would release a lock"
    if use.analog and pin not in chip.adc1:
        return f"{name} of the {chip.name} is not on ADC1 ({spans(chip.adc1)}); ADC2 fails beside Wi-Fi"
    return None


def _expander_problem(pin: int, use: Use, pulled: frozenset[int]) -> str | None:
    name = pin_name(pin)
    if not use.expander:
        return f"{name} will not do: {use.name} needs a GPIO of the chip itself"
    if use.output:
        return None
    if pin in EXPANDER_OUTPUT_ONLY:
        return f"{name} of the MCP23017 is output only"
    if use.pull == "down" and pin not in pulled:
        return (
            f"{name}: the MCP23017 has no pull-downs inside, and {use.name} needs one: "
            "wire it outside and list the pin in `board.external_pulls` of board.toml"
        )
    return None


def spans(pins: frozenset[int]) -> str:
    """Pins in words: `0 to 4, 7`."""
    found: list[list[int]] = []
    for pin in sorted(pins):
        if found and pin == found[-1][-1] + 1:
            found[-1][1:] = [pin]
        else:
            found.append([pin])
    return ", ".join(" to ".join(map(str, span)) for span in found)
