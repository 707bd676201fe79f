"""Small files as damaged flash gives them back. Input: `r` a record, `s` the record of the slots, `n` that of
a renewal, `u` the replay log; capital letters put the sums of records right, as only a fault in the firmware
would.

The start goes on; a log of used tokens in which a single byte is wrong takes no order until it is reset.
"""

import json
import struct

from sportbox.core.lock import Order
from sportbox.store import record, renewal, slots
from sportbox.store.replay import ReplayLog, Unreadable

from tests.fuzz import place

_PAYLOAD = json.dumps({"slot": "b", "spare": True, "fell": "", "update": None}).encode()
_READY = json.dumps(
    {"state": "trial", "id": "0" * 64, "jti": "j", "boots": 1, "reason": None, "keep": {}}
).encode()


def summed(payload):
    return struct.pack("<I", record.crc32(payload)) + payload


def _line(*fields):
    body = json.dumps(fields).encode()
    return b"%08x " % record.crc32(body) + body + b"\n"


_DIGEST = "00112233445566%02x"
_LOG = b"".join(
    [
        _line("forgot", 100),
        _line("used", _DIGEST % 1, 1795366800),
        _line("order", _DIGEST % 1, "jti-1", "sub", "unlock", "lock-1"),
        _line("final", _DIGEST % 1, "done", None),
        _line("told", _DIGEST % 1),
        _line("used", _DIGEST % 2, 1795366900),
        _line("local", _DIGEST % 2, "jti-2", "", "unlock", "lock-2"),
    ]
)

SEEDS = [
    b"r" + summed(b"content"),
    b"s" + summed(_PAYLOAD),
    b"S" + _PAYLOAD,
    b"n" + summed(_READY),
    b"N" + _READY,
    b"u" + _LOG,
    b"u" + _line("reset", 1795366800) + _line("used", _DIGEST % 3, 1795366800),
]


def one(data):
    base = place.fresh()
    how, content = data[:1], data[1:]
    if how.isupper():
        how, content = how.lower(), summed(content)
    if how == b"r":
        place.write(base + "/record", content)
        try:
            found = record.read(base + "/record")
            assert found is None if not content else content == summed(found)
        except record.Corrupt:
            pass
        record.write(base + "/record", b"good")
        assert record.read(base + "/record") == b"good"
    elif how == b"s":
        check_slots(base, content)
    elif how == b"n":
        record.make_dir(base + renewal.NEXT)
        place.write(base + renewal.READY, content)
        found = renewal.read(base + renewal.READY)
        assert found is None or isinstance(found, dict)
    elif how == b"u":
        check_log(base, content)


def check_slots(base, content):
    place.write(base + slots.PATH, content)
    state = slots.read(base)
    assert sorted(state) == ["fell", "slot", "spare", "update"] and state["slot"] in ("a", "b")
    assert state["spare"] in (True, False)
    state["update"] = None
    slots.write(state, base)
    assert slots.read(base)["slot"] == state["slot"] == slots.running(state)


def check_log(base, content):
    place.write(base + "/replay.log", content)
    log = ReplayLog(base)
    log.open()
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    assert log.readable == all(is_sound(line) for line in lines if line), log.readable
    order = Order("good one", "", "unlock", "lock-1")
    if not log.readable:
        assert not log.answers
        try:
            log.begin(order, 1795370000)
            raise AssertionError("an unreadable log takes an order")
        except Unreadable:
            log.reset(5)
    log.begin(order, 1795370000)
    log.tidy(0)
    again = ReplayLog(base)
    again.open()
    assert again.readable and again.used("good one")


def is_sound(line):
    """One that the log has written: its sum is that of what follows."""
    try:
        return (
            line[-1:] == b"\n"
            and int(line[:8], 16) == record.crc32(line[9:-1])
            and bool(json.loads(line[9:-1]))
        )
    except (ValueError, RuntimeError):
        return False
