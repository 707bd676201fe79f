"""Packets on `update/data` while a bundle comes. Input: how many pieces came well before (its lowest three
bits), what is put right (topic, prefix; the bits above), then the packet behind its two bytes of topic
length.

Whatever comes, the update goes on: with the right pieces it is whole in the end.
"""

import hashlib
import struct

from sportbox.store import slots
from sportbox.store.bundle import Incoming
from sportbox.system import pulling

from tests.firmware import bundle_case, update_case
from tests.fuzz import place

_DATA = bundle_case.bundle(content=bundle_case.packed(3100))
_OTHER = bundle_case.bundle(content=bundle_case.packed(3100, 1))  # whole, and of another order
_SHA256 = bundle_case.sha256(_DATA)
_HEAD = hashlib.sha256(_DATA).digest()[:8]
_TOPIC = b"sportbox/v1/s/b/update/data"
_TOPIC_RIGHT, _PREFIX_RIGHT, _AGAIN = 8, 16, 32
_START = bundle_case.start_of(_DATA)


def _piece(at, size):
    return struct.pack("<I", at) + _DATA[at : at + size]


SEEDS = [
    bytes([1 | _TOPIC_RIGHT | _PREFIX_RIGHT]) + _DATA[_START : _START + 1024],
    bytes([0 | _TOPIC_RIGHT | _PREFIX_RIGHT]) + _DATA[:_START],
    bytes([2 | _TOPIC_RIGHT | _AGAIN]) + _HEAD + _piece(_START, 1024),
    bytes([1 | _TOPIC_RIGHT]) + _HEAD + _piece(_START, 1024),
    bytes([7]) + _TOPIC + b"\x00\x07" + _HEAD + _piece(0, 20),
    bytes([3 | _TOPIC_RIGHT]) + b"",
    bytes([0 | _TOPIC_RIGHT]) + bytes(8) + struct.pack("<I", 0) + _OTHER[:1024],
]


class Pulled:
    """A board with an update on its way, from the start of its record."""

    def __init__(self, base):
        slots.write({"slot": "a", "spare": False, "fell": "", "update": None}, base)
        pulling.sys = update_case.Played(implementation=update_case.Played(version=(1, 29, 0)))
        pulling.forget = lambda *names: None
        self.box = update_case.Box(base)
        self.pull = pulling.Pull(self.box, {"sha256": _SHA256, "size": len(_DATA), "down": False}, base)
        self.box.app.update = self.pull
        self.incoming = self.pull._incoming
        self.pull.tick(1000)

    def comes(self, topic, payload):
        packet = b"\x32\x80\x08" + struct.pack(">H", len(topic)) + topic + b"\x00\x07" + payload
        return self.pull.takes(memoryview(packet), 3, len(packet) - len(payload))

    def serve(self, pieces):
        for _ in range(pieces):
            wanted = self.incoming.wanted()
            if wanted is None:
                return
            assert self.comes(_TOPIC, _HEAD + _piece(*wanted))


def one(data):
    if not data:
        return
    base = place.fresh()
    pulled = Pulled(base)
    options, body = data[0], data[1:2049]
    pulled.serve(options & 7)
    wanted = pulled.incoming.wanted()
    topic = _TOPIC if options & _TOPIC_RIGHT else body[: min(len(body), 40)]
    payload = body if options & _TOPIC_RIGHT else body[40:]
    if options & _PREFIX_RIGHT:
        payload = _HEAD + struct.pack("<I", wanted[0] if wanted else 0) + payload
    for _ in range(2 if options & _AGAIN else 1):
        assert pulled.comes(topic, payload) == (topic == _TOPIC)
    kept = place.read(base + slots.BUNDLE) or b""
    assert kept == _DATA[: len(kept)], "kept what is not of the bundle"
    if pulled.incoming.wanted() is not None:
        pulled.box.now_ms += 6000
        pulled.pull.tick(pulled.box.now_ms)
        pulled.serve(8)
    assert pulled.incoming.wanted() is None and not pulled.pull._failed, pulled.pull._failed
    assert bundle_case.whole(pulled.incoming) == ""
    assert Incoming(_SHA256, len(_DATA), base).wanted() is None
