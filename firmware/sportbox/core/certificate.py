"""What the board reads in an X.509 certificate itself: the serial number and the dates (RFC 5280, 4.1).

DER (ITU-T X.690): a tag, a length, the content. Only the path to the two fields is walked, on the bytes as
they lie, and nothing beyond their end is ever believed to be there. Signatures and names are mbedTLS's.
"""

from micropython import const

from sportbox.core.clock import unix_of

_INTEGER = const(0x02)
_UTC_TIME = const(0x17)
_GENERALIZED_TIME = const(0x18)
_SEQUENCE = const(0x30)
_VERSION = const(0xA0)  # [0] EXPLICIT
_SERIAL_MAX = const(21)  # bytes; RFC 5280, 4.1.2.2: 20, and a nought before a high bit


def validity(der: "bytes | memoryview") -> "tuple[int, int]":
    """notBefore and notAfter, Unix seconds. Raises ValueError."""
    at, end = _serial(der)
    for _ in range(2):  # signature algorithm, issuer
        _, end = _enter(der, end, _SEQUENCE)
    at, end = _enter(der, end, _SEQUENCE)
    begins_s, at = _time(der, at)
    ends_s, at = _time(der, at)
    if at != end:
        raise ValueError("invalid cert")
    return begins_s, ends_s


def serial(der: "bytes | memoryview") -> str:
    """The serial number in hexadecimal digits without leading noughts. Raises ValueError."""
    at, end = _serial(der)
    if end - at > _SERIAL_MAX:
        raise ValueError("invalid cert")
    return bytes(der[at:end]).hex().lstrip("0") or "0"


def _serial(der: "bytes | memoryview") -> "tuple[int, int]":
    """Where the content of the serial number begins and ends."""
    at, _ = _enter(der, 0, _SEQUENCE)
    at, _ = _enter(der, at, _SEQUENCE)
    if at < len(der) and der[at] == _VERSION:
        _, at = _enter(der, at, _VERSION)
    return _enter(der, at, _INTEGER)


def _enter(der: "bytes | memoryview", at: int, tag: int) -> "tuple[int, int]":
    """Where the content of the element at `at` begins and ends. Raises ValueError unless it has this tag and
    lies within."""
    if at + 2 > len(der) or der[at] != tag:
        raise ValueError("invalid cert")
    length = der[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 2 or at + count > len(der):
            raise ValueError("invalid cert")
        length = der[at] if count == 1 else der[at] << 8 | der[at + 1]
        at += count
    if at + length > len(der):
        raise ValueError("invalid cert")
    return at, at + length


def _time(der: "bytes | memoryview", at: int) -> "tuple[int, int]":
    """(Unix seconds, where the next element begins) of a UTCTime or GeneralizedTime, both to the second and
    in UTC as RFC 5280, 4.1.2.5 asks; two digits of a year from 50 on mean 19xx."""
    long = at < len(der) and der[at] == _GENERALIZED_TIME
    at, end = _enter(der, at, _GENERALIZED_TIME if long else _UTC_TIME)
    if end - at != (15 if long else 13) or der[end - 1] != 0x5A:  # Z
        raise ValueError("invalid cert")
    year = _two(der, at)
    if long:
        at += 2
        year = year * 100 + _two(der, at)
    else:
        year += 1900 if year >= 50 else 2000
    month, day = _two(der, at + 2), _two(der, at + 4)
    hour, minute, second = _two(der, at + 6), _two(der, at + 8), _two(der, at + 10)
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        raise ValueError("invalid cert")
    return unix_of(year, month, day) + hour * 3600 + minute * 60 + second, end


def _two(der: "bytes | memoryview", at: int) -> int:
    tens, ones = der[at] - 0x30, der[at + 1] - 0x30
    if not (0 <= tens <= 9 and 0 <= ones <= 9):
        raise ValueError("invalid cert")
    return tens * 10 + ones
