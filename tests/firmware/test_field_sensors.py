"""Radar and time-of-flight sensor of a court, from the wire to what is believed."""

import unittest

from sportbox.core.occupancy import FREE, OCCUPIED, UNKNOWN
from sportbox.parts.field_radar import RadarSensor
from sportbox.parts.field_tof import TofSensor

from tests.core.radar_frames import basic, noisy
from tests.core.test_ld2410 import ENABLE, ENABLED, END, ENDED, ENGINEER, ENGINEERED
from tests.firmware import sensor_doubles as doubles

radar_module, tof_module = doubles.drivers()
HOLD_MS, STUCK_MS, SILENT_MS = 2000, 60_000, 3000
PERSON = {"state": 3, "moving": (180, 60), "moving_gates": (5, 10, 60), "distance_cm": 180}


class RadarCase:
    def setUp(self):
        self.radar = radar_module.Radar(1, 5, 6)
        self.uart = self.radar._uart
        self.sensor = RadarSensor(self.radar, HOLD_MS, STUCK_MS, SILENT_MS)
        self.now_ms = 0

    def hear(self, duration_ms, make=None):
        """A report each 100 ms, or what `make(now_ms)` gives; the state after it."""
        for _ in range(duration_ms // 100):
            if make is not None:
                self.uart.feed(make(self.now_ms))
            self.sensor.sample(self.now_ms)
            self.now_ms += 100
        return self.sensor.witness.state


class TestRadar(RadarCase, unittest.TestCase):
    def test_the_port(self):
        settings = self.uart.settings
        self.assertEqual((settings["baudrate"], settings["timeout"]), (256000, 0))
        self.assertEqual((settings["rx"].number, settings["tx"].number), (5, 6))
        self.assertGreaterEqual(settings["rxbuf"], 500)

    def test_an_empty_court_and_somebody(self):
        self.assertEqual(self.hear(2500, noisy), FREE)
        self.assertEqual(self.hear(300, lambda ms: noisy(ms, **PERSON)), OCCUPIED)
        self.assertEqual(self.hear(1500, noisy), OCCUPIED)
        self.assertEqual(self.hear(1000, noisy), FREE)

    def test_frames_in_pieces(self):
        self.hear(2500, noisy)
        stream = b"".join([noisy(ms, **PERSON) for ms in range(0, 1000, 100)])
        for i in range(0, len(stream), 7):
            self.uart.feed(stream[i : i + 7])
            self.sensor.sample(self.now_ms)
        self.assertEqual(self.sensor.witness.state, OCCUPIED)
        self.assertEqual(self.sensor.parser.bad, 0)

    def test_silence(self):
        self.hear(2500, noisy)
        self.assertEqual(self.hear(4000), UNKNOWN)
        self.assertTrue(self.sensor.witness.lost)
        self.assertEqual(self.hear(1000, noisy), UNKNOWN)
        self.assertEqual(self.hear(1500, noisy), FREE)

    def test_garbage_is_silence(self):
        self.hear(2500, noisy)
        self.assertEqual(self.hear(4000, lambda ms: b"\xf4\xf3\xf2\xf1\x23\x00\x55" * 5), UNKNOWN)
        self.assertTrue(self.sensor.witness.lost)
        self.assertGreater(self.sensor.parser.bad, 10)

    def test_latched(self):
        for values in ({}, PERSON):
            self.setUp()
            self.hear(2500, noisy)
            frames = {"make": lambda ms, values=values: noisy(0, **values)}
            self.assertEqual(self.hear(2000, **frames), OCCUPIED if values else FREE)
            self.assertEqual(self.hear(6000, **frames), UNKNOWN)
            self.assertTrue(self.sensor.witness.lost)

    def test_ghosts(self):
        """Single ones change nothing, only ghosts are as good as nothing."""

        def ghost(ms):
            return noisy(ms, state=1, moving=(0, 91 + ms // 100 % 10), moving_gates=(44 + ms // 100 % 2,))

        self.hear(2500, noisy)
        for _ in range(30):
            self.assertEqual(self.hear(200, ghost), FREE)
            self.assertEqual(self.hear(1000, noisy), FREE)
        self.assertEqual(self.hear(4000, ghost), UNKNOWN)

    def test_a_port_that_fails_is_silence(self):
        self.hear(2500, noisy)
        self.uart.broken = True
        self.assertEqual(self.hear(4000), UNKNOWN)
        self.assertEqual(self.sensor.read_errors, 40)

    def test_basic_reports_lead_to_engineering_mode(self):
        answers = {ENABLE: ENABLED, ENGINEER: ENGINEERED, END: ENDED}

        def radar(ms):
            orders, self.uart.written = self.uart.written, []
            self.orders += orders
            return b"".join([answers[order] for order in orders]) or basic()

        self.orders = []
        self.hear(1000, radar)
        self.assertEqual(self.orders, [ENABLE, ENGINEER, END])

    def test_off_it_is_not_read_and_no_fault(self):
        self.hear(2500, noisy)
        self.sensor.switch(False)
        reads = self.uart.reads
        self.assertEqual(self.hear(10_000, lambda ms: noisy(ms, **PERSON)), UNKNOWN)
        self.assertEqual((self.uart.reads, self.sensor.witness.lost), (reads, False))

    def test_on_again_it_believes_nothing_of_what_it_missed(self):
        self.hear(2500, noisy)
        self.sensor.switch(False)
        self.hear(10_000, lambda ms: noisy(ms, **PERSON))
        self.sensor.switch(True)
        self.assertEqual(self.hear(2500, noisy), FREE)

    def test_a_flood_is_bounded(self):
        """A port that never falls silent must not hold up the loop."""
        self.uart.readinto = lambda buffer: len(buffer)
        self.sensor.switch(False)
        self.sensor.switch(True)
        self.sensor.sample(0)


class TestTof(unittest.TestCase):
    def setUp(self):
        bus = doubles.I2C()
        self.tof = tof_module.Tof(bus, 0x29, 7, [])
        self.chip = doubles.Sensor(self.tof._xshut)
        bus.sensors.append(self.chip)
        self.sensor = TofSensor(self.tof, 1500, HOLD_MS, STUCK_MS, SILENT_MS)
        self.now_ms = 0

    def see(self, duration_ms, mm=2000, raw_status=9):
        self.chip.mm, self.chip.raw_status = mm, raw_status
        for _ in range(duration_ms // 100):
            self.now_ms += 100
            self.chip.tick(self.now_ms)
            self.sensor.sample(self.now_ms)
        return self.sensor.witness.state

    def test_near_and_far(self):
        self.assertEqual(self.see(3500), FREE)
        self.assertEqual(self.see(500, mm=1400), OCCUPIED)
        self.assertEqual(self.see(3000, mm=1600), OCCUPIED)  # a tenth more to leave than to come
        self.assertEqual(self.see(3000, mm=1700), FREE)
        self.assertEqual(self.see(3000, mm=1600), FREE)

    def test_nothing_that_reflects_is_nobody(self):
        self.assertEqual(self.see(3500, raw_status=4), FREE)

    def test_measurements_that_say_nothing_are_silence(self):
        self.see(3500)
        self.assertEqual(self.see(4000, raw_status=6), UNKNOWN)
        self.assertTrue(self.sensor.witness.lost)

    def test_a_leaf_on_the_window_is_not_somebody_for_ever(self):
        self.assertEqual(self.see(3500, mm=20), OCCUPIED)
        self.assertEqual(self.see(60_000, mm=20), UNKNOWN)
        self.assertTrue(self.sensor.witness.lost)
        self.assertEqual(self.see(3000), FREE)

    def test_off_it_is_held_in_reset_and_no_fault(self):
        self.see(3500)
        self.sensor.switch(False)
        self.assertEqual(self.tof._xshut.level, 0)
        self.assertEqual(self.see(10_000), UNKNOWN)
        self.assertFalse(self.sensor.witness.lost)
        self.sensor.switch(True)
        self.assertEqual(self.see(4000), FREE)

    def test_lost_and_found(self):
        self.see(3500)
        self.chip.plugged = False
        self.assertEqual(self.see(4000), UNKNOWN)
        self.chip.plugged = True
        self.assertEqual(self.see(9000), FREE)


if __name__ == "__main__":
    unittest.main()
