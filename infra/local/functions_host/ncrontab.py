"""NCRONTAB: `second minute hour day month day-of-week`; all six must agree (no cron-like "or")."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
# The Gregorian calendar repeats itself after 400 years, but a day and month that meet at all
# meet on a given weekday within 40 (29 February skips 1900 and 2100).
_HORIZON_YEARS = 40


class InvalidSchedule(Exception):
    """The expression can't be read; the text says which field."""


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def value(self, text: str) -> int:
        if not text.isdigit():
            matches = [
                self.low + index for index, name in enumerate(self.names) if name.startswith(text.lower())
            ]
            if len(text) < 3 or len(matches) != 1:
                raise InvalidSchedule(f"'{text}' is no {self.name}")
            return matches[0]
        number = int(text)
        if not self.low <= number <= self.high:
            raise InvalidSchedule(f"{self.name} {number} is not between {self.low} and {self.high}")
        return number

    def values(self, text: str) -> frozenset[int]:
        chosen: set[int] = set()
        for part in text.split(","):
            chosen.update(self._part(part))
        return frozenset(chosen)

    def _part(self, text: str) -> range:
        bounds, slash, step_text = text.partition("/")
        if slash and not (step_text.isdigit() and int(step_text) > 0):
            raise InvalidSchedule(f"'{text}': the step of the {self.name} must be a positive number")
        step = int(step_text) if slash else 1
        if bounds == "*":
            return range(self.low, self.high + 1, step)
        first, dash, last = bounds.partition("-")
        start = self.value(first)
        if dash:
            end = self.value(last)
            start, end = min(start, end), max(start, end)  # NCRONTAB swaps a range written backwards
        else:
            end = self.high if step > 1 else start
        return range(start, end + 1, step)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class Ncrontab:
    """A parsed expression. Five fields are read as six with second 0, as the platform does."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) == 5:
            fields = ["0", *fields]
        if len(fields) != 6:
            raise InvalidSchedule(f"'{expression}' has {len(fields)} fields, not 6")
        values = [field.values(text) for field, text in zip(_FIELDS, fields, strict=True)]
        self._seconds, self._minutes, self._hours = (sorted(each) for each in values[:3])
        self._days, self._months, self._weekdays = values[3:]

    def matches(self, moment: datetime) -> bool:
        """Whether the moment, to the second, is an occurrence."""
        return (
            moment.second in self._seconds
            and moment.minute in self._minutes
            and moment.hour in self._hours
            and self._matches_day(moment.date())
        )

    def next_after(self, moment: datetime) -> datetime | None:
        """The first occurrence strictly later than the moment; None when there never is one."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        if self._matches_day(start.date()):
            time = self._first_time_from(start.hour, start.minute, start.second)
            if time is not None:
                return start.replace(hour=time[0], minute=time[1], second=time[2])
        day = self._first_day_from(start.date() + timedelta(days=1))
        if day is None:
            return None
        return start.replace(
            year=day.year,
            month=day.month,
            day=day.day,
            hour=self._hours[0],
            minute=self._minutes[0],
            second=self._seconds[0],
        )

    def _matches_day(self, day: date) -> bool:
        weekday = day.isoweekday() % 7  # Sunday is 0
        return day.month in self._months and day.day in self._days and weekday in self._weekdays

    def _first_day_from(self, day: date) -> date | None:
        last_year = day.year + _HORIZON_YEARS
        while day.year <= last_year:
            if day.month not in self._months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            elif self._matches_day(day):
                return day
            else:
                day += timedelta(days=1)
        return None

    def _first_time_from(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        for candidate_hour in (each for each in self._hours if each >= hour):
            if candidate_hour > hour:
                return candidate_hour, self._minutes[0], self._seconds[0]
            for candidate_minute in (each for each in self._minutes if each >= minute):
                if candidate_minute > minute:
                    return hour, candidate_minute, self._seconds[0]
                for candidate_second in (each for each in self._seconds if each >= second):
                    return hour, minute, candidate_second
        return None
