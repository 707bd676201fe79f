"""Frames of the LD2410, byte for byte as the vendor's protocol documents print them."""

import unittest

from sportbox.core.ld2410 import ANSWER, BASIC, ENGINEERING, MOVING, REPORT, STILL, Engineering, Parser

from tests.core.chance import Chance

BASIC_FRAME = bytes.fromhex("f4f3f2f10d0002aa02510000 00003b00005500f8f7f6f5".replace(" ", ""))
ENGINEERING_FRAME = bytes.fromhex(
    "f4f3f2f1230001aa031e003c000039000008083c22050303040306050000391013060608040305" + "5500f8f7f6f5"
)
ENABLE = bytes.fromhex("fdfcfbfa0400ff00010004030201")
ENABLED = bytes.fromhex("fdfcfbfa0800ff0100000100400004030201")
ENGINEER = bytes.fromhex("fdfcfbfa0200620004030201")
ENGINEERED = bytes.fromhex("fdfcfbfa04006201000004030201")
END = bytes.fromhex("fdfcfbfa0200fe0004030201")
ENDED = bytes.fromhex("fdfcfbfa0400fe01000004030201")
REFUSED = bytes.fromhex("fdfcfbfa04006201010004030201")


def push(parser, data):
    """What the parser tells of these bytes, in order."""
    return [found for found in [parser.push(byte) for byte in data] if found]


def seen(parser):
    return (parser.type, parser.state, parser.moving_energy, parser.still_energy, parser.distance_cm)


