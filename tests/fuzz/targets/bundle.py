"""A bundle of an update on its way in. Input: what is given piece by piece, each as long as is asked for;
with a `k` in front it is what flash already holds instead, with an `s` it is the manifest of a bundle that is
sound otherwise.

Nothing counts that does not fit its digest, `take` keeps nothing beyond what was ordered, and after all that
the right bundle still comes in.
"""

import binascii
import hashlib
import json

from sportbox.store import record, slots
from sportbox.store.bundle import Incoming

from tests.firmware import bundle_case
from tests.fuzz import place

_REASONS = ("", "block", "board", "micropython", "downgrade", "space")
_GOOD = bundle_case.bundle(content=bundle_case.packed(2100))
_SHORT = bundle_case.bundle(content=bundle_case.packed(40))

SEEDS = [
    b"p" + _GOOD,
    b"p" + _SHORT,
    b"k" + _GOOD[:1800],
    b"k" + _SHORT,
    b"s" + json.dumps(bundle_case.manifest()).encode() + b"\n",
    b"s" + json.dumps(bundle_case.manifest(version="0.0.1", flash=10**9)).encode() + b"\n",
    b"s" + json.dumps(bundle_case.manifest(micropython={"first": "1.30.0", "below": "1.31.0"})).encode(),
]


def one(data):
    base = place.fresh()
    how, content = data[:1], data[1:]
    if how == b"s":
        content = bundle_case.bundle(content=bundle_case.packed(40), line=content[:1500])
    order = bundle_case.sha256(content)
    if how == b"k":
        record.make_dir(base + slots.FOLDER)
        place.write(base + slots.BUNDLE, content)
        order, content = bundle_case.sha256(_GOOD), _GOOD[:3000]
    incoming = Incoming(order, len(_GOOD) if how == b"k" else len(content), base)
    give(incoming, content, base)
    check_good(base)


def give(incoming, content, base):
    size = incoming._size
    for _ in range(40):
        wanted = incoming.wanted()
        if wanted is None:
            break
        at, count = wanted
        assert 0 <= at < size and 0 < count <= 1024 and at + count <= size, wanted
        piece = memoryview(content)[at : at + count]
        assert incoming.take(at + 1, piece) == "" and incoming.take(at, bytes(piece) + b"x") == "block"
        assert incoming.wanted() == (at, count)
        said = incoming.take(at, piece)
        assert said in ("", "block"), said
        kept = place.read(base + slots.BUNDLE)
        assert kept is None or len(kept) <= size, "more than was ordered"
        if said:
            break
        check_piece(incoming, at, content)
    if incoming.manifest is not None:
        reason = incoming.refusal("sim", "1.29.0", "0.1.0", False)
        assert reason in _REASONS, reason
    if incoming.wanted() is None and size:
        check_whole(incoming, base)


def check_piece(incoming, at, content):
    """What it took lies behind a head whose digest fits, or is a part of it."""
    if incoming.manifest is None:
        return
    start = incoming._start
    assert hashlib.sha256(content[:16] + content[48:start]).digest() == content[16:48] or at < start


def check_whole(incoming, base):
    for _ in range(40):
        outcome = incoming.hash_step()
        if outcome is not None:
            break
    assert outcome in ("", "hash"), outcome
    kept = place.read(base + slots.BUNDLE) or b""
    right = binascii.hexlify(hashlib.sha256(kept).digest()).decode() == incoming._sha256
    assert (outcome == "") == right, "another digest than it is"


def check_good(base):
    """As an order for another bundle finds it: slots.clear, then piece by piece."""
    slots.clear(base)
    incoming = Incoming(bundle_case.sha256(_GOOD), len(_GOOD), base)
    bundle_case.give(incoming, _GOOD)
    assert incoming.wanted() is None and bundle_case.whole(incoming) == ""
