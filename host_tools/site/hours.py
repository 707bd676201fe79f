"""Hours of a week in the site file, local time: when locks may be opened, when the ground is closed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from host_tools.site.base import TIME_PATTERN, Model
from host_tools.site.explain import Explained

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
TimeOfDay = Annotated[str, StringConstraints(pattern=TIME_PATTERN)]
HOURS_MAX = 14


def seconds_of(time: str) -> int:
    """A time of day, `08:30`, in seconds since local midnight."""
    hours, minutes = time.split(":")
    return int(hours) * 3_600 + int(minutes) * 60


def weekdays_of(days: Iterable[Weekday]) -> list[int]:
    """Days of the week as numbers; Monday is 0."""
    return sorted({WEEKDAYS.index(day) for day in days})


class Hours(Model):
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = Field(
        list(WEEKDAYS), description="days of the week on which they begin"
    )
    from_: TimeOfDay = Field("00:00", alias="from", description="local time of day")
    to: TimeOfDay = Field("24:00", description="local time of day; over midnight if it is before `from`")

    def facts(self) -> list[int]:
        """As /config.json has them: from, to (seconds since local midnight), days (bit 0 is Monday)."""
        days = sum(1 << day for day in weekdays_of(self.days))
        return [seconds_of(self.from_), seconds_of(self.to), days]


WeekHours = Annotated[list[Hours], Field(min_length=1, max_length=HOURS_MAX)]


def facts_of(hours: Sequence[Hours]) -> list[int]:
    """All of them in one list, which takes a board the least memory."""
    return [fact for each in hours for fact in each.facts()]


def check_hours(hours: Sequence[Hours] | None) -> Iterator[Explained]:
    """What is wrong with them; places are relative to the list."""
    for index, each in enumerate(hours or ()):
        if seconds_of(each.from_) == seconds_of(each.to):
            told = f'must differ from `from`; for the whole day leave both out (got "{each.to}")'
            yield Explained((index, "to"), told)
        if len(set(each.days)) < len(each.days):
            yield Explained((index, "days"), "names a day twice")
