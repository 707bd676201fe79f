"""What the firmware reads of each kind of component: one golden configuration a kind."""

from pathlib import Path
from typing import Any

import pytest

from host_tools.errors import BadInput
from host_tools.site.kinds import KINDS, kind_of
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config, device_secrets
from tests.host.helpers import SITES, WARNEMUENDE, write

DOOR = {
    "kind": "door",
    "lock": None,
    "closed_level": 0,
    "debounce_ms": 50,
    "ajar_ms": 60_000,
    "ajar_alarm_ms": 300_000,
    "release": None,
    "inside": None,
}
BUDGET = {
    "release_ms": 10_000,
    "duty_ms": 48_000,
    "duty_window_ms": 60_000,
    "supply": "main",
    "can_stop": True,
}
COURT = {
    "kind": "occupancy",
    "hold_ms": 5_000,
    "stuck_ms": 1_800_000,
    "silent_ms": 5_000,
    "pir": None,
    "radar": None,
    "tof": None,
    "gate": None,
}


def config_of(folder: Path, board: str, components: str, more: str = "") -> dict[str, Any]:
    """/config.json of a board with these components, which are lines of YAML."""
    lines = "".join(f"      {line}\n" for line in components.splitlines())
    text = f"version: 1\nsite: s\ndevices:\n  b:\n    board: {board}\n{more}    components:\n{lines}"
    return device_config(load_site(write(folder, text)), "b")


def components_of(folder: Path, board: str, components: str) -> dict[str, Any]:
    found: dict[str, Any] = config_of(folder, board, components)["components"]
    return found


def test_a_strike_with_a_latch_contact(tmp_path: Path) -> None:
    parts = components_of(tmp_path, "sim", "lock-10: {supply: side}\ndoor-10:")
    assert parts["lock-10"] == {
        "kind": "lock",
        "door": "door-10",
        "actuator": "strike",
        "pin": 32,
        "latch": {"pin": 33, "active": 0},
        **BUDGET,
        "supply": "side",
    }
    assert parts["door-10"] == {**DOOR, "lock": "lock-10", "pin": 35}


def test_a_motor_lock_with_everything_at_its_door(tmp_path: Path) -> None:
    text = "lock-1: {role: lock-9, run_ms: 2500}\ndoor-1: {ajar_alarm_ms: 90000}\n"
    text += "release-1:\ninside-1:\ntamper-1:"
    parts = components_of(tmp_path, "box-esp32s3", text)
    assert parts == {
        "lock-1": {
            "kind": "lock",
            "door": "door-1",
            "actuator": "motor",
            "pin": 11,
            "direction": 12,
            "lock_level": 1,
            "locked": {"pin": 13, "active": 0},
            "unlocked": {"pin": 8, "active": 0},
            "run_ms": 2_500,
            **BUDGET,
        },
        "door-1": {
            **DOOR,
            "lock": "lock-1",
            "pin": 15,
            "ajar_alarm_ms": 90_000,
            "release": "release-1",
            "inside": "inside-1",
        },
        "release-1": {"kind": "release", "door": "door-1", "pin": 39, "active": 1},
        "inside-1": {
            "kind": "inside",
            "door": "door-1",
            "pin": 18,
            "active": 1,
            "hold_ms": 30_000,
            "stuck_ms": 1_800_000,
        },
        "tamper-1": {"kind": "tamper", "pin": 76, "closed_level": 0},
    }


def test_strikes_and_contacts_on_the_expander_have_pins_from_64(tmp_path: Path) -> None:
    config = config_of(tmp_path, "box-esp32s3", "lock-5:\ndoor-5:\nlock-10:\ndoor-10:")
    parts = config["components"]
    assert [parts[name]["pin"] for name in ("lock-5", "door-5", "lock-10", "door-10")] == [64, 72, 68, 77]
    assert config["expander"] == {"address": 0x20, "interrupt": 40, "enable": 47}


