"""The driver of the VL53L1X over registers: start, ranging, loss and return."""

import unittest

from sportbox.core import vl53l1x as chip

from tests.firmware import sensor_doubles as doubles

_, tof_module = doubles.drivers()
STEP_MS = 20


class TofCase:
    def setUp(self):
        self.bus = doubles.I2C()
        self.turn = []
        self.now_ms = 0
        self.tof = self.make()
        self.sensor = self.bus.sensors[0]

    def make(self, address=0x29, model=b"\xea\xcc"):
        tof = tof_module.Tof(self.bus, address, 7, self.turn)
        self.bus.sensors.append(doubles.Sensor(tof._xshut, model))
        return tof

    def run_for(self, duration_ms, *tofs):
        """The distances that were measured meanwhile."""
        found = []
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            for sensor in self.bus.sensors:
                sensor.tick(self.now_ms)
            for tof in tofs or (self.tof,):
                if tof.step(self.now_ms):
                    found.append(chip.distance_mm(tof.result))
        return found


class TestStart(TofCase, unittest.TestCase):
    def test_it_ranges_within_half_a_second_and_throws_the_first_measurement_away(self):
        self.sensor.mm = 1111
        self.assertEqual(self.run_for(180), [])
        self.sensor.mm = 2222
        found = self.run_for(400)
        self.assertEqual(found, [2222] * len(found))
        self.assertGreaterEqual(len(found), 2)
        self.assertEqual(self.sensor.starts, 2)

    def test_the_block_is_written_as_it_is(self):
        self.run_for(500)
        registers = bytes(self.sensor.registers)
        self.assertEqual(registers[0x2D:0x31], chip.DEFAULTS[:4])
        self.assertEqual(registers[0x32:0x86], chip.DEFAULTS[5:-2])
        self.assertEqual((registers[0x08], registers[0x0B]), (0x09, 0x00))

    def test_it_need_not_answer_before_it_has_booted(self):
        self.sensor.plugged = False
        self.assertEqual(self.run_for(300), [])
        self.sensor.plugged = True
        self.assertTrue(self.run_for(800))
        self.assertEqual(self.tof.losses, 0)

    def test_a_disturbance_while_it_is_set_up(self):
        write = self.bus.writeto_mem
        failed = []

        def disturbed(address, register, data, *, addrsize=8):
            if register == chip.CONFIG and not failed:
                failed.append(1)
                raise OSError(5)
            write(address, register, data, addrsize=addrsize)

        self.bus.sensors = []
        self.tof = self.make(0x2A)
        self.bus.writeto_mem = disturbed
        self.assertTrue(self.run_for(1000))
        self.assertEqual(failed, [1])
        self.assertEqual(self.turn, [])

    def test_it_is_held_in_reset_until_it_is_begun(self):
        self.assertEqual(self.tof._xshut.level, 0)

    def test_two_on_one_bus(self):
        """Both begin at the same address, one after the other, whoever was lost and returns."""
        self.bus.sensors = []
        tofs = [self.make(0x2A), self.make(0x2B)]
        one, two = self.bus.sensors
        one.mm, two.mm = 300, 700
        self.run_for(1000, *tofs)
        self.assertEqual((one.address, two.address), (0x2A, 0x2B))
        found = self.run_for(1000, *tofs)
        self.assertIn(700, found)
        self.assertIn(300, found)
        for lost, kept in ((one, two), (two, one)):
            lost.plugged = False
            found = self.run_for(5500, *tofs)
            self.assertEqual(set(found[3:]), {kept.mm})
            lost.plugged = True
            self.assertEqual(set(self.run_for(10_000, *tofs)), {300, 700})
        one.plugged = two.plugged = False
        self.run_for(5500, *tofs)
        one.plugged = two.plugged = True
        self.assertEqual(set(self.run_for(10_000, *tofs)), {300, 700})
        self.assertEqual(self.turn, [])

    def test_one_that_does_not_boot_leaves_its_turn(self):
        self.bus.sensors = []
        tofs = [self.make(0x2A), self.make(0x2B)]
        self.bus.sensors[0].plugged = False
        self.bus.sensors[1].mm = 700
        self.assertIn(700, self.run_for(1500, *tofs))

    def test_something_else_at_that_address(self):
        self.bus.sensors = []
        self.tof = self.make(model=b"\xee\xaa")
        self.assertEqual(self.run_for(3000), [])
        self.assertEqual(self.tof.losses, 1)


class TestLoss(TofCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.assertTrue(self.run_for(1000))

    def lose_and_return(self, fault, mend):
        fault()
        self.run_for(STEP_MS)
        self.assertEqual(self.run_for(4000), [])
        self.assertEqual(self.tof.losses, 1)
        mend()
        self.assertTrue(self.run_for(7000))
        self.assertEqual(self.tof.losses, 1)

    def test_unplugged(self):
        sensor = self.sensor
        self.lose_and_return(
            lambda: setattr(sensor, "plugged", False), lambda: setattr(sensor, "plugged", True)
        )

    def test_silent(self):
        sensor = self.sensor
        self.lose_and_return(
            lambda: setattr(sensor, "measures", False), lambda: setattr(sensor, "measures", True)
        )

    def test_brown_out(self):
        """It has forgotten everything and does not range; only a new start helps."""
        self.lose_and_return(self.sensor.reset, lambda: None)

    def test_a_sensor_that_never_returns_is_tried_for_ever_at_a_slow_pace(self):
        self.sensor.plugged = False
        self.run_for(60_000)
        self.assertLessEqual(self.tof.losses, 13)
        self.assertGreaterEqual(self.tof.losses, 10)

    def test_a_sensor_that_does_not_boot(self):
        self.sensor.plugged = False
        self.run_for(1000)
        self.sensor.plugged, self.sensor.boots = True, False
        self.run_for(20_000)
        self.assertGreaterEqual(self.tof.losses, 3)
        self.sensor.boots = True
        self.assertTrue(self.run_for(7000))

    def test_stopped(self):
        self.tof.stop()
        self.assertEqual(self.tof._xshut.level, 0)
        self.assertTrue(self.run_for(1000))


if __name__ == "__main__":
    unittest.main()
