"""Local time for boards, which have no time zones: the list of the site's changes of the clock."""

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from host_tools.errors import ToolError

FIRST_S = 1_735_689_600  # 2025-01-01, before any board of this firmware
LAST_S = 2_145_916_800  # 2038-01-01
STEP_S = 86_400


def utc_offsets(time_zone: str) -> list[list[int]]:
    """[from when in Unix time, offset to UTC], both in seconds, from 2025 to the end of 2037."""
    return [list(change) for change in _changes(time_zone)]


@cache
def _changes(time_zone: str) -> tuple[tuple[int, int], ...]:
    try:
        zone = ZoneInfo(time_zone)
    except (OSError, ValueError, KeyError) as error:
        raise ToolError(
            f"this computer does not know the time zone {time_zone}",
            hint="install the system's time zones (Debian: apt install tzdata)",
        ) from error
    found = [(FIRST_S, _offset_s(zone, FIRST_S))]
    for start_s in range(FIRST_S, LAST_S, STEP_S):
        if _offset_s(zone, start_s + STEP_S) != found[-1][1]:
            change_s = _change_s(zone, start_s, start_s + STEP_S)
            found.append((change_s, _offset_s(zone, change_s)))
    return tuple(found)


def _change_s(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    """The first second of the new offset, which comes once between the two."""
    old = _offset_s(zone, before_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset_s(zone, middle_s) == old:
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s


def _offset_s(zone: ZoneInfo, unix_s: int) -> int:
    offset = datetime.fromtimestamp(unix_s, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
