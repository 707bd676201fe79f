"""The outbox as damaged flash gives it back. Input: which file (`m` the mark, `o` ordinary events, `u` urgent
ones), then what stands in it; the other ones are sound.

Nothing is made up or comes twice, what is in a sound file is not lost, and new events come after all old
ones.
"""

from sportbox.store.outbox import Outbox

from tests.firmware.outbox_case import ORDINARY_BYTES, RESERVE_BYTES, body
from tests.fuzz import place

_KINDS = "ouuoououoo"
_ACKED = 2
_FILES = {}


def _files():
    """What ten events leave on flash after the broker has acknowledged two."""
    folder = place.fresh()
    box = Outbox(folder, ORDINARY_BYTES, RESERVE_BYTES)
    box.open()
    for number, kind in enumerate(_KINDS):
        box.accept(body(number + 1), kind == "u")
        box.flush()
    for _ in range(_ACKED):
        box.ack(box.take())
    box.mark()
    return {name: place.read(folder + "/" + name) for name in ("mark", "o00000001", "u00000002")}


_FILES.update(_files())
_NAMES = {b"m": "mark", b"o": "o00000001", b"u": "u00000002"}
SEEDS = [how + _FILES[name] for how, name in _NAMES.items()] + [b"m", b"o", b"u" + _FILES["u00000002"][:150]]


def one(data):
    name = _NAMES.get(data[:1])
    if name is None:
        return
    folder = place.fresh()
    for other, content in _FILES.items():
        place.write(folder + "/" + other, data[1:] if other == name else content)
    box = Outbox(folder, ORDINARY_BYTES, RESERVE_BYTES)
    box.open()
    found = drained(box)
    check_events(found, name)
    new = [box.accept(b"new %d" % number, number == 1) for number in range(3)]
    box.flush()
    assert new == list(range(new[0], new[0] + 3)) and new[0] > max([seq for seq, _ in found] + [0])
    assert drained(box, acks=True) == [(seq, b"new %d" % number) for number, seq in enumerate(new)]
    box.mark()
    again = Outbox(folder, ORDINARY_BYTES, RESERVE_BYTES)
    again.open()
    assert again.accept(b"next", True) > new[-1], "a number twice"


def drained(box, acks=False):
    """What there is to send: number and payload."""
    found = []
    for _ in range(100):
        out = box.take()
        if out is None:
            return found
        found.append((out.seq, out.payload))
        if acks:
            box.ack(out)
    raise AssertionError("no end")


def check_events(found, name):
    seqs = [seq for seq, _ in found]
    assert seqs == sorted(set(seqs)), seqs
    for seq, payload in found:
        assert 0 < seq <= len(_KINDS) and payload == body(seq), "made up"
    for number, kind in enumerate(_KINDS):
        if number >= _ACKED and kind != name[0]:
            assert number + 1 in seqs, "lost"
