"""Calendars: when a zone's rule applies. Pure; moments come in.

A calendar goes by the clock on the wall there: a rule applies while that clock shows a time that the calendar names. So where
the clock is put forward, a time that it never shows never comes (a window that would begin in the gap begins after it, one that
would end in it ends before); where it is put back, a time that it shows twice comes twice.
First the date decides (`days_on`, `days_off`: whole days, midnight to midnight), then the week.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

LOOK_BACK = timedelta(days=8)
"""A stretch is traced back this far: more than a week, so that a weekly window is always found whole."""
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
CLOCK_STEP = timedelta(hours=6)
"""No clock is put forward and back again within this time."""
KEPT = 1024
"""Days of calendars whose stretches are remembered: each costs about a millisecond to work out, and is asked at every look."""


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly window, in minutes after local midnight; the end is not in it.

    Raises:
        ValueError: It has no days, no length, or minutes that no day has.
    """

    days: frozenset[int]
    """The days on which it begins, 0 for Monday to 6."""
    from_min: int
    until_min: int
    """Not after `from_min`: on the next day."""

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(range(7)):
            raise ValueError(f"days: {sorted(self.days)}: allowed are 0 (Monday) to 6, at least one")
        if not 0 <= self.from_min < DAY_MIN:
            raise ValueError(f"from: no day has a {_clock(self.from_min)} to begin at: allowed is 00:00 to 23:59")
        if not 0 <= self.until_min <= DAY_MIN:
            raise ValueError(f"until: no day has a {_clock(self.until_min)}: allowed is 00:00 to 24:00")
        if self.from_min == self.until_min:
            raise ValueError(
                f"from, until: both are {_clock(self.from_min)}: allowed are two times; a whole day is 00:00 until 24:00"
            )

    def minutes(self) -> Iterator[int]:
        """Minutes of the week, 0 at Monday's midnight."""
        length_min = (self.until_min - self.from_min) % DAY_MIN or DAY_MIN
        for day in self.days:
            begin = day * DAY_MIN + self.from_min
            yield from (minute % WEEK_MIN for minute in range(begin, begin + length_min))

    def __str__(self) -> str:
        days = ", ".join(DAY_NAMES[day] for day in sorted(self.days)) if len(self.days) < len(DAY_NAMES) else "daily"
        return f"{days} {_clock(self.from_min)}–{_clock(self.until_min)}"


