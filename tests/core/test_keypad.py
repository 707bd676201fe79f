"""What is typed, how often it may be wrong, and which lock a code is for."""

import unittest

from sportbox.core import hotp, keypad
from sportbox.core.keypad import CLEAR, ENTER, Keypad

from tests.core.chance import Chance

KEYS = [("lock-1", b"1" * 20), ("lock-2", b"2" * 20), ("lock-3", b"3" * 20)]


class TestTyping(unittest.TestCase):
    def setUp(self):
        self.pad = Keypad()
        self.now_ms = 0

    def type(self, text, every_ms=300):
        """What is entered by these keys."""
        entered = []
        for char in text:
            self.now_ms += every_ms
            self.pad.tick(self.now_ms)
            key = {"*": CLEAR, "#": ENTER, "A": 12, "D": 15}.get(char)
            found = self.pad.press(int(char) if key is None else key, self.now_ms)
            if found is not None:
                entered.append(found)
        return entered

    def test_eight_digits_enter_by_themselves(self):
        self.assertEqual(self.type("01234567"), ["01234567"])
        self.assertFalse(self.pad.typing())
        self.assertEqual(self.type("0123456789012345"), ["01234567", "89012345"])

    def test_enter_after_the_eighth_digit_changes_nothing(self):
        self.assertEqual(self.type("01234567#"), ["01234567"])
        self.assertEqual(self.type("##"), [])

    def test_enter_before_it_enters_what_is_there(self):
        self.assertEqual(self.type("123#"), ["123"])

    def test_clear(self):
        self.assertEqual(self.type("1234567*01234567"), ["01234567"])
        self.assertEqual(self.type("*"), [])

    def test_other_keys_do_nothing(self):
        self.assertEqual(self.type("A0123D4567"), ["01234567"])

    def test_a_pause_clears(self):
        self.assertEqual(self.type("1234567"), [])
        self.assertEqual(self.pad.deadline, self.now_ms + 8000)
        self.pad.tick(self.now_ms + 7999)
        self.assertTrue(self.pad.typing())
        self.pad.tick(self.now_ms + 8000)
        self.assertFalse(self.pad.typing())
        self.assertIsNone(self.pad.deadline)
        self.assertEqual(self.type("8"), [])

    def test_a_slow_person_is_in_time(self):
        self.assertEqual(self.type("01234567", 7999), ["01234567"])
        self.assertEqual(self.type("01234567", 8000), [])


class TestLockOut(unittest.TestCase):
    def wrong(self, pad, times, now_ms):
        return [pad.was_wrong(now_ms) for _ in range(times)]

    def test_the_fifth_wrong_code_locks(self):
        pad = Keypad()
        self.assertEqual(self.wrong(pad, 5, 1000), [0, 0, 0, 0, 30])
        self.assertTrue(pad.locked)
        self.assertEqual(pad.deadline, 31_000)
        self.assertFalse(pad.tick(30_999))
        self.assertTrue(pad.tick(31_000))
        self.assertFalse(pad.locked)
        self.assertFalse(pad.tick(31_001))

    def test_each_time_for_twice_as_long_up_to_an_hour(self):
        pad, now_ms, locks = Keypad(), 0, []
        for _ in range(12):
            locks.append(self.wrong(pad, 5, now_ms)[-1])
            now_ms = pad.deadline
            pad.tick(now_ms)
        self.assertEqual(locks, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600])

    def test_a_code_that_opens_makes_it_forget(self):
        pad = Keypad()
        self.wrong(pad, 9, 0)
        pad.was_right()
        self.assertEqual(self.wrong(pad, 5, 0), [0, 0, 0, 0, 30])

    def test_locked_it_forgets_what_was_typed(self):
        pad = Keypad()
        pad.press(1, 0)
        self.wrong(pad, 5, 0)
        self.assertFalse(pad.typing())

    def test_it_never_runs_out_of_numbers(self):
        pad = Keypad()
        pad.wrong = 999_999
        self.assertEqual(self.wrong(pad, 3, 0), [3600, 3600, 3600])
        self.assertEqual(pad.memory(), [1_000_000, 1])


