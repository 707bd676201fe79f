"""Boards with a port expander, resistors of their own, alternative sockets: what is right and what is not."""

from pathlib import Path

import pytest

from host_tools.errors import BadInput
from host_tools.site.boards import Board, load_board
from host_tools.site.load import SiteFileError, load_site
from host_tools.site.resolve import device_config
from tests.host.helpers import write

HEAD = '[board]\nname = "mine"\ntitle = "Mine"\nchip = "%s"\nflash_mib = 4\nmicropython = "X"\n'
BUS = "[i2c]\nsda = 41\nscl = 42\n"


def board(folder: Path, chip: str, text: str) -> Board:
    path = folder / "boards" / "mine" / "board.toml"
    path.parent.mkdir(parents=True)
    path.write_text(HEAD % chip + text, encoding="utf-8")
    return load_board("mine", folder / "boards")


REFUSED = [
    (f"[pins]\ntof-17 = {{xshut = 5}}\n{BUS}", "pins.tof-17: use tof-1 to tof-16"),
    ('[pins]\ndoor-1 = "GPB0"\n[expander]\ninterrupt = 5\n', "expander: needs the I2C bus"),
    (
        f'[pins]\ndoor-1 = "GPB0"\n[expander]\nenable = 5\n{BUS}',
        "GPB0 can be no input: without an `interrupt`",
    ),
    (
        f'[pins]\nlock-1 = "GPA0"\n[expander]\ninterrupt = 5\n{BUS}',
        "GPA0 can move no lock: the expander has no",
    ),
    (
        "[pins]\nradar-1 = {uart = 1, rx = 5, tx = 6}\nradar-2 = {uart = 1, rx = 7, tx = 8}\n",
        "UART 1 is already used",
    ),
    (
        "[pins]\n[power]\nsource = 'mains'\n[power.sleep]\nevery_s = 60\nawake_s = 9\nhold_s = 9\n",
        'power.sleep: is for boards with source = "battery"',
    ),
    ("[pins]\n[polarity]\nlock = 0\n", "polarity.lock"),
    ("[pins]\ncourt-1 = 5\ncourt-2 = 5\n", "pins.court-2: GPIO 5 is already used by pins.court-1"),
    (
        "alternatives = [5]\n[pins]\nlock-1 = 5\nlock-2 = 4\ndoor-1 = 4\n",
        "GPIO 4 is already used by pins.lock-2",
    ),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_a_board_must_not_have(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        board(tmp_path, "esp32s3", text)
    assert words in str(caught.value)


def test_an_input_without_resistors_inside_has_one_on_the_board(tmp_path: Path) -> None:
    pins = "[pins]\ndoor-1 = 34\n"
    with pytest.raises(BadInput, match="GPIO 34 of the esp32 has no pull resistor"):
        board(tmp_path / "a", "esp32", pins)
    assert board(tmp_path / "b", "esp32", f"external_pulls = [34]\n{pins}").pulled == {34}


def test_sockets_may_be_alternatives_of_which_a_site_uses_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board(tmp_path, "esp32s3", "alternatives = [5]\n[pins]\ndoor-1 = 5\ncourt-1 = 5\n")
    monkeypatch.setenv("SPORTBOX_BOARDS", str(tmp_path / "boards"))
    text = "version: 1\nsite: s\ndevices:\n  b: {board: mine, components: {%s}}\n"
    assert load_site(write(tmp_path, text % "door-1: "))
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, text % "door-1: , court-1: "))
    assert "GPIO 5 is already used by `door-1`" in str(caught.value.details)


def test_the_bus_is_there_where_something_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, more in (("a", ""), ("b", "[rtc]\nchip = 'ds3231'\n")):
        board(tmp_path / name, "esp32s3", f"[pins]\ndoor-1 = 5\n{BUS}{more}")
        monkeypatch.setenv("SPORTBOX_BOARDS", str(tmp_path / name / "boards"))
        text = "version: 1\nsite: s\ndevices:\n  b: {board: mine, components: {door-1: }}\n"
        config = device_config(load_site(write(tmp_path, text)), "b")
        assert (config["i2c"] is not None) == bool(more)
        assert config["rtc"] == ({"chip": "ds3231"} if more else None)


def test_what_hangs_on_the_expander_shares_one_channel(tmp_path: Path) -> None:
    """The ESP32-S3 has four: motor, expander and two strikes; a third strike is too much."""
    names = ["lock-2", "lock-3", "lock-5", "lock-6", "lock-7", "lock-8", "lock-10"]
    pairs = "".join(f"      {name}:\n      {name.replace('lock', 'door')}:\n" for name in names)
    head = "version: 1\nsite: s\ndevices:\n  b:\n    board: box-esp32s3\n    components:\n"
    motor = "      lock-1: {role: lock-9}\n      door-1:\n"
    assert load_site(write(tmp_path, head + motor + pairs))
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, head + motor + pairs + "      lock-4:\n      door-4:\n"))
    (problem,) = caught.value.problems
    assert problem.field == "devices.b.components.lock-4"
    assert "too many locks: esp32s3 has 4 RMT channels" in problem.message


def test_settings_of_the_site_must_fit_every_board_that_follows_them(tmp_path: Path) -> None:
    text = (
        "version: 1\nsite: s\ndefaults:\n  sleep: {every_s: 15}\ndevices:\n"
        "  b: {board: field-esp32c3-battery, components: {court-1: }}\n"
    )
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (4, "defaults.sleep.awake_s")
