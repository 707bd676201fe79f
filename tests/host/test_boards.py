"""boards/ against the facts of the chips, and mistakes in board files."""

import re
from pathlib import Path

import pytest

from host_tools.errors import BadInput
from host_tools.site import uses
from host_tools.site.base import pin_name, pin_number
from host_tools.site.boards import board_names, load_board
from host_tools.site.chips import CHIPS, EXPANDER_OUTPUT_ONLY, pin_problem
from tests.host.helpers import ROOT

BOARDS = sorted(path.name for path in (ROOT / "boards").iterdir() if path.is_dir())
GOOD = """\
[board]
name = "mine"
title = "Mine"
chip = "esp32c3"
flash_mib = 4
micropython = "ESP32_GENERIC_C3"

[pins]
lock-1 = 4
door-1 = 5
gate-1 = [6, 7]

[led]
pin = 10
"""


def test_every_folder_is_a_board() -> None:
    assert board_names() == BOARDS
    assert {"box-esp32s3", "field-esp32c3", "sim"} <= set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_pins_respect_the_chip(name: str) -> None:
    board = load_board(name)
    shared = {pin_number(pin) for pin in board.board.alternatives}
    used: list[int] = []
    wires = [(role, wire) for role, socket in board.pins.items() for wire in socket.wires()]
    for who, wire in [*wires, *board.fixed_wires(True)]:
        pin = pin_number(wire.pin)
        assert pin_problem(board.chip, pin, wire.use, board.board.octal_memory, board.pulled) is None, who
        if pin not in shared:
            used.append(pin)
    assert len(used) == len(set(used)), "a pin is used twice"


