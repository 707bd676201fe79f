"""What a pin has to be able to do, by what hangs on it. chips.py says which pin can."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """`pull`: the resistor inside the chip that the firmware relies on. `moves`: a high level moves a lock,
    so the pin must be quiet at power-up. `timed`: the RMT peripheral bounds the pulse, one channel each.
    `expander`: a pin of the port expander will do. `wakes`: it ends the deep sleep of a battery board."""

    name: str
    output: bool = False
    pull: str = ""
    moves: bool = False
    timed: bool = False
    expander: bool = False
    analog: bool = False
    wakes: bool = False


COIL = Use("a strike's coil", output=True, moves=True, timed=True, expander=True)
MOTOR = Use("a motor's enable line", output=True, moves=True, timed=True)
DIRECTION = Use("a motor's direction", output=True)
CONTACT = Use("a contact", pull="up", expander=True)
BEAM = Use("a light barrier", pull="up", expander=True)
MOTION = Use("a motion sensor", pull="down", expander=True, wakes=True)
INSIDE_MOTION = Use("a motion sensor", pull="down", expander=True)
WIEGAND = Use("a Wiegand line", pull="up")  # pulses of 50 us: no time to ask an expander
MATRIX_ROW = Use("a row of a keypad", output=True)
MATRIX_COLUMN = Use("a column of a keypad", pull="up")
UART_RX = Use("a UART's input")
UART_TX = Use("a UART's output", output=True)
SHUTDOWN = Use("a sensor's shutdown line", output=True)
LAMP = Use("an LED", output=True)
BUZZER = Use("a buzzer", output=True)
I2C = Use("an I2C line", output=True)  # open drain, with external pull-ups
INTERRUPT = Use("the expander's interrupt", pull="up")
ENABLE = Use("the expander's enable line", output=True, moves=True, timed=True)
VOLTAGE = Use("a voltage", analog=True)


@dataclass(frozen=True)
class Wire:
    """One pin of a socket. `part`: the field that names it."""

    part: str
    pin: int | str
    use: Use
