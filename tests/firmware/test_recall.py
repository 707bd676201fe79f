"""What the parts knew before a start: taken back where its event is not on flash, never in the way."""

import json
import unittest

from sportbox.store import record
from sportbox.store.opening import open_memory

from tests.firmware import scratch


class Outbox:
    durable_seq = 7
    write_errors = 0


class TestRecall(unittest.TestCase):
    def setUp(self):
        self.path = scratch.folder(self) + "/memory"
        self.outbox = Outbox()

    def opened(self, memory):
        record.write(self.path, json.dumps(memory).encode())
        return open_memory(self.path, self.outbox)

    def test_a_first_start(self):
        self.assertEqual(open_memory(self.path, self.outbox), {})

    def test_what_an_event_on_flash_tells_is_so(self):
        for seq in (6, 7):
            self.assertEqual(self.opened({"door-1": False, "": ["door-1", seq]}), {"door-1": False})

    def test_what_no_event_on_flash_tells_is_taken_back_for_good(self):
        found = self.opened({"door-1": False, "door-2": True, "": ["door-1", 8]})
        self.assertEqual(found, {"door-1": True, "door-2": True})
        self.outbox.durable_seq = 8  # of another event
        self.assertEqual(open_memory(self.path, self.outbox), found)

    def test_what_was_not_known_before_is_not_known(self):
        self.assertEqual(self.opened({"door-1": None, "": ["door-1", 8]}), {"door-1": None})

    def test_without_a_note_as_an_older_firmware_wrote_it(self):
        memory = {"door-1": False, "keypad-1": [4, 0]}
        self.assertEqual(self.opened(memory), memory)

    def test_what_another_firmware_has_written_does_not_keep_it_from_starting(self):
        for memory in (
            [1],
            5,
            None,
            "x",
            {"": 5},
            {"": ["a"]},
            {"": ["gone", 8]},
            {"": ["a", "b"], "a": True},
        ):
            self.assertIsNone(self.opened(memory), memory)

    def test_damaged(self):
        self.opened({"door-1": False})
        with open(self.path, "rb+") as file:
            file.write(b"xxxx")
        self.assertIsNone(open_memory(self.path, self.outbox))

    def test_flash_that_takes_nothing(self):
        record.write(self.path, json.dumps({"door-1": False, "": ["door-1", 8]}).encode())
        flash = scratch.Flash(self, record)
        flash.broken = True
        self.assertEqual(open_memory(self.path, self.outbox), {"door-1": True})
        self.assertEqual(self.outbox.write_errors, 1)


if __name__ == "__main__":
    unittest.main()