class TestReports(unittest.TestCase):
    def setUp(self):
        self.parser = Parser()

    def test_basic(self):
        self.assertEqual(push(self.parser, BASIC_FRAME), [REPORT])
        self.assertEqual(seen(self.parser), (BASIC, 2, 0, 59, 0))
        self.assertEqual((self.parser.gates, self.parser.gate_energy), (0, 0))

    def test_engineering(self):
        self.assertEqual(push(self.parser, ENGINEERING_FRAME), [REPORT])
        self.assertEqual(seen(self.parser), (ENGINEERING, 3, 60, 57, 0))
        self.assertEqual((self.parser.gates, self.parser.gate_energy), (9, 0x3C))

    def test_engineering_of_firmware_that_adds_nothing(self):
        plain = ENGINEERING_FRAME[:4] + b"\x21" + ENGINEERING_FRAME[5:37] + ENGINEERING_FRAME[39:]
        self.assertEqual(push(self.parser, plain), [REPORT])
        self.assertEqual(self.parser.gates, 9)

    def test_distance(self):
        frame = bytearray(BASIC_FRAME)
        frame[15:17] = b"\x2c\x01"
        push(self.parser, frame)
        self.assertEqual(self.parser.distance_cm, 300)

    def test_repeated(self):
        self.assertEqual(push(self.parser, BASIC_FRAME * 50 + ENGINEERING_FRAME * 50), [REPORT] * 100)
        self.assertEqual((self.parser.frames, self.parser.bad, self.parser.skipped), (100, 0, 0))

    def test_it_is_told_with_the_last_byte_and_not_before(self):
        for frame in (BASIC_FRAME, ENGINEERING_FRAME):
            self.assertEqual(push(Parser(), frame[:-1]), [])

    def test_cut_at_every_byte(self):
        """A frame without its end, or without its beginning, is lost, and the next one is not."""
        for frame in (BASIC_FRAME, ENGINEERING_FRAME, ENABLED):
            for cut in range(1, len(frame)):
                for piece in (frame[:cut], frame[cut:]):
                    parser = Parser()
                    found = push(parser, piece + BASIC_FRAME + ENGINEERING_FRAME)
                    self.assertEqual(found, [REPORT, REPORT], piece)
                    self.assertEqual(seen(parser)[0], ENGINEERING)

    def test_after_garbage(self):
        heads = (b"\xf4", b"\xf4\xf3\xf2", b"\xfd\xfc", b"\xf4\xf4\xf4\xf3" * 40)
        for garbage in heads + (b"\x00", b"\xff" * 300):
            parser = Parser()
            self.assertEqual(push(parser, garbage + BASIC_FRAME), [REPORT])
            self.assertEqual(parser.skipped, len(garbage))

    def test_a_false_beginning_swallows_nothing_for_long(self):
        """It claims a length that the frames behind it fill: they come out one by one."""
        for claimed in range(4, 55):
            parser = Parser()
            false = b"\xf4\xf3\xf2\xf1" + bytes([claimed, 0])
            found = push(parser, false + BASIC_FRAME * 8)
            self.assertGreaterEqual(len(found), 7, claimed)
            self.assertEqual(parser.bad, 1)

    def test_lengths_that_cannot_be(self):
        for length in (0, 1, 3, 55, 64, 255, 256, 0xFFFF):
            parser = Parser()
            frame = BASIC_FRAME[:4] + bytes([length & 0xFF, length >> 8]) + BASIC_FRAME[6:]
            self.assertEqual(push(parser, frame + BASIC_FRAME), [REPORT])
            self.assertEqual((parser.bad, parser.frames), (1, 1))

    def test_values_that_cannot_be(self):
        bad = (
            (6, 0), (6, 3), (7, 0xAB), (8, 4), (10, 0x40), (11, 101), (13, 0x40), (14, 101), (16, 0x40),
            (17, 9), (18, 9), (17, 255), (19, 101), (36, 101), (39, 0x54), (40, 1), (41, 0xF9),
        )  # fmt: skip
        for at, value in bad:
            parser = Parser()
            frame = bytearray(ENGINEERING_FRAME)
            frame[at] = value
            self.assertEqual(push(parser, bytes(frame) + BASIC_FRAME), [REPORT], (at, value))
            self.assertEqual((parser.bad, parser.type), (1, BASIC))

    def test_corrupted_at_every_byte(self):
        """No checksum guards a value: such a frame is either refused or a report with plausible values; the
        next one is whole in any case."""
        for frame in (BASIC_FRAME, ENGINEERING_FRAME):
            for at in range(len(frame)):
                for bit in range(8):
                    parser = Parser()
                    broken = bytearray(frame)
                    broken[at] ^= 1 << bit
                    found = push(parser, bytes(broken) + BASIC_FRAME + BASIC_FRAME)
                    self.assertIn(len(found), (2, 3), (at, bit))
                    if at < 8 or at >= len(frame) - 6:
                        self.assertEqual(len(found), 2, (at, bit))
                    self.assertEqual(seen(parser), (BASIC, 2, 0, 59, 0))

    def test_random_streams(self):
        """Frames with garbage between them that holds no header: every frame is found, and nothing else."""
        for seed in range(30):
            chance = Chance(seed)
            parser, wanted = Parser(), []
            for _ in range(40):
                noise = bytes([chance.below(0xF0) for _ in range(chance.below(70))])
                frame = chance.one_of((BASIC_FRAME, ENGINEERING_FRAME, ENABLED))
                self.assertEqual(push(parser, noise + frame), [ANSWER if frame is ENABLED else REPORT])
                wanted.append(frame)
            self.assertEqual(parser.bad, 0)
            self.assertEqual(parser.frames, len([frame for frame in wanted if frame is not ENABLED]))

    def test_random_bytes_are_survived(self):
        for seed in range(10):
            chance = Chance(seed)
            parser = Parser()
            for _ in range(3000):
                parser.push(chance.one_of(b"\xf4\xf3\xf2\xf1\xfd\xfc\xfb\xfa\x0d\x00\x02\xaa\x55"))
            push(parser, b"\x00" * 64)
            self.assertEqual(push(parser, BASIC_FRAME), [REPORT])

    def test_what_is_new_in_a_report(self):
        last = bytearray(64)
        push(self.parser, ENGINEERING_FRAME)
        self.assertNotEqual(self.parser.news(last), 0)
        for at in (9, 11, 19, 27, 8, 12, 14, 15, 28, 36):
            bits = MOVING if 9 <= at <= 11 or 19 <= at <= 27 else STILL
            frame = bytearray(ENGINEERING_FRAME)
            frame[at] ^= 1
            push(self.parser, ENGINEERING_FRAME)
            self.parser.news(last)
            self.assertEqual(self.parser.news(last), 0)
            push(self.parser, frame)
            self.assertEqual(self.parser.news(last), bits, at)

    def test_reset_forgets_half_a_frame(self):
        push(self.parser, BASIC_FRAME[:10])
        self.parser.reset()
        self.assertEqual(push(self.parser, BASIC_FRAME), [REPORT])
        self.assertEqual(self.parser.skipped, 0)


