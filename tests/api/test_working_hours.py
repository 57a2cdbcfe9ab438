"""Due times in working hours, with the arithmetic beside each."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from api.casework.working_hours import Span, WorkingCalendar, due_at, worked_s

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = (Span(time(8, 30), time(12)), Span(time(14), time(17, 30)))  # 3.5 h + 3.5 h
NIGHT = (Span(time(0), time(6)), Span(time(22), None))  # 6 h + 2 h: night shifts, written as two spans
WEEK = WorkingCalendar(SHANGHAI, (OFFICE,) * 5 + ((), ()))
OCTOBER = WorkingCalendar(
    SHANGHAI,
    (OFFICE,) * 5 + ((), ()),
    frozenset(date(2026, 10, day) for day in range(1, 9)),  # Thursday to Thursday
    {date(2026, 10, 10): OFFICE[:1]},  # a Saturday worked in the morning
)
AROUND_THE_CLOCK = WorkingCalendar(BERLIN, ((Span(time(0), None),),) * 7)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("calendar", "start", "hours", "due"),
    [
        (WEEK, "2026-03-02 09:00", 1, "2026-03-02 10:00"),
        (WEEK, "2026-03-02 11:30", 1, "2026-03-02 14:30"),  # half an hour before lunch, half after
        (WEEK, "2026-03-02 12:30", 1, "2026-03-02 15:00"),  # lunch does not count
        (WEEK, "2026-03-02 09:00", 3, "2026-03-02 12:00"),  # to the minute of the end: still today, not after lunch
        (WEEK, "2026-03-02 03:00", 7, "2026-03-02 17:30"),  # a whole day from before it begins
        (WEEK, "2026-03-06 17:00", 1, "2026-03-09 09:00"),  # Friday: half an hour, then Monday
        (WEEK, "2026-03-07 10:00", 0.5, "2026-03-09 09:00"),  # Saturday
        (WEEK, "2026-03-02 08:30", 35, "2026-03-06 17:30"),  # five days of seven hours
        (WEEK, "2026-03-02 08:30", 35.5, "2026-03-09 09:00"),
        (OCTOBER, "2026-09-30 17:00", 1, "2026-10-09 09:00"),  # 1 to 8 October are free
        (OCTOBER, "2026-10-09 17:00", 1, "2026-10-10 09:00"),  # the Saturday is worked…
        (OCTOBER, "2026-10-10 11:30", 1, "2026-10-12 09:00"),  # …in the morning
    ],
)
def test_due(calendar: WorkingCalendar, start: str, hours: float, due: str) -> None:
    assert due_at(at(start), hours, calendar) == at(due)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        # 29 March 2026: 2:00 becomes 3:00. Two hours from 1:00 are over at 4:00.
        ("2026-03-29 01:00", 2, "2026-03-29 04:00"),
        # 25 October 2026: 3:00 becomes 2:00. Two hours from 1:30 (summer) are over at 2:30 (winter) = 1:30 UTC.
        ("2026-10-25 01:30", 2, "2026-10-25 02:30 winter"),
    ],
)
def test_a_changed_clock_makes_no_hours(start: str, hours: float, due: str) -> None:
    expected = at(due.removesuffix(" winter"), BERLIN).replace(fold=1 if due.endswith("winter") else 0)
    assert due_at(at(start, BERLIN), hours, AROUND_THE_CLOCK).astimezone(UTC) == expected.astimezone(UTC)


def test_shifts_over_midnight() -> None:
    nights = WorkingCalendar(SHANGHAI, (NIGHT,) * 7)
    # From 21:00: two hours until midnight, then two of the next day.
    assert due_at(at("2026-03-02 21:00"), 4, nights) == at("2026-03-03 02:00")


def test_the_start_may_come_in_any_zone() -> None:
    assert due_at(at("2026-03-02 09:00").astimezone(UTC), 1, WEEK) == at("2026-03-02 10:00")
    # 23:30 UTC on Sunday is 7:30 on Monday in Shanghai.
    assert due_at(datetime(2026, 3, 1, 23, 30, tzinfo=UTC), 1, WEEK) == at("2026-03-02 09:30")


def test_more_hours_are_never_due_earlier_and_take_just_so_long() -> None:
    start = at("2026-09-28 11:17")
    for hours in (0.01, 0.5, 1, 3.5, 7, 40, 200):
        assert worked_s(start, due_at(start, hours, OCTOBER), OCTOBER) == pytest.approx(hours * 3600, abs=1e-3)
    dues = [due_at(start, hours / 7, OCTOBER) for hours in range(1, 200)]
    assert all(earlier < later for earlier, later in pairwise(dues))


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-03-02 08:00", "2026-03-02 18:00", 7),
        ("2026-03-02 10:00", "2026-03-02 13:00", 2),
        ("2026-03-06 17:00", "2026-03-09 09:00", 1),
        ("2026-03-07 00:00", "2026-03-08 23:00", 0),
        ("2026-03-02 10:00", "2026-03-02 09:00", 0),  # backwards
    ],
)
def test_worked(start: str, end: str, hours: float) -> None:
    assert worked_s(at(start), at(end), WEEK) == hours * 3600


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: due_at(at("2026-03-02 09:00"), 0, WEEK), "above 0"),
        (lambda: due_at(datetime(2026, 3, 2), 1, WEEK), "time zone"),  # noqa: DTZ001
        (lambda: due_at(at("2026-03-02 09:00"), 1e6, WEEK), "not over in ten years"),
        (lambda: Span(time(12), time(8)), "ends before it begins"),
        (lambda: WorkingCalendar(SHANGHAI, ((),) * 7), "no day"),
        (lambda: WorkingCalendar(SHANGHAI, (OFFICE,) * 5), "7 days"),
        (lambda: WorkingCalendar(SHANGHAI, ((Span(time(8), time(12)), Span(time(11), time(13))),) * 7), "overlap"),
        (lambda: WorkingCalendar(SHANGHAI, ((Span(time(8), None), Span(time(11), time(13))),) * 7), "overlap"),
    ],
)
def test_wrong_calendars(make, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_an_empty_week_of_workdays_ends() -> None:
    """All of the week is a holiday for ten years: refused, not searched for ever."""
    days = frozenset(date(2026, 1, 1) + timedelta(days=number) for number in range(4000))
    with pytest.raises(ValueError, match="ten years"):
        due_at(at("2026-03-02 09:00"), 1, WorkingCalendar(SHANGHAI, (OFFICE,) * 7, days))