@pytest.mark.parametrize("name", BOARDS)
def test_the_wiring_notes_name_the_same_pins(name: str) -> None:
    text = (ROOT / "boards" / name / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([0-9GPAB, ]+) \|", text, re.MULTILINE))
    board = load_board(name)
    told = {role: pins.strip().split(", ") for role, pins in rows.items()}
    expected = {role: [str(wire.pin) for wire in socket.wires()] for role, socket in board.pins.items()}
    for table in ("led", "buzzer", "i2c", "expander", "power"):
        part = getattr(board, table)
        if part is not None:
            expected[table] = [str(wire.pin) for wire in part.wires()]
    assert told == expected


def test_facts_of_the_chips() -> None:
    """Figures from the datasheets, typed a second time."""
    assert {name: chip.rmt_tx for name, chip in CHIPS.items() if name != "sim"} == {
        "esp32": 8,
        "esp32s3": 4,
        "esp32c3": 2,
    }
    assert CHIPS["esp32"].strapping == {0, 2, 5, 12, 15}
    assert CHIPS["esp32s3"].strapping == {0, 3, 45, 46}
    assert CHIPS["esp32c3"].strapping == {2, 8, 9}
    assert CHIPS["esp32"].input_only == {34, 35, 36, 37, 38, 39}
    assert [len(CHIPS[name].gpio) for name in ("esp32", "esp32s3", "esp32c3")] == [34, 45, 22]
    figures = {name: (chip.can_stop, chip.uarts) for name, chip in CHIPS.items() if name != "sim"}
    assert figures == {"esp32": (False, 3), "esp32s3": (True, 3), "esp32c3": (True, 2)}
    adc1 = {name: chip.adc1 for name, chip in CHIPS.items() if name != "sim"}
    assert adc1 == {"esp32": set(range(32, 40)), "esp32s3": set(range(1, 11)), "esp32c3": set(range(5))}
    assert CHIPS["esp32c3"].wake == {0, 1, 2, 3, 4, 5}
    assert CHIPS["esp32s3"].wake == set(range(22))
    assert CHIPS["esp32"].wake == {0, 2, 4, 12, 13, 14, 15, 25, 26, 27, *range(32, 40)}
    assert CHIPS["esp32"].high_at_power_up == {0, 1, 3, 5, 14, 15}
    assert {pin_name(pin) for pin in EXPANDER_OUTPUT_ONLY} == {"GPA7", "GPB7"}
    for chip in CHIPS.values():
        assert chip.adc1 | chip.wake <= chip.gpio
        special = chip.strapping | chip.memory | chip.octal_memory | chip.usb | chip.console | chip.input_only
        assert special <= chip.gpio


@pytest.mark.parametrize(
    ("chip", "pin", "use", "words"),
    [
        ("esp32", 34, uses.COIL, "input only"),
        ("esp32", 34, uses.LAMP, "input only"),
        ("esp32", 14, uses.COIL, "high for a moment at power-up"),
        ("esp32", 6, uses.CONTACT, "flash memory"),
        ("esp32", 20, uses.CONTACT, "has no GPIO 20"),
        ("esp32s3", 18, uses.COIL, "power-up"),
        ("esp32c3", 9, uses.CONTACT, "strapping"),
        ("esp32c3", 18, uses.CONTACT, "USB"),
        ("esp32c3", 21, uses.CONTACT, "console"),
        ("esp32", 34, uses.MOTION, "needs a pull-down: wire one outside"),
        ("esp32", 34, uses.UART_TX, "input only"),
        ("esp32", 14, uses.ENABLE, "high for a moment"),
        ("esp32", 25, uses.VOLTAGE, "not on ADC1 (32 to 39)"),
        ("esp32c3", 5, uses.VOLTAGE, "not on ADC1 (0 to 4)"),
        ("esp32s3", 71, uses.CONTACT, "GPA7 of the MCP23017 is output only"),
        ("esp32s3", 79, uses.CONTACT, "GPB7 of the MCP23017 is output only"),
        ("esp32s3", 64, uses.MOTION, "no pull-downs"),
        ("esp32s3", 64, uses.MOTOR, "GPA0 will not do: a motor's enable line needs a GPIO"),
        ("esp32s3", 79, uses.DIRECTION, "GPB7 will not do"),
        ("esp32s3", 64, uses.WIEGAND, "GPA0 will not do: a Wiegand line needs a GPIO of the chip itself"),
        ("esp32s3", 64, uses.MATRIX_ROW, "needs a GPIO"),
        ("esp32s3", 64, uses.UART_RX, "needs a GPIO"),
    ],
)
def test_refused_pins(chip: str, pin: int, use: uses.Use, words: str) -> None:
    assert words in (pin_problem(CHIPS[chip], pin, use) or "")


def test_pins_that_depend_on_the_memory() -> None:
    assert pin_problem(CHIPS["esp32s3"], 35, uses.CONTACT) is None
    assert "flash memory" in (pin_problem(CHIPS["esp32s3"], 35, uses.CONTACT, octal=True) or "")
    assert "pull-up" in (pin_problem(CHIPS["esp32"], 34, uses.CONTACT) or "")
    assert pin_problem(CHIPS["esp32"], 34, uses.CONTACT, pulled=frozenset({34})) is None


MISTAKES = [
    ("flash_mib = 4", "flash_mib = 400", 5, "board.flash_mib: must be between 2 and 32 (got 400)"),
    ('chip = "esp32c3"', 'chip = "esp32c9"', 4, "board.chip: must be one of"),
    ('name = "mine"', 'name = "other"', 2, "board.name: must be `mine` like its folder"),
    ("flash_mib", "flash_mb", 5, "did you mean `flash_mib`?"),
    ("lock-1 = 4", "lock-1 = 9", 9, "pins.lock-1: GPIO 9 is a strapping pin"),
    (
        "lock-1 = 4",
        "lock-1 = [4, 3]",
        9,
        "pins.lock-1: must be",
    ),
    ("gate-1 = [6, 7]", "gate-1 = 6", 11, "pins.gate-1: must be a list of 2 entries"),
    ("door-1 = 5", "door-1 = 4", 10, "already used by pins.lock-1"),
    ("pin = 10", "pin = 5", 14, "led.pin: GPIO 5 is already used by pins.door-1"),
    ("door-1 = 5", "tür-1 = 5", 10, ""),
    ("door-1 = 5", "fence-1 = 5", 10, "is no role"),
    ("[led]", "[lead]", 13, "did you mean `led`?"),
    ("lock-1 = 4", "lock-1 = {coil = 9}", 9, "pins.lock-1.coil: GPIO 9 is a strapping pin"),
    (
        "lock-1 = 4",
        "lock-1 = {enable = 4, direction = 3, locked = 0}",
        9,
        "pins.lock-1.unlocked: is required",
    ),
    ("lock-1 = 4", "lock-1 = {coil = 4, latsch = 3}", 9, "did you mean `latch`?"),
    ("lock-1 = 4", 'lock-1 = "GPA0"', 9, "port expander, and board `mine` has none ([expander])"),
    ("lock-1 = 4", 'lock-1 = "GPC0"', 9, "`GPA0` to `GPB7`"),
    ("door-1 = 5", "radar-1 = {uart = 0, rx = 0, tx = 1}", 10, "has UART 1 for sensors: 0 is the console"),
    ("door-1 = 5", "radar-1 = {uart = 2, rx = 0, tx = 1}", 10, "has UART 1 for sensors"),
    ("door-1 = 5", "tof-1 = {xshut = 5}", 10, "needs the I2C bus, and board `mine` has none"),
    ("door-1 = 5", "keypad-1 = 5", 10, "pins.keypad-1: must be a mapping"),
    (
        "door-1 = 5",
        "keypad-1 = {rows = [1, 3], columns = [0, 1, 3, 4]}",
        10,
        "pins.keypad-1.rows: must be a list",
    ),
    ("[led]\npin = 10", "[rtc]\nchip = 'ds1307'", 14, "rtc.chip: must be `ds3231`"),
    ("[led]\npin = 10", "[rtc]\nchip = 'ds3231'", 13, "rtc: needs the I2C bus ([i2c])"),
    ("[led]\npin = 10", "[expander]\naddress = 0x28", 14, "between 32 and 39"),
    ("[led]\npin = 10", "[buzzer]\npin = 4", 14, "already used by pins.lock-1"),
    ("[led]\npin = 10", "[power]\nsource = 'wind'", 14, "power.source: must be one of `mains`, `battery`"),
    (
        "[led]\npin = 10",
        "[power]\nsource = 'battery'\n[power.battery]\nlow_mv = 3500\ncritical_mv = 3600\nok_mv = 3700\n"
        "ratio_permille = 2000\npin = 0",
        16,
        "critical_mv (3600) must be less than low_mv (3500)",
    ),
    (
        "[led]\npin = 10",
        "[power]\nsource = 'battery'\n[power.sleep]\nevery_s = 60\nhold_s = 5\nawake_s = 60",
        18,
        "power.sleep.awake_s: must be less than every_s (60)",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), MISTAKES)
def test_mistakes_in_a_board_file(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert GOOD.count(old) == 1
    path = tmp_path / "mine" / "board.toml"
    path.parent.mkdir()
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_board("mine", tmp_path)
    text = str(caught.value)
    assert words in text
    assert str(path) in text
    assert f":{line}: " in text or f"line {line}" in text


def test_a_good_board_file(tmp_path: Path) -> None:
    path = tmp_path / "mine" / "board.toml"
    path.parent.mkdir()
    path.write_text(GOOD, encoding="utf-8")
    board = load_board("mine", tmp_path)
    pins = {role: [wire.pin for wire in socket.wires()] for role, socket in board.pins.items()}
    assert pins == {"lock-1": [4], "door-1": [5], "gate-1": [6, 7]}
    assert (board.polarity.lock, board.polarity.door) == (1, 0)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[board\n", b"x" * 70_000])
def test_what_is_no_board_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine" / "board.toml"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(str(path))):
        load_board("mine", tmp_path)


def test_a_folder_without_boards_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPORTBOX_BOARDS", str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="nowhere") as caught:
        board_names()
    assert "SPORTBOX_BOARDS" in (caught.value.hint or "")
