"""Working time: which moments a department works in, and when a limit of so many working hours is over. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

SEARCHED_DAYS = 3660
"""Ten years: a limit that is not over by then is a mistake in the calendar, not a limit."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """A part of a working day, in local time.

    Attributes:
        begins: Its first moment.
        ends: The moment it is over; None at midnight, when the day ends.
    """

    begins: time
    ends: time | None

    def __post_init__(self) -> None:
        if self.ends is not None and self.begins >= self.ends:
            raise ValueError(
                f"{self.begins:%H:%M}-{self.ends:%H:%M} ends before it begins; write two spans over midnight"
            )


@dataclass(frozen=True)
class WorkingCalendar:
    """When a department works.

    Attributes:
        zone: The time zone that the hours and dates are meant in.
        week: The spans of each day of the week, Monday first; they don't overlap and come in their order.
        holidays: Days without work, whatever day of the week they are.
        workdays: Days that are worked in place of others, with their own spans.

    Raises:
        ValueError: A week has not seven days, spans of a day overlap, or no day of the week is worked.
    """

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()
    workdays: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.week) != 7:  # noqa: PLR2004
            raise ValueError(f"a week has 7 days, not {len(self.week)}")
        if not any(self.week):
            raise ValueError("no day of the week has working hours")
        for spans in (*self.week, *self.workdays.values()):
            for earlier, later in pairwise(spans):
                if earlier.ends is None or later.begins < earlier.ends:
                    raise ValueError(f"working hours that begin at {later.begins:%H:%M} overlap the ones before")

    def spans_of(self, day: date) -> tuple[Span, ...]:
        """The spans worked on a day; a day in `workdays` is worked even if it is a holiday."""
        if day in self.workdays:
            return self.workdays[day]
        return () if day in self.holidays else self.week[day.weekday()]


def due_at(start: datetime, hours: float, calendar: WorkingCalendar) -> datetime:
    """The moment at which so many working hours have passed.

    Hours are real ones: on a day whose clock is put forward at work, an hour less is worked.

    Args:
        start: When the limit begins to run; outside working time it runs from the next span on.
        hours: Working hours, above 0.
        calendar: When they pass.

    Returns:
        The moment, in UTC.

    Raises:
        ValueError: The hours are not above 0, `start` has no zone, or ten years are not enough.

    Examples:
        >>> nine_to_five = (Span(time(9), time(17)),)
        >>> calendar = WorkingCalendar(ZoneInfo("Asia/Shanghai"), (nine_to_five,) * 5 + ((), ()))
        >>> friday = datetime(2026, 3, 6, 16, tzinfo=ZoneInfo("Asia/Shanghai"))
        >>> due_at(friday, 2, calendar).astimezone(calendar.zone).isoformat()  # an hour on Friday, one on Monday
        '2026-03-09T10:00:00+08:00'
    """
    if hours <= 0:
        raise ValueError(f"a limit is above 0 working hours, not {hours}")
    left = timedelta(hours=hours)
    for begins, ends in _spans_from(start, calendar):
        worked = ends - max(begins, start)
        if worked >= left:
            return max(begins, start).astimezone(UTC) + left
        left -= worked
    raise ValueError(f"{hours} working hours from {start.isoformat()} are not over in ten years")


def worked_s(start: datetime, end: datetime, calendar: WorkingCalendar) -> float:
    """Working time between two moments, in seconds; 0 when the end is not after the start."""
    total = timedelta()
    for begins, ends in _spans_from(start, calendar):
        if max(begins, start) >= end:
            break
        total += min(ends, end) - max(begins, start)
    return total.total_seconds()


def _spans_from(start: datetime, calendar: WorkingCalendar) -> Iterator[tuple[datetime, datetime]]:
    """Spans that end after a moment, in UTC and in order; differences within one zone would ignore a changed clock."""
    if start.tzinfo is None:
        raise ValueError(f"{start} carries no time zone")
    day = start.astimezone(calendar.zone).date()
    for _ in range(SEARCHED_DAYS):
        for span in calendar.spans_of(day):
            begins = _moment(day, span.begins, calendar.zone)
            ends = _moment(day, span.ends, calendar.zone) if span.ends else _moment(day + _DAY, time(), calendar.zone)
            if ends > max(begins, start):
                yield begins, ends
        day += _DAY


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
