"""Makes an input that breaks a target as small as it can be, and a file of tests/fuzz/found/ of it."""

import hashlib
import traceback
from collections.abc import Callable
from pathlib import Path

FOUND = Path(__file__).with_name("found")
TRIES_MAX = 5000
LINE_CHARS = 100

One = Callable[[bytes], None]
Broken = tuple[str, str, int]


def breaks(one: One, data: bytes) -> Broken | None:
    """What it breaks, by the kind of the error and where it is raised; None: nothing."""
    try:
        one(data)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return type(error).__name__, Path(last.filename).name, last.lineno or 0
    return None


def shrink(one: One, data: bytes) -> bytes:
    """Parts are left out, large ones first, then bytes made simple, as long as it breaks the same."""
    wanted = breaks(one, data)
    if wanted is None:
        return data
    tries, size = 0, max(1, len(data) // 2)
    while tries < TRIES_MAX:
        at, before = 0, len(data)
        while at < len(data) and tries < TRIES_MAX:
            tries += 1
            shorter = data[:at] + data[at + size :]
            if breaks(one, shorter) == wanted:
                data = shorter
            else:
                at += size
        if size == 1 and len(data) == before:
            break
        size = max(1, size // 2)
    for at in range(len(data)):
        for simple in (0x00, 0x30):
            plain = data[:at] + bytes([simple]) + data[at + 1 :]
            if data[at] not in (0x00, 0x30) and breaks(one, plain) == wanted:
                data = plain
    return data


def shrink_file(one: One, target: str, path: Path) -> str:
    """Writes what is left and tells where."""
    whole = path.read_bytes()
    broken = breaks(one, whole)
    if broken is None:
        return f"{path} breaks nothing by itself; is it slow, or does it need much memory?"
    data = shrink(one, whole)
    name = f"{target}-{broken[0].lower()}-{hashlib.sha256(data).hexdigest()[:8]}.hex"
    digits = data.hex()
    lines = [digits[at : at + LINE_CHARS] for at in range(0, len(digits), LINE_CHARS)]
    (FOUND / name).write_text("\n".join([f"# {broken[0]} at {broken[1]}:{broken[2]}", *lines, ""]))
    return f"{len(data)} bytes, as a test in tests/fuzz/found/{name}"
