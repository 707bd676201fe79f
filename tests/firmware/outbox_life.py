"""The outbox in a life with power cuts: what is known at each moment, and what must hold after the cut."""

from sportbox.store.outbox import Outbox

from tests.firmware.cuts_case import PATH, CutsCase, play
from tests.firmware.ramflash import Life, Mounted, unmount

FOLDER = PATH + "/data/outbox"
BLOCKS = 20


class Knowledge:
    """What the world outside knows at one moment. Lists only grow; here are their lengths."""

    def __init__(self, world):
        self.durable_seq = world.durable_seq
        self.accepted = len(world.accepted)
        self.acked = len(world.acked)
        self.sent = len(world.sent)
        self.gone = world.gone


class World:
    """Carries out the calls of a script:

    ("open",) ("o", size) ("u", size) ("flush",) ("take", count) ("ack", which of those under way)
    ("mark",) ("rewind",)
    """

    def __init__(self, limits, inherits=None, known=None):
        self.limits = limits
        self.box = None
        self.out = []
        self.accepted = []  # (number, payload, urgent); a number that was only in RAM may come again
        self.acked = []
        self.sent = []
        self.durable_seq = 0
        self.gone = (0, 0)
        if inherits is not None:
            self.accepted = inherits.accepted[: known.after_state.accepted]
            self.acked = inherits.acked[: known.after_state.acked]
            self.sent = inherits.sent[: known.after_state.sent]
            self.durable_seq = known.before_state.durable_seq
            self.gone = known.after_state.gone

    def state(self):
        return Knowledge(self)

    def run(self, call):
        name = call[0]
        if name == "open":
            self.open()
        elif name in ("o", "u"):
            self.accept(name == "u", call[1])
        elif name == "take":
            for _ in range(call[1]):
                out = self.box.take()
                if out is not None:
                    self.out.append(out)
                    self.sent.append(out.seq)
        elif name == "ack":
            if call[1] < len(self.out):
                out = self.out.pop(call[1])
                self.acked.append(out.seq)  # the broker has it, whatever becomes of the call
                self.box.ack(out)
        else:
            getattr(self.box, name)()
            if name == "rewind":
                self.out = []
        self.durable_seq = max(self.durable_seq, self.box.durable_seq)
        journals = self.box._journals
        self.gone = (max(self.gone[0], journals[0].gone_seq), max(self.gone[1], journals[1].gone_seq))

    def open(self):
        """A boot that meets a flash error is followed by another one."""
        for _ in range(50):
            self.box, self.out = Outbox(FOLDER, self.limits[0], self.limits[1]), []
            try:
                self.box.open()
                return
            except OSError as error:
                if error.errno != 5:
                    raise
        raise AssertionError("never opened")

    def accept(self, urgent, size):
        seq = self.box._seq + 1
        head = b"%d %d " % (seq, len(self.accepted))  # no two payloads are alike
        payload = head + b"." * (size - len(head))
        self.accepted.append((seq, payload, urgent))
        if self.box.accept(payload, urgent) != seq:
            raise AssertionError("number %d was not given" % seq)

    def dropped(self, known):
        """Numbers that were dropped, until the end of the call under way."""
        return {seq for seq, _, urgent in self.accepted[: known.accepted] if seq <= known.gone[urgent]}

    def may_be_absent(self, known):
        """Numbers that the broker has or that were dropped."""
        return self.dropped(known) | set(self.acked[: known.acked])


