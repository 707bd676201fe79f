"""What a board gets to read: configuration and keys."""

import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.errors import BadInput
from host_tools.site.keys import KeyName, key_id, read_key_id
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.resolve import config_hash, device_config, device_secrets
from tests.host.helpers import GOOD, ROOT, ROSTOCK, changed, write

MASTER = bytes(range(32))


def load(folder: Path, text: str = GOOD) -> Site:
    return load_site(write(folder, text))


def test_the_whole_configuration_of_a_box(tmp_path: Path) -> None:
    config = device_config(load(tmp_path), "box-1")
    digits = config.pop("hash")
    assert config == {
        "version": 1,
        "site": "test-site",
        "device": "box-1",
        "board": "box-esp32s3",
        "chip": "esp32s3",
        "broker": {"host": "127.0.0.1", "port": 1883},
        "ntp": {"host": "pool.ntp.org", "port": 123},
        "mqtt": {
            "keepalive_s": 30,
            "connect_ms": 5000,
            "ack_ms": 5000,
            "backoff_cap_ms": 4000,
            "window": 8,
            "packet_max": 2048,
        },
        "telemetry_s": 30,
        "outbox": {"ordinary_bytes": 49152, "reserve_bytes": 16384, "batch_ms": 1000},
        "log_level": "info",
        "led": {"pin": 21, "active": 1},
        "buzzer": {"pin": 48, "active": 1},
        "i2c": {"sda": 41, "scl": 42, "hz": 400_000},
        "expander": {"address": 0x20, "interrupt": 40, "enable": 47},
        "rtc": {"chip": "ds3231"},
        "power": None,
        "components": {
            "lock-1": {
                "kind": "lock",
                "door": "door-1",
                "actuator": "strike",
                "pin": 4,
                "latch": None,
                "release_ms": 5000,
                "duty_ms": 48000,
                "duty_window_ms": 60000,
                "supply": "main",
                "can_stop": True,
            },
            "door-1": {
                "kind": "door",
                "lock": "lock-1",
                "pin": 15,
                "closed_level": 0,
                "debounce_ms": 50,
                "ajar_ms": 60000,
                "ajar_alarm_ms": 300_000,
                "release": None,
                "inside": None,
            },
            "gate-1": {
                "kind": "gate",
                "pins": [9, 10],
                "blocked_level": 1,
                "stuck_ms": 10_000,
                "empty_ms": 21_600_000,
            },
        },
    }
    assert digits == config_hash(config)
    assert len(digits) == 12
    assert set(digits) <= set("0123456789abcdef")


def test_a_court(tmp_path: Path) -> None:
    assert device_config(load(tmp_path), "court-1")["components"] == {
        "court-1": {
            "kind": "occupancy",
            "hold_ms": 5000,
            "stuck_ms": 1_800_000,
            "silent_ms": 5000,
            "pir": {"pin": 4, "active": 1},
            "radar": None,
            "tof": None,
            "gate": None,
        }
    }


def test_a_role_is_a_socket_of_the_board() -> None:
    site = load_site(ROSTOCK)
    pins = {
        name: device_config(site, name)["components"][name]["pir"]["pin"]
        for name in ("court-1", "court-2", "court-3")
    }
    assert pins == {"court-1": 4, "court-2": 4, "court-3": 4}


def test_pins_and_levels_of_the_site_file_win(tmp_path: Path) -> None:
    text = changed("{ajar_ms: 60000}", "{pin: 11, closed_level: 1}")
    text = changed("gate-1:", "gate-1: {pins: [12, 13], blocked_level: 0}", text)
    parts = device_config(load(tmp_path, text), "box-1")["components"]
    assert (parts["door-1"]["pin"], parts["door-1"]["closed_level"]) == (11, 1)
    assert (parts["gate-1"]["pins"], parts["gate-1"]["blocked_level"]) == ([12, 13], 0)


def test_a_door_without_a_lock(tmp_path: Path) -> None:
    text = changed("      lock-1: {release_ms: 5000}\n", "")
    assert device_config(load(tmp_path, text), "box-1")["components"]["door-1"]["lock"] is None


def test_settings_of_a_device_change_single_values_of_the_defaults(tmp_path: Path) -> None:
    text = changed("  telemetry_s: 30", "  telemetry_s: 60\n  keepalive_s: 90")
    text = changed(
        "    board: field-esp32c3", "    board: field-esp32c3\n    settings: {keepalive_s: 20}", text
    )
    site = load(tmp_path, text)
    box, court = device_config(site, "box-1"), device_config(site, "court-1")
    assert (box["telemetry_s"], box["mqtt"]["keepalive_s"]) == (60, 90)
    assert (court["telemetry_s"], court["mqtt"]["keepalive_s"]) == (60, 20)


def test_timings_come_from_the_site_then_the_board_then_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "boards" / "mine"
    folder.mkdir(parents=True)
    (folder / "board.toml").write_text(
        '[board]\nname = "mine"\ntitle = "Mine"\nchip = "esp32s3"\nflash_mib = 4\nmicropython = "X"\n'
        "[pins]\nlock-1 = 4\ndoor-1 = 5\n[timings.lock]\nrelease_ms = 3000\nduty_ms = 30000\n"
    )
    monkeypatch.setenv("SPORTBOX_BOARDS", str(tmp_path / "boards"))
    text = (
        "version: 1\nsite: s\ndevices:\n  b:\n    board: mine\n    components:\n"
        "      lock-1: {duty_ms: 20000}\n      door-1:\n"
    )
    config = device_config(load(tmp_path, text), "b")
    lock = config["components"]["lock-1"]
    assert (lock["release_ms"], lock["duty_ms"], lock["duty_window_ms"]) == (3000, 20000, 60000)
    assert config["led"] is None


