"""Taking a token apart: HMAC, base64url, JSON. What is believed of it is in test_access.py."""

import binascii
import json
import random
import unittest

from sportbox.core.token import Refused, claimed_jti, hmac_sha256, keep_until, parse, same, un_b64url

from tests.core import tokens
from tests.core.tokens import b64url

# RFC 7515, appendix A.1: a JWS with HS256 and its key
RFC7515_HEADER = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
RFC7515_CLAIMS = (
    b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC7515_MAC = b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RFC7515_KEY = b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

# RFC 4231, section 4: key, data, HMAC-SHA-256 (case 5 is cut to 128 bits)
RFC4231 = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


class TestHmac(unittest.TestCase):
    def test_the_vectors_of_rfc_4231(self):
        for number, (key, data, expected) in enumerate(RFC4231):
            with self.subTest(case=number + 1):
                mac = binascii.hexlify(hmac_sha256(key, data)).decode()
                self.assertEqual(mac[: len(expected)], expected)

    def test_a_key_of_exactly_one_block_is_not_hashed(self):
        self.assertNotEqual(hmac_sha256(b"k" * 64, b"x"), hmac_sha256(b"k" * 65, b"x"))
        self.assertEqual(hmac_sha256(b"k" * 63 + b"\0", b"x"), hmac_sha256(b"k" * 63, b"x"))

    def test_the_example_of_rfc_7515(self):
        token = parse(RFC7515_HEADER + b"." + RFC7515_CLAIMS + b"." + RFC7515_MAC)
        self.assertEqual(token.header, {"typ": "JWT", "alg": "HS256"})
        self.assertEqual(token.claims["exp"], 1300819380)
        self.assertIs(token.claims["http://example.com/is_root"], True)
        self.assertTrue(same(hmac_sha256(un_b64url(RFC7515_KEY), token.signed), token.mac))

    def test_same_needs_every_byte(self):
        mac = bytes(range(32))
        self.assertTrue(same(mac, bytes(range(32))))
        for i in range(32):
            self.assertFalse(same(mac, mac[:i] + bytes([mac[i] ^ 0x80]) + mac[i + 1 :]))
        self.assertFalse(same(mac, mac[:31]))
        self.assertFalse(same(mac, mac + b"\0"))


class TestBase64url(unittest.TestCase):
    def test_there_and_back(self):
        for data in (b"", b"f", b"fo", b"foo", b"\xfb\xff\xfe", bytes(range(256))):
            with self.subTest(data=data):
                text = b64url(data)
                self.assertEqual(un_b64url(text), data)
                for byte in text:
                    self.assertIn(
                        chr(byte), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                    )

    def test_only_the_one_canonical_form_is_read(self):
        for text in (
            b"Zg==",  # padding
            b"Zm8=",
            b"Zh",  # "f" with a bit too many
            b"Zm9",  # "fo" with a bit too many
            b"Z",  # no length that an encoding can have
            b"Zm9vZ",
            b"+/+/",  # the other alphabet
            b"Zm 9v",
            b"Zm9v\n",
            b"Zm9v=",
            b"=",
            b"Zm9v.Zm9v",
            b"Zm\xc3\xa99v",
            b"\xff\xff\xff\xff",
        ):
            with self.subTest(text=text), self.assertRaises(ValueError):
                un_b64url(text)

    def test_it_reads_exactly_what_comes_out_as_it_was(self):
        """All short texts, and long ones, of characters inside and outside of the alphabet."""
        random.seed(3)
        chars = b"AQgwBEcsZz048-_+/=. \n\xff"
        for text in short_and_long(chars):
            try:
                data = un_b64url(text)
            except ValueError:
                self.assertFalse(is_canonical(text), text)
            else:
                self.assertEqual(b64url(data), text)


def short_and_long(chars):
    for a in range(256):
        yield bytes((a,))
        for b in chars:
            yield bytes((a, b))
    for i in range(4000):
        some = chars[:-7] if i % 4 else chars
        yield bytes([random.choice(some) for _ in range(3 + i % 6)])


def is_canonical(text):
    try:
        padded = text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4)
        return b64url(binascii.a2b_base64(padded)) == text
    except ValueError:
        return False


