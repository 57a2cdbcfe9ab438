"""The calendar of a zone as people write it."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from detector.zoning.calendars import DAY_MIN, DAY_NAMES, Calendar, Dates, Window
from detector.zoning.written import Written

CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
RANGE = ".."
LONGEST = 366
"""Windows and date ranges in one calendar: one for each day of a year is more than anybody writes."""


def _clock(value: object) -> object:
    """Minutes after midnight of `"07:30"`."""
    found = CLOCK.fullmatch(value) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if found is None or int(found[2]) > 59 or minutes > DAY_MIN:  # noqa: PLR2004 - minutes of an hour
        raise ValueError('allowed is a time from "00:00" to "24:00", in quotes')
    return minutes


def _days(value: object) -> object:
    """Numbers of days, 0 for Monday, of `[mon, tue]` or `[mon..fri]`."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"allowed is a list of {', '.join(DAY_NAMES)} and ranges such as mon..fri")
    numbers = [number for written in value for number in _span(written)]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise ValueError(f"{DAY_NAMES[twice]} is given twice: allowed is once")
    return frozenset(numbers)


def _span(written: object) -> list[int]:
    first, dots, last = str(written).partition(RANGE)
    for name in (first, last) if dots else (first,):
        if name not in DAY_NAMES:
            raise ValueError(
                f"there is no day {name!r}: allowed are {', '.join(DAY_NAMES)} and ranges such as mon..fri"
            )
    begin, end = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
    return [(begin + step) % len(DAY_NAMES) for step in range((end - begin) % len(DAY_NAMES) + 1)]


def _dates(value: object) -> object:
    """A day or a range of days, of `2026-10-01` or `"2026-10-01..2026-10-07"`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return Dates(value, value)
    first, dots, last = str(value).partition(RANGE)
    try:
        return Dates(date.fromisoformat(first), date.fromisoformat(last if dots else first))
    except ValueError as error:
        if "ends before" in str(error):
            raise
        raise ValueError(
            f"{str(value)!r} is no date: allowed are 2026-10-01 and 2026-10-01..2026-10-07, dates that there are"
        ) from None


def _instance(read: Callable[[object], object]) -> BeforeValidator:
    return BeforeValidator(read)


class WindowEntry(Written):
    """A weekly window; without `days`, of every day."""

    days: Annotated[Any, _instance(_days)] = frozenset(range(7))
    from_: Annotated[Any, _instance(_clock)] = Field(alias="from")
    until: Annotated[Any, _instance(_clock)]
    _window: Window = PrivateAttr()

    @model_validator(mode="after")
    def _whole(self) -> "WindowEntry":
        self._window = Window(self.days, self.from_, self.until)
        return self

    @property
    def window(self) -> Window:
        """As the rules use it."""
        return self._window


class CalendarEntry(Written):
    """When a zone's rule applies."""

    time_zone: str
    weekly: Annotated[list[WindowEntry], Field(min_length=1, max_length=LONGEST)] | None = None
    except_: Annotated[list[WindowEntry], Field(min_length=1, max_length=LONGEST)] | None = Field(None, alias="except")
    days_on: Annotated[list[Annotated[Any, _instance(_dates)]], Field(min_length=1, max_length=LONGEST)] | None = None
    days_off: Annotated[list[Annotated[Any, _instance(_dates)]], Field(min_length=1, max_length=LONGEST)] | None = None
    _calendar: Calendar = PrivateAttr()

    @model_validator(mode="after")
    def _agrees(self) -> "CalendarEntry":
        self._calendar = Calendar(
            time_zone=self.time_zone,
            weekly=tuple(entry.window for entry in self.weekly or ()),
            excepted=tuple(entry.window for entry in self.except_ or ()),
            days_on=tuple(self.days_on or ()),
            days_off=tuple(self.days_off or ()),
        )
        return self

    @property
    def calendar(self) -> Calendar:
        """As the rules use it."""
        return self._calendar
