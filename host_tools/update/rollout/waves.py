"""Which board comes in which wave.

--canary 1 --waves 10%,50%,100%    of 40 boards: 1, then 4, 20 and 40 in all
"""

import re
from collections.abc import Iterable, Sequence

from host_tools.errors import BadInput
from host_tools.output import printable

WAVES_MAX = 20
_WAVE = re.compile(r"([1-9][0-9]{0,5})(%?)")
HINT = "--waves 10%,50%,100%: how many have it when a wave is over, of all boards; the last is 100%"


def parse_waves(text: str) -> tuple[str, ...]:
    """`10%,50%,100%` or `5,20,100%`; BadInput says what is wrong."""
    waves = tuple(part.strip() for part in text.split(","))
    if len(waves) > WAVES_MAX:
        raise BadInput(f"--waves: {len(waves)} are too many, {WAVES_MAX} are allowed", HINT)
    before: dict[str, int] = {}
    for wave in waves:
        match = _WAVE.fullmatch(wave)
        if match is None or (match[2] and int(match[1]) > 100):
            raise BadInput(
                f"--waves: `{printable(wave)}` is neither a number of boards nor a percentage", HINT
            )
        if int(match[1]) <= before.get(match[2], 0):
            raise BadInput(f"--waves: `{wave}` is no more than the wave before it", HINT)
        before[match[2]] = int(match[1])
    if waves[-1] != "100%":
        raise BadInput(f"--waves: `{waves[-1]}` is the last, so some boards would never have a turn", HINT)
    return waves


def numbers(count: int, canary: int, waves: Sequence[str]) -> list[int]:
    """The wave of each of `count` boards, in their order; the canaries are 0. Each wave has boards."""
    found = [0] * min(canary, count)
    for wave in waves:
        number = found[-1] + 1 if found else 1
        until = -(-count * int(wave[:-1]) // 100) if wave.endswith("%") else int(wave)
        found += [number] * (min(until, count) - len(found))
    return found


def in_order(names: Iterable[str], kinds: dict[str, str], online: Iterable[str]) -> list[str]:
    """Boards that are there come first, and among these one of each kind: canaries should differ."""
    there, rest = set(online), list(names)
    first: list[str] = []
    seen: set[str] = set()
    for name in rest:
        if name in there and kinds[name] not in seen:
            seen.add(kinds[name])
            first.append(name)
    more = [name for name in rest if name in there and name not in set(first)]
    return first + more + [name for name in rest if name not in there]
