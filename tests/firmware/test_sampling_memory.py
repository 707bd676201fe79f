# runs on: micropython
"""Sampling a court's radar and time-of-flight sensor leaves the heap as it is."""

import gc
import unittest

from sportbox.core.occupancy import FREE
from sportbox.parts.field import Court
from sportbox.parts.field_radar import RadarSensor
from sportbox.parts.field_tof import TofSensor

from tests.core.radar_frames import noisy
from tests.core.test_ld2410 import ENABLED
from tests.firmware import sensor_doubles as doubles

radar_module, tof_module = doubles.drivers()
HOLD_MS, STUCK_MS, SILENT_MS = 2000, 60_000, 3000


class QuietUart:
    """Gives the same stream for ever and allocates nothing."""

    def __init__(self, stream):
        self._stream = stream
        self._at = 0

    def readinto(self, buffer):
        for i in range(60):
            buffer[i] = self._stream[self._at]
            self._at = (self._at + 1) % len(self._stream)
        return 60


class QuietBus:
    """A sensor that always has a valid measurement."""

    def readfrom_mem_into(self, address, register, buffer, addrsize=8):
        for i in range(len(buffer)):
            buffer[i] = 0
        if register == 0x31:
            buffer[0] = 3
        elif register == 0x89:
            buffer[0] = 9
            buffer[13] = 7

    def writeto_mem(self, address, register, data, addrsize=8):
        pass


class Reports:
    def event(self, component, kind, data, urgent):
        pass

    def state(self, component):
        pass


class TestMemory(unittest.TestCase):
    def test_sampling_allocates_nothing(self):
        """Reports, garbage and answers come, nothing changes: the heap does not, either."""
        pieces = [noisy(100 * i) for i in range(8)] + [b"\xf4\xf3\xf2\xf1\x23\x00junk", ENABLED]
        radar = radar_module.Radar(1, 5, 6)
        radar._uart = QuietUart(b"".join(pieces))
        court = Court("court-1", STUCK_MS, 1000, Reports())
        court.add_radar(RadarSensor(radar, HOLD_MS, STUCK_MS, SILENT_MS), lambda: 0)
        tof = tof_module.Tof(QuietBus(), 0x29, 7, [])
        tof.state, tof._until_ms = "ranging", 1_000_000
        court.add_tof(TofSensor(tof, 1500, HOLD_MS, STUCK_MS, SILENT_MS), lambda: 0)
        for now_ms in range(0, 10_000, 100):
            court.sample(now_ms)
        self.assertEqual(court.states()[0][2]["state"], FREE)
        gc.collect()
        gc.disable()
        try:
            before = gc.mem_alloc()
            for now_ms in range(10_000, 30_000, 100):
                court.sample(now_ms)
            after = gc.mem_alloc()
        finally:
            gc.enable()
        self.assertEqual(after - before, 0)


if __name__ == "__main__":
    unittest.main()