class TestMalformed(unittest.TestCase):
    def refuse(self, raw):
        with self.assertRaises(Refused) as caught:
            parse(raw)
        self.assertEqual(caught.exception.args[0], "malformed")

    def test_not_three_parts(self):
        good = tokens.token(tokens.claims())
        head, body, mac = good.split(b".")
        for raw in (
            b"",
            b"..",
            b".",
            head,
            head + b"." + body,
            head + b"." + body + b".",
            good + b".",
            b"." + good,
            good + b"." + mac,
            head + b".." + mac,
            b"." + body + b"." + mac,
        ):
            with self.subTest(raw=raw[-40:]):
                self.refuse(raw)

    def test_base64_that_is_not_canonical_in_any_part(self):
        head, body, mac = tokens.token(tokens.claims()).split(b".")
        for bad in (b"=", b"\n", b" ", b"\0", b"\xff"):
            with self.subTest(bad=bad):
                self.refuse(head + bad + b"." + body + b"." + mac)
                self.refuse(head + b"." + body + bad + b"." + mac)
                self.refuse(head + b"." + body + b"." + mac + bad)
                self.refuse(bad + head + b"." + body + b"." + mac)

    def test_what_is_no_json_object(self):
        head, body = json.dumps(tokens.header()).encode(), json.dumps(tokens.claims()).encode()
        for bad in (
            b"",
            b"null",
            b"[]",
            b"1",
            b'"x"',
            b"true",
            b"{",
            b"nonsense",
            b"{}{}",
            b"\xff\xfe{}",
            b"{'a':1}",
        ):
            with self.subTest(bad=bad):
                self.refuse(tokens.seal(bad, body, b"k"))
                self.refuse(tokens.seal(head, bad, b"k"))

    def test_json_nested_deeply(self):
        head = json.dumps(tokens.header()).encode()
        for bad in (
            b"[" * 1100,
            b'{"a":' * 220,
            b"[" * 550 + b"]" * 550,
            b'{"args":' + b"[" * 500 + b"]" * 500,
        ):
            with self.subTest(bad=bad[:10]):
                self.refuse(tokens.seal(head, bad, b"k"))
                self.assertIsNone(claimed_jti(tokens.seal(head, bad, b"k")))

    def test_text_that_is_no_utf8(self):
        self.refuse(tokens.seal(b"{}", b'{"jti":"\xff\xfe"}', b"k"))
        self.assertIsNone(claimed_jti(tokens.seal(b"{}", b'{"jti":"\xff\xfe"}', b"k")))


class TestText(unittest.TestCase):
    def text(self, value):
        return parse(tokens.token({"jti": value})).text("jti")

    def test_only_short_text_is_text(self):
        for value in (None, 5, True, 1.5, [], ["a"], {}, "", "x" * 65):
            with self.subTest(value=value):
                self.assertEqual(self.text(value), "")
        self.assertEqual(self.text("x" * 64), "x" * 64)
        self.assertEqual(parse(tokens.token({})).text("jti"), "")

    def test_only_printable_ascii_is_text(self):
        """It travels on into events, logs and terminals."""
        for value in ("a\0", "\x1b[31m", "\n", "\x7f", "ü", "\u2028", "a" * 63 + "\t"):
            with self.subTest(value=value):
                self.assertEqual(self.text(value), "")
                self.assertIsNone(claimed_jti(tokens.token({"jti": value})))
        every = "".join([chr(code) for code in range(0x20, 0x7F)])
        self.assertEqual(self.text(every[:64]), every[:64])
        self.assertEqual(self.text(every[-64:]), every[-64:])

    def test_half_a_character_is_none(self):
        """MicroPython's json makes two halves of a character beyond the first plane: they have no UTF-8, and
        an answer or event that held them would be no JSON to anybody."""
        for written in (b"\\ud83c\\udfc0", b"\xf0\x9f\x8f\x80", b"\\ud83c", b"\\udfc0", b"ab\\ud83c"):
            with self.subTest(written=written):
                raw = tokens.seal(b"{}", b'{"jti":"' + written + b'"}', b"k")
                self.assertEqual(parse(raw).text("jti"), "")
                self.assertIsNone(claimed_jti(raw))


class TestClaimedJti(unittest.TestCase):
    def test_of_a_token_that_nobody_verified(self):
        self.assertEqual(claimed_jti(tokens.token(tokens.claims(jti="forged"), secret=b"?")), "forged")

    def test_it_needs_no_header_and_no_mac(self):
        self.assertEqual(claimed_jti(b"?." + b64url(b'{"jti":"a"}')), "a")

    def test_at_most_64_characters(self):
        self.assertEqual(claimed_jti(tokens.token({"jti": "a" * 200})), "a" * 64)

    def test_none_where_there_is_none(self):
        for raw in (
            b"",
            b"nonsense",
            b"a.b",
            b"..",
            tokens.token({}),
            tokens.token({"jti": ""}),
            tokens.token({"jti": 5}),
            tokens.token({"jti": ["a"]}),
            tokens.seal(b"{}", b"[]", b"k"),
        ):
            with self.subTest(raw=raw[:60]):
                self.assertIsNone(claimed_jti(raw))


class TestSeconds(unittest.TestCase):
    def test_times_are_whole_numbers_from_nought(self):
        for value in (
            1.5,
            1795366800.0,
            "1795366800",
            True,
            False,
            -1,
            1 << 40,
            1 << 70,
            [],
            {},
            [1795366800],
        ):
            with self.subTest(value=value):
                token = parse(tokens.token({"exp": value}))
                with self.assertRaises(Refused) as caught:
                    token.seconds("exp")
                self.assertEqual(caught.exception.args[0], "malformed")

    def test_numbers_that_json_writes_otherwise(self):
        for written in (b"1e9", b"1.0", b"1E400", b"-0.0", b"-1e3"):
            with self.subTest(written=written):
                token = parse(tokens.seal(b"{}", b'{"exp":' + written + b"}", b"k"))
                with self.assertRaises(Refused):
                    token.seconds("exp")

    def test_the_largest_and_the_smallest(self):
        for value in (0, 1, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 40) - 1):
            with self.subTest(value=value):
                self.assertEqual(parse(tokens.token({"exp": value})).seconds("exp"), value)

    def test_a_missing_time_is_none(self):
        self.assertIsNone(parse(tokens.token({})).seconds("exp"))
        self.assertIsNone(parse(tokens.token({"exp": None})).seconds("exp"))

    def test_a_jti_is_kept_for_the_leeway_after_its_end(self):
        self.assertEqual(keep_until(parse(tokens.token(tokens.claims(exp=1000)))), 1060)
