"""Bytes of an LD2410, or of a torn wire: into the parser, and what it finds into the talk about engineering
mode.

Whatever came before, sound frames that follow are found: all but the first, which a length that lies may
take.
"""

from sportbox.core.ld2410 import ANSWER, REPORT, Engineering, Parser

from tests.core import radar_frames

_ACK = b"\xfd\xfc\xfb\xfa\x08\x00\xff\x01\x00\x00\x01\x00\x40\x00\x04\x03\x02\x01"
_GOOD = radar_frames.engineering(3, (80, 61), (90, 62), 85, (5, 9), (7, 8))
_PAUSE = b"\x00" * 80  # longer than any frame

SEEDS = [
    radar_frames.basic(1, (100, 50), (90, 40), 95),
    _GOOD,
    _ACK,
    _GOOD * 3 + _ACK + radar_frames.basic(),
    b"\xf4\xf3\xf2\xf1\x3f\x00" + _GOOD,
    b"\xfd\xfc\xfb\xfa\xff\xff" + _ACK,
]


def one(data):
    parser, engineering = Parser(), Engineering()
    last = bytearray(64)
    now_ms = 0
    for byte in data:
        found = parser.push(byte)
        now_ms += 7
        assert found in (0, REPORT, ANSWER)
        assert 0 <= parser._count <= 64
        if found == REPORT:
            check_report(parser)
            assert 0 <= parser.news(last) <= 3
        kind = parser.type if found == REPORT else 0
        answer = parser.answer if found == ANSWER else 0
        sent = engineering.step(kind, answer, parser.granted, now_ms)
        assert sent is None or sent[:4] == b"\xfd\xfc\xfb\xfa"
    before = parser.frames
    for byte in _PAUSE + _GOOD * 2:
        if parser.push(byte) == REPORT:
            check_report(parser)
    assert parser.frames >= before + 2, "deaf afterwards"
    assert parser.distance_cm == 85 and parser.gates == 9


def check_report(parser):
    assert parser.state <= 3 and parser.moving_energy <= 100 and parser.still_energy <= 100
    assert parser.distance_cm <= 1000 and parser.gates <= 9 and parser.gate_energy <= 100
