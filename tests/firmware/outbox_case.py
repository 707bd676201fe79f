"""What tests of the outbox share."""

import os

from sportbox.store.outbox import Outbox

from tests.firmware import scratch

ORDINARY_BYTES = 8192
RESERVE_BYTES = 8192


def body(number, size=88):
    """A payload that names its event; with its header it takes size + 12 bytes."""
    text = b"event-%d " % number
    return text + b"." * (size - len(text))


class OutboxCase:
    """To be mixed into a TestCase."""

    def setUp(self):
        self.folder = scratch.folder(self) + "/outbox"
        self.box = self.again()

    def again(self, *known):
        """The outbox as the next boot finds it; `known` are numbers kept beside the flash."""
        self.box = Outbox(self.folder, ORDINARY_BYTES, RESERVE_BYTES)
        self.box.open(*known)
        return self.box

    def add(self, kinds):
        """Accepts an event a letter, `o` an ordinary and `u` an urgent one; each is named by its number."""
        seqs = []
        for kind in kinds:
            seqs.append(self.box.accept(body(self.box._seq + 1), kind == "u"))
        return seqs

    def take_all(self):
        """Everything there is to send."""
        found = []
        while True:
            out = self.box.take()
            if out is None:
                return found
            found.append(out)

    def gap_of(self, found):
        """Acknowledges these and returns how many numbers are told as missing."""
        for out in found:
            self.box.ack(out)
        return self.box.take_gap()[0]

    def seqs(self):
        """Takes everything, checks that each event has its own payload, and returns the numbers."""
        found = self.take_all()
        for out in found:
            self.assertEqual(out.payload.split(b" ")[0], b"event-%d" % out.seq)
        return [out.seq for out in found]

    def deliver(self, count=None):
        """Takes and acknowledges that many events, or all; returns their numbers."""
        done = []
        while count is None or len(done) < count:
            out = self.box.take()
            if out is None:
                break
            self.box.ack(out)
            done.append(out.seq)
        return done

    def files(self, prefix=""):
        return sorted([name for name in os.listdir(self.folder) if name.startswith(prefix)])

    def stored_bytes(self, prefix):
        return sum([os.stat(self.folder + "/" + name)[6] for name in self.files(prefix)])
