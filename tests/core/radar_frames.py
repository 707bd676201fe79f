"""Report frames of an LD2410 with chosen values; test_ld2410.py has the vendor's own."""


def basic(state=0, moving=(0, 0), still=(0, 0), distance_cm=0):
    """`moving` and `still` are (distance in cm, energy)."""
    return _frame(2, _target(state, moving, still, distance_cm))


def engineering(state=0, moving=(0, 0), still=(0, 0), distance_cm=0, moving_gates=(), still_gates=()):
    """Gate energies that are left out are 0."""
    energies = b"".join([bytes((list(given) + [0] * 9)[:9]) for given in (moving_gates, still_gates)])
    return _frame(1, _target(state, moving, still, distance_cm) + b"\x08\x08" + energies + b"\x03\x05")


def noisy(now_ms, **values):
    """An engineering report with the noise that gates always have, another one each 100 ms."""
    return engineering(still_gates=(0, 0, 3 + now_ms // 100 % 5), **values)


def _target(state, moving, still, distance_cm):
    targets = b"".join([_u16(cm) + bytes([energy]) for cm, energy in (moving, still)])
    return bytes([state]) + targets + _u16(distance_cm)


def _frame(kind, target):
    content = bytes([kind, 0xAA]) + target + b"\x55\x00"
    return b"\xf4\xf3\xf2\xf1" + _u16(len(content)) + content + b"\xf8\xf7\xf6\xf5"


def _u16(value):
    return bytes([value & 0xFF, value >> 8])
