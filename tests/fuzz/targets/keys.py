"""Pulses of a Wiegand keypad and what is typed with them. Input: a byte a pulse, its lowest bit the line, the
rest of it the pause before, in ms.

Nothing but eight right digits is a code that opens, and five wrong ones lock the keypad.
"""

from sportbox.core import hotp
from sportbox.core.keypad import CLEAR, ENTER, Keypad, find
from sportbox.core.wiegand import Bursts

_KEYS = [("lock-1", b"1" * 20), ("lock-2", b"2" * 20)]
_SLOT = 498713
_CODE = hotp.code(_KEYS[1][1], _SLOT)


def pulses(typed, wide=False):
    """A key a character: the first pulse of each comes 60 ms after the one before."""
    found = bytearray()
    for char in typed:
        key = {"*": CLEAR, "#": ENTER}.get(char, 0) or int(char)
        value, bits = ((key ^ 15) << 4 | key, 8) if wide else (key, 4)
        for i in range(bits):
            found.append((60 if i == 0 else 2) << 1 | (value >> (bits - 1 - i) & 1))
    return bytes(found)


SEEDS = [
    pulses(_CODE),
    pulses(_CODE, True),
    pulses("12*" + _CODE),
    pulses("123#4#" + "00000000" * 5),
    pulses("0000000") + bytes(40),
]


def one(data):
    bursts, keypad = Bursts(), Keypad()
    now_ms, typed = 1000, ""
    for byte in data:
        now_ms += byte >> 1
        if byte == 0xFF:
            now_ms += 5000
        key = bursts.bit(byte & 1, now_ms)
        assert -1 <= key <= 11
        assert bursts.deadline is None or bursts.deadline <= now_ms + 25
        if key >= 0:
            typed = press(keypad, key, typed, now_ms)
    key = bursts.key(now_ms + 25)
    assert bursts.key(now_ms + 50) == -1
    if key >= 0:
        press(keypad, key, typed, now_ms)
    check_restored(keypad, now_ms)


def press(keypad, key, typed, now_ms):
    """What a second book says was typed so far."""
    keypad.tick(now_ms)
    if keypad.locked:
        assert keypad.deadline > now_ms
        return ""
    if not keypad.typing():
        typed = ""
    code = keypad.press(key, now_ms)
    typed = "" if key == CLEAR else typed if key == ENTER else typed + str(key)
    if code is None:
        assert len(typed) < 8
        return typed
    assert code == typed and 0 < len(code) <= 8, (code, typed)
    found = find(code, _KEYS, [_SLOT - 1, _SLOT])
    assert found is None or hotp.code(dict(_KEYS)[found[0]], found[1]) == code
    if found is not None:
        keypad.was_right()
        return ""
    locked_s = keypad.was_wrong(now_ms)
    assert (locked_s > 0) == (keypad.wrong % 5 == 0) and locked_s <= 3600
    assert keypad.locked == (locked_s > 0)
    return ""


def check_restored(keypad, now_ms):
    again = Keypad()
    again.restore(keypad.memory(), now_ms)
    assert again.wrong == keypad.wrong and again.locked == (keypad.locked and keypad.wrong >= 5)