@dataclass(frozen=True, slots=True)
class Dates:
    """A range of whole days, both ends in it.

    Raises:
        ValueError: It ends before it begins.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self}: ends before it begins: allowed is the earlier date first")

    def holds(self, day: date) -> bool:
        """True when the day is in it."""
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


@dataclass(frozen=True)
class Calendar:
    """When a rule applies.

    Without `weekly` it applies all week, but for `excepted`; with `days_on` alone, on these days alone.

    Raises:
        ValueError: The time zone is unknown, or what is written contradicts itself; one line that names the key.
    """

    time_zone: str
    weekly: tuple[Window, ...] = ()
    """When it applies."""
    excepted: tuple[Window, ...] = ()
    """When it does not, though the rest of the calendar says so: the licensed hours of a stall."""
    days_on: tuple[Dates, ...] = ()
    days_off: tuple[Dates, ...] = ()

    def __post_init__(self) -> None:
        _ = self._zone
        if not (self.weekly or self.excepted or self.days_on or self.days_off):
            raise ValueError("says nothing: allowed is at least one of weekly, except, days_on, days_off")
        _refuse_overlap("weekly", self.weekly)
        _refuse_overlap("except", self.excepted)
        for on in self.days_on:
            for off in self.days_off:
                if max(on.first, off.first) <= min(on.last, off.last):
                    raise ValueError(
                        f"days_on, days_off: both hold {max(on.first, off.first)}: allowed is a date in one of them"
                    )
        if self.days_on and self.days_off and not (self.weekly or self.excepted):
            raise ValueError(
                "days_on: says nothing beside days_off without weekly or except: without them all other days are on anyway"
            )
        if not self.days_on and not any(self.week):
            raise ValueError(
                "is never active: except takes away all that there is: allowed is one that leaves something"
            )

    @cached_property
    def _zone(self) -> tzinfo:
        try:
            return ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"time_zone: there is no {self.time_zone!r}: "
                f"allowed are names of the tz database, such as {_like(self.time_zone)}"
            ) from None

    @cached_property
    def week(self) -> bytes:
        """A 1 for each minute of the week in which the rule applies."""
        always = not self.weekly and bool(self.excepted or self.days_off)
        week = bytearray([always]) * WEEK_MIN
        for window in self.weekly:
            for minute in window.minutes():
                week[minute] = True
        for window in self.excepted:
            for minute in window.minutes():
                week[minute] = False
        return bytes(week)

    def active(self, at: datetime) -> bool:
        """True when the rule applies at an aware moment."""
        return self._shown(_utc(at))

    def active_since(self, at: datetime) -> datetime | None:
        """The beginning of the stretch without a gap in which the rule applies at `at`, over windows that adjoin.

        Args:
            at: An aware moment.

        Returns:
            In UTC; None when the rule does not apply at `at`. Not earlier than `at - LOOK_BACK`: that moment, where the stretch
            began before it.

        Raises:
            ValueError: `at` has no time zone.
        """
        moment = _utc(at)
        for begin, end in reversed(_stretches(self, moment.date())):
            if begin <= moment < end:
                return max(begin, moment - LOOK_BACK)
        return None

    def __str__(self) -> str:
        said = [*map(str, self.weekly)] or (["always"] if any(self.week) else [])
        said += [f"not {window}" for window in self.excepted]
        said += [*map(str, self.days_on), *(f"not {dates}" for dates in self.days_off)]
        return f"{'; '.join(said)} ({self.time_zone})"

    def may_meet(self, other: "Calendar") -> bool:
        """False when the two surely never apply at the same time: their weeks don't meet, and no date is an exception."""
        if self.days_on or other.days_on or self.time_zone != other.time_zone:
            return True
        return any(mine and its for mine, its in zip(self.week, other.week, strict=True))

    def _shown(self, moment: datetime) -> bool:
        """What the calendar says to what the clock on the wall shows."""
        wall = moment.astimezone(self._zone)
        day = wall.date()
        if any(dates.holds(day) for dates in self.days_on):
            return True
        if any(dates.holds(day) for dates in self.days_off):
            return False
        return bool(self.week[wall.weekday() * DAY_MIN + wall.hour * 60 + wall.minute])

    def _edges(self, begin: datetime, end: datetime) -> list[datetime]:
        """All moments, both ends among them, at which what it says may change; in UTC."""
        edges = {begin, end, *_jumps(self._zone, begin, end)}
        windows = (*self.weekly, *self.excepted)
        minutes = {0, *(window.from_min for window in windows), *(window.until_min % DAY_MIN for window in windows)}
        day = begin.astimezone(self._zone).date()
        while day <= end.astimezone(self._zone).date():
            for minute in minutes:
                for fold in (0, 1):
                    wall = datetime.combine(day, time(minute // 60, minute % 60, fold=fold), self._zone)
                    edges.add(wall.astimezone(UTC))
            day += timedelta(days=1)
        return sorted(edge for edge in edges if begin <= edge <= end)


@lru_cache(maxsize=KEPT)
def _stretches(calendar: Calendar, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The stretches in which it applies, from the look-back before a day (of UTC) to its end, in order and apart."""
    midnight = datetime.combine(day, time(), UTC)
    edges = calendar._edges(midnight - LOOK_BACK, midnight + timedelta(days=1))  # noqa: SLF001 - this file's own
    stretches: list[tuple[datetime, datetime]] = []
    for begin, end in pairwise(edges):
        if not calendar.active(begin):
            continue
        if stretches and stretches[-1][1] == begin:
            begin = stretches.pop()[0]  # noqa: PLW2901 - one stretch over both
        stretches.append((begin, end))
    return tuple(stretches)


def _jumps(zone: tzinfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments at which the clock on the wall is put forward or back, to the second."""
    early = begin
    while early < end:
        late = min(early + CLOCK_STEP, end)
        if _offset(zone, early) != _offset(zone, late):
            before, after = early, late
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
                if _offset(zone, middle) == _offset(zone, early):
                    before = middle
                else:
                    after = middle
            yield after
        early = late


def _offset(zone: tzinfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone: allowed is an aware moment")
    return at.astimezone(UTC)


def _refuse_overlap(key: str, windows: Sequence[Window]) -> None:
    taken: dict[int, Window] = {}
    for window in windows:
        for minute in window.minutes():
            if minute in taken:
                day, minute_of_day = divmod(minute, DAY_MIN)
                raise ValueError(
                    f"{key}: {taken[minute]} and {window} both hold {DAY_NAMES[day]} {_clock(minute_of_day)}: "
                    "allowed are windows that don't overlap"
                )
            taken[minute] = window


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _like(name: str) -> str:
    return next((zone for zone in available_timezones() if zone.lower() == name.lower()), "Asia/Shanghai")
