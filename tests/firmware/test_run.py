# runs on: micropython
"""What becomes of a board that was ended by an exception."""

import asyncio
import sys
import unittest

from tests.firmware import scratch


class Restarted(Exception):
    pass


class Machine:
    kept = b""

    class RTC:
        def memory(self, data=None):
            if data is None:
                return Machine.kept
            Machine.kept = bytes(data)

    @staticmethod
    def reset():
        raise Restarted


sys.modules["machine"] = Machine
sys.modules.pop("sportbox.drivers.rtcmem", None)
sys.modules.pop("sportbox.run", None)

from sportbox import run  # noqa: E402
from sportbox.drivers import rtcmem  # noqa: E402


class NotProvisioned(Exception):
    pass


class TestFell(unittest.TestCase):
    def setUp(self):
        Machine.kept = b""
        run.DATA = scratch.folder(self)
        run.PAUSE_S = 0
        rtcmem.save({"starts": 4, "other": 1})

    def fell(self, error):
        """Raised and caught, so that it has a stack."""
        try:
            raise error
        except Exception as caught:
            with self.assertRaises(Restarted):
                asyncio.run(run.fell(caught))
        asyncio.new_event_loop()

    def test_a_configuration_that_does_not_fit_is_no_fault_of_the_firmware(self):
        """Else the loader would give up a slot, and then go to safe mode, for want of a sensor's bus."""
        self.fell(NotProvisioned("component door-1: no i2c"))
        self.assertEqual(rtcmem.load(), {"other": 1})

    def test_an_error_counts_and_is_noted(self):
        self.fell(ValueError("planted"))
        self.assertEqual(rtcmem.load()["starts"], 4)
        self.assertEqual(rtcmem.load()["crash"]["error"], "ValueError planted")

    def test_a_note_that_cannot_be_written_keeps_nobody_from_the_restart(self):
        run.DATA = run.DATA + "/nowhere"
        self.fell(ValueError("planted"))
        self.assertEqual(rtcmem.load()["starts"], 4)


if __name__ == "__main__":
    unittest.main()
