# runs on: micropython
# heap: 6m
# timeout: 120
"""Records on littlefs, their power cut at every flash operation, before it and within it: the old record or
the new one, whole."""

import unittest

from sportbox.store import record

from tests.firmware.cuts_case import PATH, CutsCase, play
from tests.firmware.ramflash import Mounted

FOLDER = PATH + "/data"
BLOCKS = 12


class Records:
    """Writes records to one path; knows the newest that is certain and the one under way."""

    def __init__(self):
        self.newest = None

    def state(self):
        return self.newest

    def run(self, payload):
        if payload == b"folder":
            record.make_dir(FOLDER)
            return
        self.newest = payload
        record.write(FOLDER + "/mark", payload)


class TestRecordCuts(CutsCase, unittest.TestCase):
    family = "records"

    def check(self, cut, where):
        with Mounted(cut.image, PATH):
            found = record.read(FOLDER + "/mark")
            self.assertIn(found, (cut.step.before_state, cut.step.after_state), where)
            record.make_dir(FOLDER)
            record.write(FOLDER + "/mark", b"after the cut")
            self.assertEqual(record.read(FOLDER + "/mark"), b"after the cut", where)

    def test_old_or_new_whatever_their_sizes(self):
        script = [b"folder"] + [
            bytes([65 + i]) * size for i, size in enumerate((16, 16, 24, 1, 300, 16, 0, 700))
        ]
        script += [bytes([97 + i]) * size for i, size in enumerate((5000, 9000, 16, 4093, 4092, 4091))]
        self.assertGreater(self.cut_all(play(Records(), script, BLOCKS), self.check), 600)

    def test_a_mark_that_is_written_again_and_again(self):
        """Until littlefs has to move its directory block."""
        script = [b"folder"] + [b"mark %4d" % i for i in range(150)]
        self.assertGreater(self.cut_all(play(Records(), script, BLOCKS), self.check), 450)

    def test_cut_again_while_the_next_one_is_written(self):
        script = [b"folder"] + [bytes([65 + i]) * size for i, size in enumerate((16, 300, 0, 24))]

        def recover(cut):
            return play(Records(), [b"folder", b"second", b"third" * 50], BLOCKS, cut.image)

        def check(cut, again, where):
            """As long as the second write has not begun, what the first cut left stands."""
            states = [again.step.before_state, again.step.after_state]
            if again.step.before_state is None:
                states += [cut.step.before_state, cut.step.after_state]
            with Mounted(again.image, PATH):
                self.assertIn(record.read(FOLDER + "/mark"), states, where)

        life = play(Records(), script, BLOCKS)
        self.assertGreater(self.cut_twice(life, recover, check), 250)
