"""New secrets on their way in. Input: `a`, then the arguments of a part as JSON; `n`, then what is said to be
sealed; `p`, then the whole as it is put together from parts that are right in themselves.

The board starts with what it had, or with all that was sent; and the next renewal comes in.
"""

import json

from sportbox.core.lock import Order
from sportbox.store import renewal
from sportbox.system import receiving
from sportbox.system.receiving import Receiver

from tests.firmware import renewal_case
from tests.fuzz import place

_OLD, _NEW = renewal_case.files("o"), renewal_case.files("n")
_SMALL = {path: data[:40] for path, data in _NEW.items() if path not in renewal.NEEDED}
_SMALL["/config.json"] = b'{"version":1}'
_SMALL["/secrets.json"] = b"{}"
_BLOB = renewal_case.pack(_SMALL)

SEEDS = [
    b"a" + json.dumps(renewal_case.order(_BLOB, 0).args["renew"]).encode(),
    b"a" + json.dumps({"part": 1, "of": 2, "id": "0" * 64, "sealed": ""}).encode(),
    b"n" + renewal_case.seal(_BLOB[:512]).encode(),
    b"p" + _BLOB,
    b"p" + renewal_case.pack({"/config.json": b"{}", "/secrets.json": b"{}"}),
    b"p" + b'{"files":{"/config.json":2,"/secrets.json":2,"/boot.py":4}}\n{}{}evil',
    b"p" + b'{"files":{"/config.json":2,"/secrets.json":2,"/certs/ca.der":-2}}\n{}',
]


class _NoHurry:
    """`gc`: a whole collection for each part would take CPython most of the time."""

    @staticmethod
    def collect():
        pass


def one(data):
    receiving.gc = _NoHurry
    base = place.fresh()
    renewal_case.put(base, _OLD)
    receiver = Receiver(base)
    how, text = data[:1], data[1:]
    if how == b"p":
        blob = text[: 512 * 47]
        ready = bool(blob) and renewal_case.receive(receiver, blob)[-1] == ("trial", None)
    else:
        ready = order(receiver, how, text)
    assert place.read(base + "/boot.py") is None and place.read(base + "/next/boot.py") is None
    used, _ = renewal_case.boot(base, "broker")
    if ready:
        check_whole(used, text)
        return
    assert used == _OLD, "changed by what was refused"
    check_good(base)


def order(receiver, how, text):
    """Whether one order was the last part of something."""
    try:
        args = (
            {"part": 0, "of": 2, "id": "0" * 64, "sealed": text.decode()} if how == b"n" else json.loads(text)
        )
    except (ValueError, RuntimeError):
        return False
    reason = receiver.refusal(args)
    assert reason in ("", "malformed"), reason
    if reason:
        return False
    made = Order("jti-1", "", "configure", "", {"renew": args})
    made.secret = renewal_case.SECRET
    outcome = receiver.take(made)
    assert outcome in (("done", None), ("failed", "damaged"), ("failed", "order"), ("trial", None)), outcome
    return outcome[0] == "trial"


def check_whole(used, text):
    """Each file stands in what came, or is the old one."""
    for path, content in used.items():
        assert content in text or content == _OLD[path], path
    assert all(path in used for path in renewal.NEEDED)


def check_good(base):
    receiver = Receiver(base)
    assert renewal_case.receive(receiver, renewal_case.pack(_NEW))[-1] == ("trial", None)
    used, _ = renewal_case.boot(base, "broker")
    assert used == _NEW, "the next renewal does not come in"
