"""What `sportbox configure` makes of K=V, and what it says of what cannot be."""

import base64
import json
from typing import Any

import pytest

from host_tools.errors import BadInput
from host_tools.site.load import load_site
from host_tools.site.renew.blob import unseal
from host_tools.site.resolve import config_hash, device_config
from host_tools.site.setting import PLACES, changed, declared, read_change
from tests.host.helpers import ROSTOCK

KEY = bytes(range(32))


def opened(args: dict[str, Any]) -> Any:
    text = args["set_sealed"]
    return json.loads(unseal(KEY, base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def test_the_changed_part_alone() -> None:
    change = read_change(["telemetry_s=30", "broker.port=8883", "mqtt.window=4", "outbox.batch_ms=0"])
    assert change.names == {"telemetry_s": 30, "broker.port": 8883, "window": 4, "batch_ms": 0}
    part = {"telemetry_s": 30, "broker": {"port": 8883}, "mqtt": {"window": 4}, "outbox": {"batch_ms": 0}}
    assert change.args(KEY, None) == {"set": part}
    assert change.args(KEY, "ba9876543210") == {"set": {**part, "hash": "ba9876543210"}}


def test_wifi_goes_sealed() -> None:
    change = read_change(["wifi.ssid=halle", "log_level=debug"], "a new password")
    args = change.args(KEY, None)
    assert args["set"] == {"log_level": "debug"}
    assert opened(args) == {"wifi": {"ssid": "halle", "password": "a new password"}}
    assert "password" not in repr(change)
    assert set(read_change([], "a new password").args(KEY, None)) == {"set_sealed"}


def test_the_whole_afterwards_has_the_hash_of_a_site_file_that_says_so() -> None:
    site = load_site(ROSTOCK)
    before = device_config(site, "box-1")
    after = changed(before, read_change(["keepalive_s=61", "ntp.host=ntp.example"]))
    assert after["hash"] == config_hash(after) != before["hash"]
    assert after["mqtt"] == {**before["mqtt"], "keepalive_s": 61}
    assert after["ntp"] == {**before["ntp"], "host": "ntp.example"}
    old = [f"keepalive_s={before['mqtt']['keepalive_s']}", f"ntp.host={site.ntp.host}"]
    assert changed(after, read_change(old)) == before


def test_what_the_site_file_says_of_each() -> None:
    site = load_site(ROSTOCK)
    config = device_config(site, "box-1")
    for name, place in PLACES.items():
        if name != "wifi.ssid":
            expected: Any = config
            for part in place.path:
                expected = expected[part]
            assert declared(site, "box-1", name) == expected, name
    assert declared(site, "box-1", "wifi.ssid") == site.network_of("box-1").ssid


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["telemetry_s=0"], "telemetry_s: `0` is not between 1 and 86400"),
        (["telemetry_s=86401"], "between 1 and 86400"),
        (["telemetry_s=1.5"], "`1.5` is not between"),
        (["telemetry_s=true"], "`true` is not between"),
        (["log_level=loud"], "is not one of `debug`"),
        (["broker.port="], "broker.port: `` is not between 1 and 65535"),
        (["broker.host=a b"], "is not a host name or an IP address"),
        (["broker.host=" + "a" * 254], "is not a host name"),
        (["wifi.ssid="], "is not a text of 1 to 32"),
        (["wifi.ssid=" + "a" * 33], "is not a text of 1 to 32"),
        (["telemetry"], "is not K=V"),
        (["=1"], "is not K=V"),
        (["telemetri_s=1"], "did you mean `telemetry_s`?"),
        (["broker.tls=false"], "cannot be changed by order"),
        (["window=1", "mqtt.window=2"], "`window` is given twice"),
        (["wifi.password=12345678"], "is not given here"),
        ([], "nothing is to be changed"),
        (["x\x1b[31m=1"], "x\\x1b[31m"),
    ],
)
def test_what_cannot_be(pairs: list[str], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_change(pairs)
    assert words in caught.value.message
    assert "12345678" not in str(caught.value)
