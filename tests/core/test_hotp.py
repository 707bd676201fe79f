"""Codes against RFC 4226, and the HMAC below them against RFC 2202."""

import hashlib
import unittest

from sportbox.core import hotp
from sportbox.core.token import hmac

KEY = b"12345678901234567890"
# RFC 4226, appendix D: the decimal column, before it is cut to six digits
DECIMAL = (
    1284755224,
    1094287082,
    137359152,
    1726969429,
    1640338314,
    868254676,
    1918287922,
    82162583,
    673399871,
    645520489,
)


class TestHmacSha1(unittest.TestCase):
    def test_rfc_2202(self):
        for key, message, mac in (
            (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (
                b"\xaa" * 80,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ):
            self.assertEqual(hmac(hashlib.sha1, key, message).hex(), mac)


class TestHotp(unittest.TestCase):
    def test_rfc_4226(self):
        for counter, decimal in enumerate(DECIMAL):
            with self.subTest(counter=counter):
                self.assertEqual(hotp.code(KEY, counter), "%08d" % (decimal % 100_000_000))

    def test_leading_noughts_stay(self):
        self.assertEqual(hotp.code(KEY, 3), "26969429")
        self.assertEqual(hotp.code(KEY, 7), "82162583")
        short = 0
        for counter in range(100):
            code = hotp.code(KEY, counter)
            self.assertEqual(len(code), 8)
            short += code[0] == "0"
        self.assertTrue(short > 0)

    def test_the_counter_has_eight_bytes(self):
        self.assertNotEqual(hotp.code(KEY, 1 << 32), hotp.code(KEY, 0))