def test_a_simulation_puts_in_its_own_addresses(tmp_path: Path) -> None:
    site = load(tmp_path)
    config = device_config(site, "box-1", broker=("127.0.0.1", 40000), ntp=("127.0.0.1", 40001))
    assert config["broker"] == {"host": "127.0.0.1", "port": 40000}
    assert config["ntp"] == {"host": "127.0.0.1", "port": 40001}


def test_the_hash_names_the_configuration_and_nothing_else(tmp_path: Path) -> None:
    first = device_config(load(tmp_path), "box-1")
    # the order of the fields and the names for people do not count, settings do
    retitled = changed("gate-1:", "gate-1: {title: Tor}")
    assert device_config(load(tmp_path, retitled), "box-1")["hash"] == first["hash"]
    assert config_hash(dict(reversed(list(first.items())))) == first["hash"]
    slower = changed("telemetry_s: 30", "telemetry_s: 31")
    assert device_config(load(tmp_path, slower), "box-1")["hash"] != first["hash"]


def test_the_hash_is_the_same_in_another_process(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    program = (
        "import sys, pathlib; from host_tools.site.load import load_site;"
        "from host_tools.site.resolve import device_config;"
        "print(device_config(load_site(pathlib.Path(sys.argv[1])), 'box-1')['hash'])"
    )
    command = [sys.executable, "-c", program, str(path)]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert other.stdout.strip() == device_config(load_site(path), "box-1")["hash"]


def test_a_change_of_the_samples_hash_is_noticed() -> None:
    """A changed hash makes every board of a site report a new configuration: it must be meant."""
    config = device_config(load_site(ROSTOCK), "court-3")
    text = json.dumps({k: v for k, v in config.items() if k != "hash"}, sort_keys=True, separators=(",", ":"))
    assert config["hash"] == hashlib.sha256(text.encode()).hexdigest()[:12]


def hkdf(master: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block, written out."""
    extracted = hmac.new(b"sportbox/v1", master, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def test_keys_are_derived_as_the_protocol_says(tmp_path: Path) -> None:
    secrets = device_secrets(load(tmp_path), "box-1", MASTER)
    assert secrets == {
        "wifi": {"ssid": "sportbox", "password": ""},
        "broker": {"user": None, "password": None},
        "keys": {
            "booking-1": {"role": "booking", "k": hkdf(MASTER, b"test-site/box-1/booking/1").hex()},
            "ops-1": {"role": "ops", "k": hkdf(MASTER, b"test-site/box-1/ops/1").hex()},
        },
    }


def test_a_new_key_version_gives_new_keys_under_new_names(tmp_path: Path) -> None:
    old = device_secrets(load(tmp_path), "box-1", MASTER)["keys"]
    text = changed("    board: box-esp32s3", "    board: box-esp32s3\n    key_version: 2")
    new = device_secrets(load(tmp_path, text), "box-1", MASTER)["keys"]
    assert list(new) == ["booking-2", "ops-2"]
    assert not {key["k"] for key in old.values()} & {key["k"] for key in new.values()}


def test_no_two_boards_share_a_key() -> None:
    site = load_site(ROSTOCK)
    keys = [key["k"] for name in site.devices for key in device_secrets(site, name, MASTER)["keys"].values()]
    assert len(set(keys)) == len(keys) == 8


def test_an_unknown_board_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="did you mean `box-1`") as caught:
        device_config(load(tmp_path), "box1")
    assert caught.value.hint is not None
    assert "court-1" in caught.value.hint


def test_the_name_of_a_key_tells_role_version_and_generation() -> None:
    for role, version, generation, kid in (
        ("booking", 1, 1, "booking-1"),
        ("ops", 12, 1, "ops-12"),
        ("ops", 3, 2, "ops-3-g2"),
    ):
        assert key_id(role, version, generation) == kid
        assert read_key_id(kid) == KeyName(role, version, generation)
    for none in ("", "ops", "ops-0x1", "root-1", "ops-1-g1", "ops-01", "ops-1-g", "ops-12345"):
        assert read_key_id(none) is None


def test_hours_are_there_only_where_the_site_file_has_some(tmp_path: Path) -> None:
    text = GOOD.replace(
        "      gate-1:\n", "      lock-2: {opening: [{days: [sun], to: '12:00'}]}\n      door-2:\n"
    )
    plain = device_config(load_site(write(tmp_path, GOOD)), "box-1")
    assert "opening" not in plain["components"]["lock-1"]
    assert not {"alarm_times", "utc_offsets"} & set(plain)
    config = device_config(load_site(write(tmp_path, text)), "box-1")
    assert "opening" not in config["components"]["lock-1"]
    assert config["components"]["lock-2"]["opening"] == 0
    assert config["openings"] == [[0, 43_200, 1 << 6]]
    assert len(config["utc_offsets"]) > 20
    default = text.replace("telemetry_s: 30", "opening: [{from: '22:00', to: '02:00'}]")
    site = load_site(write(tmp_path, default + "alarm_times: [{days: [mon], from: '23:00'}]\n"))
    config = device_config(site, "box-1")
    assert config["components"]["lock-1"]["opening"] == 0
    assert config["components"]["lock-2"]["opening"] == 1
    assert config["openings"] == [[79_200, 7_200, 0b1111111], [0, 43_200, 1 << 6]]
    assert config["alarm_times"] == [82_800, 86_400, 1]
    court = device_config(site, "court-1")
    assert not {"alarm_times", "utc_offsets"} & set(court)
