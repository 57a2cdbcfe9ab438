"""When a case may be judged: while its zone's calendar says so, and not right after one like it. And how its evidence grows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from detector.following.things import Presence, Thing
from detector.lifecycle.case import Case
from detector.lifecycle.growth import LATER_EVERY_MIN_S
from detector.lifecycle.incidents import Incident, State
from detector.rules import Judgement, Subject
from detector.zoning.calendars import Calendar, Window
from detector.zoning.geometry import Box
from tests.detector.film import PARKED, ZONE, Watched, shoot, watched

EIGHT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)  # a Monday
UNTIL_EIGHT = Calendar("UTC", weekly=(Window(frozenset({0}), 6 * 60, 8 * 60),))
FROM_EIGHT = Calendar("UTC", weekly=(Window(frozenset({0}), 8 * 60, 10 * 60),))


@pytest.fixture(scope="module")
def stay(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives a film of the car, there between these moments; each is made once."""
    folder = tmp_path_factory.mktemp("films")

    @cache
    def film(*stays: tuple[float, float], ends_s: float) -> Path:
        path = folder / f"{stays}-{ends_s}.mp4"
        return shoot(path, lambda time_s: [PARKED] if any(a <= time_s < b for a, b in stays) else [], ends_s)

    return film


def confirmed(seen: Watched) -> list[Incident]:
    return sorted((it for it in seen.newest.values()), key=lambda it: it.confirmed_s or 0.0)


def test_dwell_counts_from_when_the_rule_comes_into_force(stay, tmp_path: Path) -> None:
    film = stay((4, 26), ends_s=30)
    # The film begins at 07:59:50: it is eight at 10 s; with 6 s permitted the alarm is due at 16 s, not at 10.
    seen = watched(film, tmp_path, zone=replace(ZONE, calendar=FROM_EIGHT), starts_at=EIGHT - timedelta(seconds=10))
    (incident,) = confirmed(seen)
    assert incident.onset_s == pytest.approx(4.0, abs=0.2)  # it came when it came
    assert incident.confirmed_s is not None
    assert 16.0 <= incident.confirmed_s <= 18.0
    assert incident.why["stood_s"] == pytest.approx(incident.confirmed_s - 10.0, abs=0.05)


@pytest.mark.parametrize(
    ("calendar", "starts_at", "told"),
    [
        (UNTIL_EIGHT, EIGHT - timedelta(seconds=30), 1),  # in force for all of the film
        (UNTIL_EIGHT, EIGHT - timedelta(seconds=9), 0),  # over at 9 s, when the car has stood for 5 of 6 s
        (UNTIL_EIGHT, EIGHT, 0),
        (FROM_EIGHT, EIGHT - timedelta(seconds=15), 0),  # in force from 15 s on; the car leaves at 16 s
    ],
)
def test_while_the_rule_is_not_in_force_nothing_is_told(
    stay, tmp_path: Path, calendar: Calendar, starts_at: datetime, told: int
) -> None:
    seen = watched(stay((4, 16), ends_s=20), tmp_path, zone=replace(ZONE, calendar=calendar), starts_at=starts_at)
    assert len(seen.newest) == told


@pytest.mark.parametrize(
    ("cooldown_s", "second_s"),
    [
        (0.0, 26.0),  # 20 + 6 s
        (5.0, 26.0),  # over at 12 + 5 s, before the dwell is
        (18.0, 30.0),  # 12 + 18 s
        (60.0, None),  # it has left before
    ],
)
def test_the_same_in_the_same_place_is_not_told_again_at_once(
    stay, tmp_path: Path, cooldown_s: float, second_s: float | None
) -> None:
    film = stay((2, 12), (20, 34), ends_s=38)
    first, *more = confirmed(watched(film, tmp_path, zone=replace(ZONE, cooldown_s=cooldown_s)))
    assert first.state is State.ENDED
    assert first.ended_s == pytest.approx(12.0, abs=0.2)
    if second_s is None:
        assert more == []
    else:
        assert [it.confirmed_s for it in more] == [pytest.approx(second_s + 1, abs=1.1)]  # a look every 2 s


def test_evidence_of_a_long_stay_grows_ever_more_slowly(stay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.lifecycle.growth.LATER_EVERY_MIN_S", LATER_EVERY_MIN_S / 100)  # 3 s instead of 5 min
    (incident,) = confirmed(watched(stay((2, 60), ends_s=50), tmp_path))
    stills = {
        file.name: file.start_s for file in incident.evidence if file.kind == "snapshot" and not file.derived_from
    }
    alarm_s = stills["snapshot-alarm.jpg"]
    # Once more the dwell of 6 s after the alarm; then whenever it has lasted twice as long: 2 + 2 * 14 = 28 and so on.
    assert stills["snapshot-later.jpg"] == pytest.approx(alarm_s + 7, abs=1.1)
    assert stills["snapshot-later-2.jpg"] - 2 == pytest.approx(2 * (stills["snapshot-later.jpg"] - 2), abs=2.1)
    assert "snapshot-later-3.jpg" not in stills  # due after 50 s


def test_the_end_has_a_proof_or_says_that_it_has_none(stay, tmp_path: Path) -> None:
    (incident,) = confirmed(watched(stay((2, 14), ends_s=20), tmp_path))
    assert incident.why["left"] is True
    (proof,) = [file for file in incident.evidence if file.name == "snapshot-left.jpg"]
    assert proof.start_s == pytest.approx(2 + incident.why["seen_clear_after_s"], abs=0.2)
    assert proof.start_s > (incident.ended_s or 0.0)


@pytest.mark.parametrize(
    ("subject", "presence", "seen", "stood", "told"),
    [
        (Subject.VEHICLE, Presence.SEEN, 8, 0.5, True),
        (Subject.VEHICLE, Presence.SEEN, 8, 0.4, False),  # two that came by
        (Subject.VEHICLE, Presence.HIDDEN, 6, 0.2, True),
        (Subject.VEHICLE, Presence.HIDDEN, 6, 0.1, False),
        (
            Subject.THING,
            Presence.SEEN,
            4,
            0.0,
            True,
        ),  # another thing lies on a part of it: its place looks as never before
        (Subject.THING, Presence.SEEN, 3, 0.4, False),  # it hardly showed
        (Subject.THING, Presence.SEEN, 3, 0.5, True),
        (Subject.THING, Presence.HIDDEN, 6, 0.1, False),
    ],
)
def test_what_the_pictures_between_two_looks_must_show(
    subject: Subject, presence: Presence, seen: int, stood: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There were eight looks at it."""
    alarms: list[float] = []
    monkeypatch.setattr(Case, "_confirm", lambda _case, now_s, _frame, _judgement: alarms.append(now_s))
    thing = Thing(1, Box(0.4, 0.4, 0.5, 0.5), np.ones((4, 4), np.float32), 0.0, 30.0, presence, settled=True)
    thing.classes["thing"] = 1
    thing.counts.update({Presence.SEEN: seen, Presence.HIDDEN: 8 - seen})
    rule = SimpleNamespace(subject=subject, judge=lambda _stay, _zone: Judgement(confirmed=True, score=1.0, why={}))
    incident = SimpleNamespace(state=State.CANDIDATE, since_s=0.0, onset_s=0.0, confirmed_s=None)
    case = Case(*(cast("Any", it) for it in (incident, thing, ZONE, rule, None, None)))
    case.pin = cast("Any", object())
    questions = SimpleNamespace(signs=lambda: None, stood=lambda: stood)
    case.look(30.0, cast("Any", None), cast("Any", questions), watched_from_s=0.0)
    assert alarms == ([30.0] if told else [])
