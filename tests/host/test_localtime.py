"""The changes of local time that boards with a keypad are told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from host_tools.errors import ToolError
from host_tools.site.localtime import FIRST_S, LAST_S, utc_offsets


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_germany_changes_in_march_and_october_at_one_o_clock() -> None:
    changes = utc_offsets("Europe/Berlin")
    assert changes[0] == [seconds("2025-01-01T00:00:00"), 3_600]
    assert [seconds("2026-03-29T01:00:00"), 7_200] in changes
    assert [seconds("2026-10-25T01:00:00"), 3_600] in changes
    assert changes[-1] == [seconds("2037-10-25T01:00:00"), 3_600]
    assert len(changes) == 1 + 2 * 13


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "UTC", "Asia/Kolkata"]
)
def test_the_offset_at_any_time_is_that_of_the_last_change(name: str) -> None:
    zone, changes = ZoneInfo(name), utc_offsets(name)
    assert changes == sorted(changes)
    for unix_s in range(FIRST_S, LAST_S, 7 * 86_400 + 1_800):
        offset_s = [offset for start_s, offset in changes if start_s <= unix_s][-1]
        assert timedelta(seconds=offset_s) == datetime.fromtimestamp(unix_s, zone).utcoffset()


def test_a_computer_without_time_zones_says_so() -> None:
    with pytest.raises(ToolError, match="does not know the time zone") as caught:
        utc_offsets("Europe/Nowhere")
    assert "tzdata" in (caught.value.hint or "")
