"""Orders that change a part of the configuration, and a board's files as they are before."""

import json

from sportbox.core.lock import Order

from tests.firmware import renewal_case
from tests.firmware.renewal_case import SECRET

CONFIG = {
    "version": 1,
    "site": "s",
    "device": "box-1",
    "hash": "0123456789ab",
    "telemetry_s": 30,
    "log_level": "info",
    "broker": {"host": "old.example", "port": 8883, "tls": {"name": "broker.example"}},
    "ntp": {"host": "ntp.example", "port": 123},
    "mqtt": {"keepalive_s": 30, "window": 8},
    "outbox": {"batch_ms": 1000},
}
SECRETS = {"wifi": {"ssid": "old", "password": "old password"}, "keys": {"ops-1": {"role": "ops", "k": "00"}}}
CHANGE = {"telemetry_s": 5, "broker": {"host": "new.example"}}
WIFI = {"wifi": {"ssid": "new", "password": "new password"}}


def files():
    found = renewal_case.files("o")
    found["/config.json"] = json.dumps(CONFIG).encode()
    found["/secrets.json"] = json.dumps(SECRETS).encode()
    return found


def sealed(content, secret=SECRET):
    return renewal_case.seal(json.dumps(content).encode(), secret)


def order(change=None, secrets=None, component="device", **args):
    if change is not None:
        args["set"] = change
    if secrets is not None:
        args["set_sealed"] = sealed(secrets)
    made = Order("jti-1", "", "configure", component, args)
    made.secret = SECRET
    return made


class Desk:
    def __init__(self):
        self.finals = []

    def final(self, order, result, reason):
        self.finals.append((order.jti, result, reason))


class App:
    """What a change is taken by."""

    restart_at_ms = None
    is_busy = False
    update = slots = receiver = None
    config = {"components": {"lock-1": {}}}

    def __init__(self):
        self.desk = Desk()
        self.box = self.uptime = self

    def ms(self):
        return 1000

    def busy(self):
        return self.is_busy