def test_a_latch_contact_on_the_expander(tmp_path: Path) -> None:
    lock = components_of(tmp_path, "sim", "lock-15:\ndoor-15:")["lock-15"]
    assert (lock["pin"], lock["latch"]) == (68, {"pin": 77, "active": 0})


def test_the_classic_esp32_cannot_end_a_pulse_early(tmp_path: Path) -> None:
    config = config_of(tmp_path, "box-esp32", "lock-1:\ndoor-1:\nlock-2:\ndoor-2:")
    assert config["chip"] == "esp32"
    assert [config["components"][name]["can_stop"] for name in ("lock-1", "lock-2")] == [False, False]


def test_eight_locks_on_each_box(tmp_path: Path) -> None:
    names = {
        "box-esp32": [str(number) for number in range(1, 9)],
        "box-esp32s3": ["2", "3", "5", "6", "7", "8", "10"],
    }
    for board, numbers in names.items():
        lines = [f"lock-{number}:\ndoor-{number}:" for number in numbers]
        if board == "box-esp32s3":
            lines.append("lock-1: {role: lock-9}\ndoor-1:")
        parts = components_of(tmp_path, board, "\n".join(lines))
        assert sum(facts["kind"] == "lock" for facts in parts.values()) == 8


def test_a_wiegand_keypad(tmp_path: Path) -> None:
    text = (
        "lock-2:\ndoor-2:\nlock-3:\ndoor-3:\nkeypad-1: {opens: [lock-2, lock-3], slot_s: 1800, "
        'open_from: "08:30", open_to: "22:00", days: [sun, mon]}'
    )
    config = config_of(tmp_path, "box-esp32s3", text)
    assert config["components"]["keypad-1"] == {
        "kind": "keypad",
        "reader": "wiegand",
        "d0": 1,
        "d1": 2,
        "opens": ["lock-2", "lock-3"],
        "slot_s": 1_800,
        "open_from_s": 30_600,
        "open_to_s": 79_200,
        "days": [0, 6],
    }
    assert config["rtc"] == {"chip": "ds3231"}
    assert config["utc_offsets"][:2] == [[1_735_689_600, 3_600], [1_743_296_400, 7_200]]


def test_a_matrix_keypad_with_pins_of_the_site_file(tmp_path: Path) -> None:
    """The one that boards/box-esp32/README.md names."""
    text = (
        "lock-4:\ndoor-4:\nlock-5:\ndoor-5:\n"
        "keypad-1: {rows: [18, 19, 25, 26], columns: [14, 27, 32, 34], opens: [lock-4, lock-5]}"
    )
    keypad = components_of(tmp_path, "box-esp32", text)["keypad-1"]
    assert keypad["reader"] == "matrix"
    assert (keypad["rows"], keypad["columns"]) == ([18, 19, 25, 26], [14, 27, 32, 34])
    assert (keypad["open_from_s"], keypad["open_to_s"], keypad["days"]) == (0, 86_400, list(range(7)))


def test_a_site_without_keypads_has_no_codes_and_no_local_time(tmp_path: Path) -> None:
    site = load_site(
        write(tmp_path, "version: 1\nsite: s\ndevices:\n  b: {board: sim, components: {door-1: }}\n")
    )
    assert "utc_offsets" not in device_config(site, "b")
    assert "codes" not in device_secrets(site, "b", bytes(32))


def test_keys_of_the_codes_are_20_bytes_a_lock() -> None:
    site = load_site(WARNEMUENDE)
    codes = device_secrets(site, "box-1", bytes(32))["codes"]
    assert list(codes) == ["lock-2", "lock-3", "lock-5", "lock-6"]
    assert {len(bytes.fromhex(key)) for key in codes.values()} == {20}
    assert len(set(codes.values())) == 4


def test_a_gate(tmp_path: Path) -> None:
    assert components_of(tmp_path, "box-esp32s3", "gate-1: {empty_ms: 7200000}") == {
        "gate-1": {
            "kind": "gate",
            "pins": [9, 10],
            "blocked_level": 1,
            "stuck_ms": 10_000,
            "empty_ms": 7_200_000,
        }
    }