class TestPowerCut(unittest.TestCase):
    def again(self, memory, now_ms=500):
        pad = Keypad()
        pad.restore(memory, now_ms)
        return pad

    def test_the_count_outlives_it(self):
        pad = Keypad()
        for _ in range(4):
            pad.was_wrong(0)
            pad = self.again(pad.memory())
        self.assertFalse(pad.locked)
        self.assertEqual(pad.was_wrong(0), 30)

    def test_a_lock_out_begins_anew(self):
        pad = Keypad()
        for _ in range(10):
            pad.was_wrong(0)
        pad = self.again(pad.memory())
        self.assertEqual(pad.deadline, 500 + 60_000)

    def test_a_lock_out_that_was_over_does_not(self):
        pad = Keypad()
        for _ in range(5):
            pad.was_wrong(0)
        pad.tick(30_000)
        pad = self.again(pad.memory())
        self.assertFalse(pad.locked)
        self.assertEqual([pad.was_wrong(0) for _ in range(5)], [0, 0, 0, 0, 60])

    def test_memory_that_is_none(self):
        for memory in (
            None,
            5,
            [],
            [5],
            [5, 1, 1],
            ["5", 1],
            [-5, 1],
            [10**9, 1],
            [None, None],
            {"wrong": 5},
        ):
            pad = self.again(memory)
            self.assertEqual((pad.wrong, pad.locked), (0, False))


class TestFind(unittest.TestCase):
    def test_each_lock_by_its_own_code(self):
        for lock, key in KEYS:
            self.assertEqual(keypad.find(hotp.code(key, 77), KEYS, [77]), (lock, 77))

    def test_any_current_slot(self):
        for slot in (77, 78):
            self.assertEqual(keypad.find(hotp.code(KEYS[1][1], slot), KEYS, [77, 78]), ("lock-2", slot))

    def test_no_other_slot_no_other_key_no_other_length(self):
        code = hotp.code(KEYS[0][1], 77)
        for typed, keys, slots in (
            (code, KEYS, [76, 78]),
            (code, KEYS, []),
            (code, KEYS[1:], [77]),
            (code, [], [77]),
            (code[:7], KEYS, [77]),
            (code + "0", KEYS, [77]),
            ("", KEYS, [77]),
        ):
            self.assertIsNone(keypad.find(typed, keys, slots))

    def test_all_keys_are_tried_even_after_the_right_one(self):
        tried = []
        real = keypad.same
        try:
            keypad.same = lambda a, b: tried.append(1) or real(a, b)
            for typed in (hotp.code(KEYS[0][1], 77), hotp.code(KEYS[2][1], 78), "00000000"):
                keypad.find(typed, KEYS, [77, 78])
                self.assertEqual(len(tried), 6)
                tried.clear()
        finally:
            keypad.same = real


class TestRandom(unittest.TestCase):
    """Somebody guesses for a day, and takes the power away now and then."""

    DAY_MS = 86_400_000

    def guess(self, seed):
        """How many codes were tried, and when the lock-outs began and ended."""
        chance, pad, now_ms, tried = Chance(seed), Keypad(), 0, 0
        spans = []
        while now_ms < self.DAY_MS:
            now_ms += chance.below(2000)
            if chance.below(50) == 0:
                memory = pad.memory()
                pad = Keypad()
                pad.restore(memory, now_ms)
                if pad.locked:
                    spans[-1][1] = pad.deadline
            if pad.locked and chance.below(3):
                now_ms = max(now_ms, pad.deadline + chance.below(3) - 1)
            pad.tick(now_ms)
            if pad.locked:
                continue
            entered = None
            while entered is None:
                entered = pad.press(chance.below(12), now_ms)
            tried += 1
            if pad.was_wrong(now_ms):
                spans.append([now_ms, pad.deadline])
        return tried, spans

    def test_never_more_tries_than_allowed(self):
        for seed in range(4):
            tried, spans = self.guess(seed)
            # 30 s, 60 s .. 32 min make 63.5 min and 35 tries; after that five an hour
            self.assertTrue(100 < tried <= 35 + 5 * 24, (seed, tried))
            for begin_ms, end_ms in spans:
                self.assertTrue(end_ms - begin_ms >= 30_000)
            for at in range(1, len(spans)):
                self.assertTrue(spans[at][0] >= spans[at - 1][1], "a code was taken while it was locked")
