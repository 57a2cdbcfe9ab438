"""When a rule applies: tables of moments, with what the clock on the wall shows in comments."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detector.zoning.calendars import LOOK_BACK, Calendar, Dates, Window, _stretches

SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
DAILY, WEEKDAYS, WEEKEND = frozenset(range(7)), frozenset(range(5)), frozenset({5, 6})


def window(from_: str, until: str, days: frozenset[int] = DAILY) -> Window:
    def minutes(text: str) -> int:
        hours, _, rest = text.partition(":")
        return int(hours) * 60 + int(rest)

    return Window(days, minutes(from_), minutes(until))


def dates(first: str, last: str | None = None) -> Dates:
    return Dates(datetime.fromisoformat(first).date(), datetime.fromisoformat(last or first).date())


def local(text: str, zone: str = SHANGHAI, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


RUSH = Calendar(SHANGHAI, weekly=(window("07:00", "09:30", WEEKDAYS), window("17:00", "19:00", WEEKDAYS)))
NIGHT = Calendar(SHANGHAI, weekly=(window("22:00", "06:00"),))
STALL = Calendar(SHANGHAI, excepted=(window("05:30", "09:00"),))
HOLIDAY = Calendar(
    SHANGHAI, weekly=(window("07:00", "09:30", WEEKDAYS),), days_off=(dates("2026-10-01", "2026-10-07"),)
)
# 2026-10-10 is a Saturday on which the country works.
MADE_UP = Calendar(SHANGHAI, weekly=(window("07:00", "09:30", WEEKDAYS),), days_on=(dates("2026-10-10"),))
MARKET_DAYS = Calendar(SHANGHAI, days_on=(dates("2026-03-07", "2026-03-08"),))
# 2026-03-02 is a Monday.
TABLE = [
    ("a window has begun", RUSH, "2026-03-02T08:15", "2026-03-02T07:00"),
    ("its first moment is in it", RUSH, "2026-03-02T07:00", "2026-03-02T07:00"),
    ("its last moment is not", RUSH, "2026-03-02T09:30", None),
    ("the moment before is", RUSH, "2026-03-02T09:29:59.999", "2026-03-02T07:00"),
    ("the second window is a stretch of its own", RUSH, "2026-03-02T18:00", "2026-03-02T17:00"),
    ("not on a Sunday", RUSH, "2026-03-01T08:15", None),
    ("past midnight, before it", NIGHT, "2026-03-02T23:00", "2026-03-02T22:00"),
    ("past midnight, after it", NIGHT, "2026-03-03T05:59", "2026-03-02T22:00"),
    ("past midnight, over", NIGHT, "2026-03-03T06:00", None),
    (
        "past midnight from Sunday to Monday",
        Calendar(SHANGHAI, weekly=(window("22:00", "06:00", frozenset({6})),)),
        "2026-03-02T01:00",
        "2026-03-01T22:00",
    ),
    ("all but the stall's hours: begins when they end", STALL, "2026-03-02T12:00", "2026-03-02T09:00"),
    ("all but the stall's hours: over midnight", STALL, "2026-03-03T05:29", "2026-03-02T09:00"),
    ("the stall's hours", STALL, "2026-03-02T05:30", None),
    ("a day off", HOLIDAY, "2026-10-01T08:00", None),
    ("the last day off", HOLIDAY, "2026-10-07T08:00", None),
    ("the day after", HOLIDAY, "2026-10-08T08:00", "2026-10-08T07:00"),  # a Thursday
    ("a day that is on is on whole", MADE_UP, "2026-10-10T03:00", "2026-10-10T00:00"),
    ("and no longer", MADE_UP, "2026-10-11T00:00", None),
    ("days that are on alone: the first", MARKET_DAYS, "2026-03-08T12:00", "2026-03-07T00:00"),
    ("days that are on alone: any other", MARKET_DAYS, "2026-03-09T12:00", None),
    (
        "windows that adjoin are one stretch",
        Calendar(SHANGHAI, weekly=(window("07:00", "12:00", WEEKDAYS), window("12:00", "13:00"))),
        "2026-03-02T12:30",
        "2026-03-02T07:00",
    ),
    (
        "whole days that adjoin are one stretch",
        Calendar(SHANGHAI, weekly=(window("00:00", "24:00", WEEKEND),)),
        "2026-03-01T23:00",  # a Sunday
        "2026-02-28T00:00",
    ),
    # The date decides first: a day off ends at midnight, and what is left of the night's window is the next day's.
    (
        "the night after a day off",
        Calendar(SHANGHAI, weekly=(window("22:00", "06:00"),), days_off=(dates("2026-03-02"),)),
        "2026-03-03T01:00",
        "2026-03-03T00:00",
    ),
    (
        "the night before a day off",
        Calendar(SHANGHAI, weekly=(window("22:00", "06:00"),), days_off=(dates("2026-03-03"),)),
        "2026-03-03T01:00",
        None,
    ),
]


@pytest.mark.parametrize(("calendar", "at", "since"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_since_when_it_applies(calendar: Calendar, at: str, since: str | None) -> None:
    assert calendar.active_since(local(at)) == (None if since is None else local(since))
    assert calendar.active(local(at)) is (since is not None)


def test_the_moment_may_come_in_any_zone() -> None:
    at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # 7:30 on Monday in Shanghai
    assert RUSH.active_since(at) == datetime(2026, 3, 1, 23, 0, tzinfo=UTC)


# Berlin, 2026: on March 29 the clock goes from 2:00 to 3:00 (at 1:00 UTC), on October 25 from 3:00 back to 2:00 (at 1:00 UTC).
CLOCK_CHANGES = [
    # Begins in the gap: at 3:00, the first moment after it.
    ("02:30", "04:00", "2026-03-29T01:15", "2026-03-29T01:00"),
    ("02:30", "04:00", "2026-03-29T00:59:59", None),
    # Ends in the gap: the clock shows 1:59:59 last.
    ("01:00", "02:30", "2026-03-29T00:59:59", "2026-03-29T00:00"),
    ("01:00", "02:30", "2026-03-29T01:00", None),
    # Lies in the gap: never on that day.
    ("02:00", "03:00", "2026-03-29T01:00", None),
    # Over the gap: one stretch, an hour shorter.
    ("01:00", "04:00", "2026-03-29T01:59", "2026-03-29T00:00"),
    # 2:15 comes twice; in between the clock shows 2:30 to 2:59.
    ("02:00", "02:30", "2026-10-25T00:15", "2026-10-25T00:00"),
    ("02:00", "02:30", "2026-10-25T00:45", None),
    ("02:00", "02:30", "2026-10-25T01:15", "2026-10-25T01:00"),
    # Over the repeated hour: one stretch, an hour longer.
    ("01:00", "03:30", "2026-10-25T02:15", "2026-10-24T23:00"),
    # The days around them.
    ("02:00", "03:00", "2026-03-28T01:30", "2026-03-28T01:00"),
    ("02:00", "03:00", "2026-03-30T00:30", "2026-03-30T00:00"),
]


@pytest.mark.parametrize(("from_", "until", "at", "since"), CLOCK_CHANGES)
def test_when_the_clock_is_changed(from_: str, until: str, at: str, since: str | None) -> None:
    calendar = Calendar(BERLIN, weekly=(window(from_, until),))
    expected = None if since is None else datetime.fromisoformat(since).replace(tzinfo=UTC)
    assert calendar.active_since(datetime.fromisoformat(at).replace(tzinfo=UTC)) == expected


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Kathmandu"])
def test_it_agrees_with_a_walk_minute_by_minute(zone: str) -> None:
    """Odd clocks: a change of 30 minutes, one around Ramadan, and offsets that are no whole hours."""
    calendar = Calendar(zone, weekly=(window("22:30", "01:45"), window("02:10", "02:20", WEEKDAYS)))
    for month in (2, 3, 4, 10, 11):
        moment, since = datetime(2026, month, 1, tzinfo=UTC), None
        for step in range(9 * 24 * 12):  # 9 days in steps of 5 minutes, which all its edges are multiples of
            at = moment + timedelta(minutes=5 * step)
            wall = at.astimezone(ZoneInfo(zone))
            shown = wall.hour * 60 + wall.minute
            named = shown >= 1350 or shown < 105 or (130 <= shown < 140 and wall.weekday() < 5)
            since = (since or at) if named else None
            if step > 24 * 12:
                assert calendar.active_since(at) == since, at


def test_it_looks_back_eight_days_and_no_further() -> None:
    # Off on one day in the past: since then, or since 8 days ago, whichever is later.
    calendar = Calendar(SHANGHAI, days_off=(dates("2026-03-02"),))
    assert calendar.active_since(local("2026-03-10T23:00")) == local("2026-03-03T00:00")  # 7 d 23 h
    assert calendar.active_since(local("2026-03-12T09:00")) == local("2026-03-12T09:00") - LOOK_BACK
    assert timedelta(days=7) < LOOK_BACK


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        RUSH.active_since(datetime(2026, 3, 2, 8))  # noqa: DTZ001 - that is the mistake


WRONG = [
    ({"time_zone": "Asia/Beijing", "weekly": (window("07:00", "08:00"),)}, "no 'Asia/Beijing': allowed .* Asia/Shanghai"),
    ({"time_zone": "europe/berlin", "weekly": (window("07:00", "08:00"),)}, "allowed .* Europe/Berlin"),
    ({"time_zone": "../../etc/passwd", "weekly": (window("07:00", "08:00"),)}, "time_zone: there is no"),
    ({"time_zone": "Asia", "weekly": (window("07:00", "08:00"),)}, "time_zone: there is no"),
    ({}, "says nothing: allowed is at least one of weekly, except, days_on, days_off"),
    (
        {"weekly": (window("07:00", "09:00", WEEKDAYS), window("08:30", "10:00", frozenset({2})))},
        "weekly: mon, tue, wed, thu, fri 07:00–09:00 and wed 08:30–10:00 both hold wed 08:30",
    ),
    # Monday's window reaches into Tuesday, and Sunday's into the next week's Monday.
    ({"weekly": (window("22:00", "06:00", frozenset({0})), window("05:00", "07:00", frozenset({1})))}, "hold tue 05:00"),
    ({"excepted": (window("22:00", "06:00", frozenset({6})), window("05:00", "07:00", frozenset({0})))}, "except: .* mon 05"),
    (
        {"days_on": (dates("2026-10-01"),), "days_off": (dates("2026-09-30", "2026-10-03"),)},
        "days_on, days_off: both hold 2026-10-01",
    ),
    ({"days_on": (dates("2026-10-10"),), "days_off": (dates("2026-10-01"),)}, "days_on: says nothing beside days_off"),
    ({"excepted": (window("00:00", "24:00"),)}, "is never active"),
    ({"weekly": (window("07:00", "09:00"),), "excepted": (window("06:00", "10:00"),)}, "is never active"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "message"), WRONG)
def test_contradictions_are_refused(keys: dict[str, tuple[Window, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        Calendar(**{"time_zone": SHANGHAI, **keys})
    assert "\n" not in str(raised.value)


def test_windows_and_ranges_that_are_none() -> None:
    with pytest.raises(ValueError, match="both are 07:00: allowed are two times"):
        window("07:00", "07:00")
    with pytest.raises(ValueError, match="no day has a 24:00 to begin at"):
        window("24:00", "07:00")
    with pytest.raises(ValueError, match=r"2026-10-07\.\.2026-10-01: ends before it begins"):
        dates("2026-10-07", "2026-10-01")


def test_it_is_said_in_words() -> None:
    assert str(HOLIDAY) == "mon, tue, wed, thu, fri 07:00–09:30; not 2026-10-01..2026-10-07 (Asia/Shanghai)"
    assert str(STALL) == "always; not daily 05:30–09:00 (Asia/Shanghai)"


def test_whether_two_may_meet() -> None:
    assert RUSH.may_meet(STALL)  # from 9:00 to 9:30
    assert not RUSH.may_meet(NIGHT)
    assert not STALL.may_meet(Calendar(SHANGHAI, weekly=(window("06:00", "07:00"),)))
    assert NIGHT.may_meet(MADE_UP)  # a day that is on is on at night, too
    assert RUSH.may_meet(Calendar(BERLIN, weekly=(window("22:00", "06:00"),)))  # another clock: nobody works it out


def test_asking_again_costs_little() -> None:
    at = local("2026-03-02T08:15")
    RUSH.active_since(at)
    worked_out = _stretches.cache_info().misses
    for second in range(3600):
        RUSH.active_since(at + timedelta(seconds=second))
    assert _stretches.cache_info().misses - worked_out <= 1  # of the day, and at most of the next one
