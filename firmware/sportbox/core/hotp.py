"""One-time codes: HOTP (RFC 4226) with HMAC-SHA-1 and 8 digits; the counter is the number of a time slot."""

import hashlib

from micropython import const

from sportbox.core.token import hmac

DIGITS = 8
_MODULUS = const(100000000)


def code(key: bytes, counter: int) -> str:
    """The 8 digits (RFC 4226, 5.3: dynamic truncation). They open a box: never to be logged."""
    mac = hmac(hashlib.sha1, key, counter.to_bytes(8, "big"))
    at = mac[19] & 15
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFFFFFF
    return "%08d" % (number % _MODULUS)
