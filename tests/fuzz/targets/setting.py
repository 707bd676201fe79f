"""Orders that change a part of the configuration: their arguments as JSON, with an `s` in front; a `z` makes
it what is sealed for the board (what only a holder of the key can do), an `n` what is said to be sealed.

What is refused changes nothing. What is taken is within the limits, and the board starts with it.
"""

import json

from sportbox.core.lock import Order
from sportbox.store import renewal
from sportbox.system import setting

from tests.firmware import renewal_case, setting_case
from tests.fuzz import place

_BEFORE = setting_case.files()
_NUMBERS = (1, 16777216)  # below and above all limits

SEEDS = [
    b"s" + json.dumps({"set": setting_case.CHANGE}).encode(),
    b"s" + json.dumps({"set": {"mqtt": {"window": 4, "packet_max": 4096}, "log_level": "debug"}}).encode(),
    b"s" + json.dumps({"set": {"outbox": {"ordinary_bytes": 8192}, "hash": "0123456789ab"}}).encode(),
    b"s" + json.dumps({"set": {"telemetry_s": True, "mqtt": {"window": True}}}).encode(),
    b"s" + json.dumps({"set": {}, "set_sealed": "AAAA"}).encode(),
    b"z" + json.dumps(setting_case.WIFI).encode(),
    b"z" + json.dumps({"wifi": {"ssid": "x", "password": ""}}).encode(),
    b"n" + renewal_case.seal(json.dumps(setting_case.WIFI).encode()).encode(),
]


def one(data):
    args = arguments(data)
    if args is None:
        return
    base = place.fresh()
    renewal_case.put(base, _BEFORE)
    app = setting_case.App()
    order = Order("jti-1", "", "configure", "device", args)
    order.secret = renewal_case.SECRET
    reason = setting.refusal(app, order, base)
    assert reason in ("", "malformed"), reason
    if reason:
        assert renewal_case.get(base) == _BEFORE and place.read(base + renewal.READY) is None
        return
    setting.take(app, order, base)
    assert not app.desk.finals and app.restart_at_ms
    used, _ = renewal_case.boot(base, "broker")
    for path, content in used.items():
        if path in ("/config.json", "/secrets.json"):
            check_file(json.loads(content), json.loads(_BEFORE[path]))
        else:
            assert content == _BEFORE[path]


def arguments(data):
    """None where the token would have been refused."""
    how, text = data[:1], data[1:]
    if how == b"z":
        return {"set_sealed": renewal_case.seal(text)}
    try:
        if how == b"n":
            return {"set_sealed": text.decode()}
        found = json.loads(text)
    except (ValueError, RuntimeError):  # UnicodeError is one
        return None
    return found if isinstance(found, dict) and ("set" in found or "set_sealed" in found) else None


def check_file(after, before):
    """No field comes or goes but those of a group; none is of another kind."""
    for name, value in before.items():
        assert type(after[name]) is type(value), name
        if isinstance(value, dict) and name not in ("mqtt", "outbox", "keys"):
            check_file(after[name], value)
    for name, value in after.items():
        assert name in before
        for inner in value.values() if isinstance(value, dict) and name in ("mqtt", "outbox") else ():
            assert type(inner) is int and 0 <= inner < _NUMBERS[1]
