"""A played matrix of keys without diodes, so it has ghosts."""

import unittest

from tests.firmware.fake_machine import Pin

# isort: split
from sportbox.drivers import matrix

ROWS = [11, 12, 13, 14]
COLUMNS = [21, 22, 23, 24]
LAYOUT = ["123A", "456B", "789C", "*0#D"]
NUMBER = {"*": 10, "#": 11, "A": 12, "B": 13, "C": 14, "D": 15}


class MatrixCase(unittest.TestCase):
    columns = COLUMNS

    def setUp(self):
        self.down = set()
        self.edges = 0
        self.now_ms = 0
        matrix.Pin = Pin
        self.matrix = matrix.Matrix(ROWS, self.columns, self.on_edge)
        for at, number in enumerate(self.columns):
            Pin.made[number].sense = lambda at=at: self.level(at)

    def on_edge(self):
        self.edges += 1

    def level(self, column):
        """A column is low if a path of pressed keys leads to a row that is low (rows never drive high)."""
        reached, grown = {("c", column)}, True
        while grown:
            grown = False
            for r, c in self.down:
                ends = {("r", r), ("c", c)}
                if ends & reached and not ends <= reached:
                    reached |= ends
                    grown = True
        lows = [Pin.made[ROWS[at]].out == 0 for kind, at in reached if kind == "r"]
        return 0 if any(lows) else 1

    def press(self, *names):
        for name in names:
            row = [name in line for line in LAYOUT].index(True)
            column = LAYOUT[row].index(name)
            self.down.add((row, column))
            Pin.made[self.columns[column]].fall()

    def release(self):
        self.down.clear()

    def run_ms(self, duration_ms, every_ms=5):
        """The keys that are seen meanwhile, as the app would scan: at deadlines and now and then."""
        found = []
        for _ in range(duration_ms // every_ms):
            self.now_ms += every_ms
            key = self.matrix.key(self.now_ms)
            if key >= 0:
                found.append(key)
        return found

    def tap(self, *names):
        self.press(*names)
        found = self.run_ms(100)
        self.release()
        return found + self.run_ms(100)


class TestMatrix(MatrixCase):
    def test_every_key(self):
        for line in LAYOUT:
            for name in line:
                with self.subTest(key=name):
                    number = int(name) if name.isdigit() else NUMBER[name]
                    self.assertEqual(self.tap(name), [number])

    def test_pins(self):
        self.assertEqual([(Pin.made[n].mode, Pin.made[n].out) for n in ROWS], [(Pin.OPEN_DRAIN, 0)] * 4)
        for number in COLUMNS:
            pin = Pin.made[number]
            self.assertEqual((pin.mode, pin.pull, pin.trigger), (Pin.IN, Pin.PULL_UP, Pin.IRQ_FALLING))

    def test_idle_costs_nothing(self):
        self.assertIsNone(self.matrix.deadline)
        self.assertEqual(self.run_ms(1000), [])
        self.assertEqual([Pin.made[n].writes for n in ROWS], [0] * 4)
        self.tap("5")
        writes = [Pin.made[n].writes for n in ROWS]
        self.assertIsNone(self.matrix.deadline)
        self.assertEqual(self.run_ms(1000), [])
        self.assertEqual([Pin.made[n].writes for n in ROWS], writes)
        self.assertEqual([Pin.made[n].out for n in ROWS], [0] * 4)  # the next key wakes it again

    def test_a_key_wakes_it_and_is_scanned_every_10_ms(self):
        self.press("7")
        self.assertEqual(self.edges, 1)
        self.assertEqual(self.matrix.key(1000), -1)
        self.assertEqual(self.matrix.deadline, 1010)
        self.press("7")  # an edge of the scan itself, or a bounce
        self.assertEqual(self.edges, 1)
        self.assertEqual(self.matrix.key(1009), -1)
        self.assertEqual(self.matrix.key(1010), -1)
        self.assertEqual(self.matrix.key(1020), 7)

    def test_a_key_that_is_held_counts_once(self):
        self.press("9")
        self.assertEqual(self.run_ms(5000), [9])

    def test_a_jammed_key_is_looked_at_seldom(self):
        self.press("9")
        self.run_ms(10_000)
        before = Pin.made[ROWS[0]].writes
        self.run_ms(10_000)
        self.assertLess(Pin.made[ROWS[0]].writes - before, 300)
        self.release()
        self.run_ms(500)
        self.assertIsNone(self.matrix.deadline)
        self.assertEqual(self.tap("4"), [4])

    def test_bouncing(self):
        found = []
        for _ in range(6):
            self.press("3")
            found += self.run_ms(10)
            self.release()
            found += self.run_ms(10)
        self.press("3")
        self.assertEqual(found + self.run_ms(60), [3])
        found = []
        for _ in range(6):
            self.release()
            found += self.run_ms(10)
            self.press("3")
            found += self.run_ms(10)
        self.release()
        self.assertEqual(found + self.run_ms(60), [])

    def test_the_next_key_before_the_last_one_is_released(self):
        self.press("4")
        found = self.run_ms(60)
        self.press("5")
        found += self.run_ms(60)
        self.down.discard((1, 0))
        self.assertEqual(found + self.run_ms(60), [4, 5])

    def test_two_keys_at_the_same_moment(self):
        self.assertEqual(self.tap("1", "6"), [])
        self.assertEqual(self.matrix.dropped, 1)
        self.assertEqual(self.tap("1"), [1])

    def test_ghosts(self):
        """1, 2 and 4 make 5 appear, though nobody has pressed it."""
        self.press("1")
        self.assertEqual(self.run_ms(60), [1])
        self.press("2")
        self.assertEqual(self.run_ms(60), [2])
        self.press("4")
        self.assertEqual(self.run_ms(60), [])
        self.release()
        self.assertEqual(self.run_ms(60), [])
        self.assertEqual(self.tap("5"), [5])

    def test_a_third_key_counts_for_nothing_even_without_a_ghost(self):
        for name, number in (("1", 1), ("5", 5)):
            self.press(name)
            self.assertEqual(self.run_ms(60), [number])
        self.press("9")
        self.assertEqual((self.run_ms(60), self.matrix.dropped), ([], 1))

    def test_a_key_that_is_down_at_boot(self):
        self.down.add((0, 0))
        self.assertEqual(self.run_ms(60), [1])


class TestThreeColumns(MatrixCase):
    columns = COLUMNS[:3]

    def test_the_keys_are_those_of_a_telephone(self):
        for line in LAYOUT:
            for name in line[:3]:
                self.assertEqual(self.tap(name), [int(name) if name.isdigit() else NUMBER[name]])
