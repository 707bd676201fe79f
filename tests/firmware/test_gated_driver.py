"""Coils of the port expander behind one enable line, when the line or the expander fails."""

import sys
import unittest

from tests.firmware.test_expander_driver import OLAT, ExpanderCase

# isort: split


class RMT:
    pass


class _Esp32:
    pass


_Esp32.RMT = RMT
if "esp32" not in sys.modules:
    sys.modules["esp32"] = _Esp32

from sportbox.drivers import gated  # noqa: E402


class Pulse:
    def __init__(self, pin, can_stop, now_ms):
        self.error = None
        self.high_ms = 0

    def start(self, pulse_ms):
        if self.error is not None:
            raise self.error
        self.high_ms = pulse_ms

    def stop(self):
        self.high_ms = 0

    def rest_ms(self):
        return 0


class TestGate(ExpanderCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        before = gated.Pulse
        gated.Pulse = Pulse
        self.addCleanup(lambda: setattr(gated, "Pulse", before))
        self.gate = gated.Gate(self.expander, 4, True, lambda: self.now_ms)
        self.first, self.second = gated.GatedStrike(self.gate, 0), gated.GatedStrike(self.gate, 1)
        self.refresh()

    def test_one_coil_after_the_other(self):
        self.first.drive("unlock", 1000)
        self.assertEqual((self.chip.registers[OLAT], self.gate.pulse.high_ms), (1, 1000))
        with self.assertRaises(OSError):
            self.second.drive("unlock", 1000)
        self.first.stop()
        self.assertEqual((self.chip.registers[OLAT], self.gate.pulse.high_ms), (0, 0))
        self.second.drive("unlock", 1000)
        self.assertEqual(self.chip.registers[OLAT], 2)

    def test_a_pulse_that_cannot_begin_leaves_the_gate_to_the_others(self):
        for error in (OSError(5), MemoryError()):
            with self.subTest(error=str(type(error))):
                self.gate.pulse.error = error
                with self.assertRaises(type(error)):
                    self.first.drive("unlock", 1000)
                self.assertEqual(self.chip.registers[OLAT], 0)
                self.gate.pulse.error = None
                self.second.drive("unlock", 1000)
                self.second.stop()

    def test_an_expander_that_is_lost_meanwhile(self):
        self.first.drive("unlock", 1000)
        del self.bus[0x20]
        self.first.stop()
        self.assertEqual(self.gate.pulse.high_ms, 0)
        self.bus[0x20] = self.chip
        self.refresh()  # notes the loss
        self.refresh()
        self.assertEqual(self.chip.registers[OLAT], 0)
        self.second.drive("unlock", 1000)


if __name__ == "__main__":
    unittest.main()