def test_a_court_has_its_motion_sensor_by_default(tmp_path: Path) -> None:
    config = config_of(tmp_path, "field-esp32c3", "court-1:")
    assert config["components"] == {"court-1": {**COURT, "pir": {"pin": 4, "active": 1}}}
    assert config["i2c"] is None, "the pins of the bus are the gate's where nothing needs the bus"


def test_a_court_with_a_radar_and_a_gate(tmp_path: Path) -> None:
    config = config_of(tmp_path, "field-esp32c3", "court-3: {sensors: [court-2, radar-1, gate-1]}\ngate-1:")
    assert config["components"]["court-3"] == {
        **COURT,
        "pir": {"pin": 5, "active": 1},
        "radar": {"uart": 1, "rx": 0, "tx": 1},
        "gate": "gate-1",
    }


def test_a_court_with_a_distance_sensor_alone(tmp_path: Path) -> None:
    config = config_of(tmp_path, "field-esp32c3", "court-1: {sensors: [tof-1], near_mm: 1200}")
    tof = {"xshut": 3, "address": 0x30, "near_mm": 1_200}
    assert config["components"]["court-1"] == {**COURT, "tof": tof}
    assert config["i2c"] == {"sda": 6, "scl": 7, "hz": 400_000}


def test_two_distance_sensors_have_addresses_of_their_own(tmp_path: Path) -> None:
    text = "court-1: {sensors: [court-1, tof-1]}\ncourt-2: {sensors: [court-2, tof-2]}"
    parts = components_of(tmp_path, "sim", text)
    assert [parts[name]["tof"]["address"] for name in parts] == [0x30, 0x31]


def test_power_is_the_boards_with_the_settings_of_the_device(tmp_path: Path) -> None:
    settings = (
        "    settings: {battery: {low_mv: 3200, critical_mv: 3050, ok_mv: 3300}, sleep: {every_s: 600}}\n"
    )
    config = config_of(tmp_path, "field-esp32c3-battery", "court-1:", settings)
    assert config["power"] == {
        "source": "battery",
        "battery": {
            "pin": 3,
            "ratio_permille": 2_000,
            "low_mv": 3_200,
            "critical_mv": 3_050,
            "ok_mv": 3_300,
        },
        "solar": {"pin": 0, "ratio_permille": 4_000},
        "sleep": {"every_s": 600, "awake_s": 20, "hold_s": 30},
    }


def test_power_settings_of_the_site_are_for_boards_that_have_a_battery(tmp_path: Path) -> None:
    text = (
        "version: 1\nsite: s\ndefaults: {sleep: {hold_s: 60}}\ndevices:\n"
        "  a: {board: field-esp32c3-battery, components: {court-1: }}\n"
        "  b: {board: field-esp32c3, components: {court-1: }}\n"
    )
    site = load_site(write(tmp_path, text))
    assert device_config(site, "a")["power"]["sleep"]["hold_s"] == 60
    assert device_config(site, "b")["power"] is None


@pytest.mark.parametrize("path", sorted(SITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_site_resolves(path: Path) -> None:
    site = load_site(path)
    for device in site.devices:
        config = device_config(site, device)
        for name, facts in config["components"].items():
            assert facts["kind"] == kind_of(name)


def test_the_complete_site_shows_every_kind() -> None:
    site = load_site(WARNEMUENDE)
    shown = {name.partition("-")[0] for device in site.devices.values() for name in device.components}
    assert shown == set(KINDS)


def test_what_the_check_would_refuse_is_refused_here_too(tmp_path: Path) -> None:
    good = load_site(
        write(tmp_path, "version: 1\nsite: s\ndevices:\n  b: {board: sim, components: {door-1: }}\n")
    )
    device = good.devices["b"].model_copy(update={"board": "field-esp32c3"})
    with pytest.raises(BadInput, match="no socket `door-1`"):
        device_config(good.model_copy(update={"devices": {"b": device}}), "b")