class CutTest(CutsCase):
    """To be mixed into a TestCase."""

    family = "outbox"
    limits = (6000, 4000)

    def play(self, script, start=None, inherits=None, known=None):
        world = World(self.limits, inherits, known)
        return world, play(world, script, BLOCKS, start)

    def check_all(self, script):
        """Cuts a life at every operation; the number of cuts."""
        world, life = self.play(script)
        return self.cut_all(life, lambda cut, where: self.check(world, cut, where))

    def check_pairs(self, script, recovery, past=None):
        """Cuts a life at every operation, and the boot that follows at every operation, too. The `past` is
        what it did before, uncut."""
        if past is None:
            world, life = self.play(script)
        else:
            before, known = self.play(past)
            world, life = self.play(script, known.flash.image, before, known.steps[-1])
        worlds = {}

        def recover(cut):
            worlds[0], second = self.play(recovery, cut.image, world, cut.step)
            return second

        return self.cut_twice(life, recover, lambda _, again, where: self.check(worlds[0], again, where))

    def check(self, world, cut, where):
        before, after = cut.step.before_state, cut.step.after_state
        bodies = {seq: payload for seq, payload, _ in world.accepted[: after.accepted]}
        absent, dropped = world.may_be_absent(after), world.dropped(after)
        with Mounted(cut.image, PATH):
            box = Outbox(FOLDER, self.limits[0], self.limits[1])
            box.open()
            begin = box.acked_seq
            found = self.take_all(box, where)
            seqs = [out.seq for out in found]
            for out in found:
                self.assertEqual(out.payload, bodies.get(out.seq), where)
            self.assertEqual(seqs, sorted(set(seqs)), where)
            lost = [s for s in bodies if s <= before.durable_seq and s not in absent and s not in seqs]
            self.assertEqual(lost, [], "lost, " + where)
            sent = set(world.sent[: after.sent])
            newest = max(world.acked[: before.acked]) if before.acked else 0
            self.assertEqual([s for s in seqs if s < newest and s not in sent], [], "out of order, " + where)
            new = box.accept(b"new", True)
            used = max([before.durable_seq] + world.sent[: before.sent])
            self.assertGreater(new, used, "number used again, " + where)
            gaps = [s for s in range(1, new) if s not in absent and s not in seqs]
            self.assertEqual(gaps, [], "gap, " + where)
            found += self.take_all(box, where)
            self.check_next_boot(box, found, new, where)
            there = [out.seq for out in found]
            missing = [s for s in range(begin + 1, box.acked_seq + 1) if s not in there]
            self.assertEqual(box.take_gap()[0], len(missing), "gap not told, " + where)
            delivered = [s for s in missing if s not in dropped]
            self.assertEqual(delivered, [], "told as dropped, " + where)

    def check_errors(self, script, first, fails):
        where = "%d flash errors from operation %d on" % (fails, first)
        world, life = World(self.limits), Life(BLOCKS, PATH)
        life.flash.fail_at, life.flash.fails = first, fails
        try:
            life.play(world, script)
            life.flash.fail_at = None
            self.assertTrue(world.box.flush(), where)
            world.box.rewind()
            self.check_nothing_lost(world, where)
        finally:
            unmount(PATH)
        with Mounted(life.flash.image, PATH):
            world.open()
            self.check_nothing_lost(world, where)

    def check_nothing_lost(self, world, where):
        absent = world.may_be_absent(world.state())
        seqs = [out.seq for out in self.take_all(world.box, where)]
        self.assertEqual(seqs, sorted(set(seqs)), where)
        self.assertEqual([s for s, _, _ in world.accepted if s not in absent and s not in seqs], [], where)

    def check_next_boot(self, box, found, new, where):
        """Half of what is there is delivered; the rest must survive the next boot, unless the new event
        took its room."""
        self.assertEqual(found[-1].seq, new, where)
        half = len(found) // 2
        for out in found[:half]:
            box.ack(out)
        box.mark()
        next_box = Outbox(FOLDER, self.limits[0], self.limits[1])
        next_box.open()
        again = [out.seq for out in self.take_all(next_box, where)]
        rest = [out.seq for out in found[half:] if not out.dropped]
        self.assertEqual(again, rest, "next boot, " + where)

    def take_all(self, box, where):
        """Everything there is to send."""
        found = []
        while len(found) < 1000:
            out = box.take()
            if out is None:
                return found
            found.append(out)
        raise AssertionError("endless, " + where)
