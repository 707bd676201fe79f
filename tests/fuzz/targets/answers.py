"""Answers over UDP, which anybody may send: DNS (`d`, then the answer to `_QUESTION`) and SNTP (`t`)."""

import struct

from sportbox.net import udp

_QUESTION = b"\x06broker\x07example\x00\x00\x01\x00\x01"
_HEAD = b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00"
_AT = len(_HEAD) + len(_QUESTION)
_ALIAS = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01a\xc0\x13"
_ADDRESS = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07"
_LONG = b"\x06broker\x07example\x00" + _ADDRESS[2:]
_TIME = b"\x24\x02\x00\xe9" + bytes(36) + struct.pack("!II", 1795366800 + 2208988800, 1 << 31)

SEEDS = [
    b"d" + _HEAD + _QUESTION + _ALIAS + _ADDRESS,
    b"d" + _HEAD + _QUESTION + _LONG + _ADDRESS,
    b"d" + _HEAD[:3] + b"\x83" + _HEAD[4:] + _QUESTION,
    b"d" + _HEAD + _QUESTION + _ALIAS * 16,
    b"d" + _HEAD + _QUESTION + b"\x3f" * 40,
    b"t" + _TIME,
    b"t\xe4" + _TIME[1:],
    b"t" + _TIME[:40] + bytes(8),
]


def one(data):
    answer = data[1:513]  # as much as is read
    if data[:1] == b"d":
        if len(answer) > 12:  # as resolve() accepts it
            check_address(udp.first_address(answer, _AT), answer)
    elif len(answer) >= 48:
        unix_s = udp.server_time(answer)
        assert unix_s is None or 1735689600 <= unix_s < 2840140800, unix_s


def check_address(address, answer):
    if address is None:
        return
    assert udp.is_address(address), address
    raw = bytes([int(part) for part in address.split(".")])
    assert raw in answer[_AT:], "made up"