class TestAnswers(unittest.TestCase):
    def test_each(self):
        parser = Parser()
        for frame, word, granted in (
            (ENABLED, 0xFF, True),
            (ENGINEERED, 0x62, True),
            (REFUSED, 0x62, False),
            (ENDED, 0xFE, True),
        ):
            self.assertEqual(push(parser, frame), [ANSWER])
            self.assertEqual((parser.answer, parser.granted), (word, granted))

    def test_an_order_is_no_answer(self):
        parser = Parser()
        self.assertEqual(push(parser, ENABLE + BASIC_FRAME), [REPORT])

    def test_between_reports(self):
        found = push(Parser(), BASIC_FRAME + ENABLED + ENGINEERED + ENGINEERING_FRAME)
        self.assertEqual(found, [REPORT, ANSWER, ANSWER, REPORT])


class TestEngineering(unittest.TestCase):
    """The way to engineering mode."""

    def setUp(self):
        self.way = Engineering()

    def test_a_basic_report_begins_it_and_each_answer_leads_on(self):
        self.assertIsNone(self.way.step(0, 0, False, 0))
        self.assertIsNone(self.way.step(ENGINEERING, 0, False, 0))
        self.assertEqual(self.way.step(BASIC, 0, False, 100), ENABLE)
        self.assertIsNone(self.way.step(BASIC, 0, False, 200))
        self.assertEqual(self.way.step(0, 0xFF, True, 300), ENGINEER)
        self.assertEqual(self.way.step(0, 0x62, True, 400), END)
        self.assertIsNone(self.way.step(0, 0xFE, True, 500))
        for now_ms in range(600, 60_000, 100):
            self.assertIsNone(self.way.step(ENGINEERING, 0, False, now_ms))

    def test_what_is_refused_ends_it_all_the_same(self):
        """Else the radar would stay in configuration mode and report nothing."""
        self.way.step(BASIC, 0, False, 0)
        self.assertEqual(self.way.step(0, 0xFF, False, 100), END)
        self.way = Engineering()
        self.way.step(BASIC, 0, False, 0)
        self.way.step(0, 0xFF, True, 100)
        self.assertEqual(self.way.step(0, 0x62, False, 200), END)

    def test_a_radar_that_never_answers_is_asked_again_later(self):
        sent = []
        for now_ms in range(0, 100_000, 100):
            order = self.way.step(BASIC, 0, False, now_ms)
            if order is not None:
                sent.append((now_ms, order))
        self.assertEqual(sent[:3], [(0, ENABLE), (1000, END), (30_000, ENABLE)])
        self.assertEqual(len(sent), 8)

    def test_a_silent_radar_may_wait_for_the_end_of_configuration(self):
        """As when the board restarted in between: it would be silent for ever."""
        sent = []
        for now_ms in range(0, 70_000, 100):
            order = self.way.step(0, 0, False, now_ms)
            if order is not None:
                sent.append((now_ms, order))
        self.assertEqual(sent, [(5000, END), (35_000, END), (65_000, END)])

    def test_an_answer_to_something_else_is_none(self):
        self.way.step(BASIC, 0, False, 0)
        self.assertIsNone(self.way.step(0, 0x62, True, 100))
        self.assertEqual(self.way.step(0, 0xFF, True, 200), ENGINEER)

    def test_a_radar_that_lost_its_power_is_asked_anew(self):
        self.test_a_basic_report_begins_it_and_each_answer_leads_on()
        self.assertEqual(self.way.step(BASIC, 0, False, 70_000), ENABLE)


if __name__ == "__main__":
    unittest.main()
