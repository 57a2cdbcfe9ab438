"""A disk that is full for a while: alarms and ends are told later, with their true times; no case suffers for another."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.evidence.maker import EvidenceMaker
from detector.lifecycle.case import Case
from detector.lifecycle.incidents import EvidenceFile, Incident, State
from tests.detector.film import PARKED, ZONE, Watched, shoot, watched

BAY = replace(ZONE, id="bay")
"""Where the car stands, too: two cases of one thing."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A car comes at 2 s and leaves at 16 s of 26 s."""
    path = tmp_path_factory.mktemp("film") / "kerb.mp4"
    return shoot(path, lambda time_s: [PARKED] if 2.0 <= time_s < 16.0 else [], 26.0)


@pytest.fixture(scope="module")
def undisturbed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return watched(film, tmp_path_factory.mktemp("undisturbed"), beside=(BAY,))


class Store:
    """Takes revisions, but for some of the first tries."""

    def __init__(self, fails: Callable[[Incident], bool], times: int) -> None:
        self.told: list[Incident] = []
        self._fails, self._left = fails, times

    def publish(self, _camera: Any, _zone: Any, _clock: Any, incident: Incident) -> None:
        if self._left and self._fails(incident):
            self._left -= 1
            raise sqlite3.OperationalError("database or disk is full")
        self.told.append(incident)

    def of(self, zone: str) -> list[Incident]:
        return [incident for incident in self.told if incident.zone == zone]


def times(incident: Incident) -> tuple[float | None, ...]:
    return incident.since_s, incident.onset_s, incident.confirmed_s, incident.ended_s


def is_alarm(incident: Incident) -> bool:
    return incident.state is State.CONFIRMED and incident.revision == 1


def has_ended(incident: Incident) -> bool:
    return incident.state is State.ENDED


@pytest.mark.parametrize(
    ("fails", "failures"),
    [
        (is_alarm, 1),
        (is_alarm, 2),  # of both cases, where they fail at one look
        (has_ended, 1),
        (has_ended, 2),
        (lambda incident: incident.zone == "kerb", 2),
        (lambda incident: incident.zone == "bay" and has_ended(incident), 2),
    ],
)
def test_what_could_not_be_written_is_told_later_with_its_true_times(
    film: Path, tmp_path: Path, undisturbed: Watched, caplog, fails: Callable[[Incident], bool], failures: int
) -> None:
    store = Store(fails, failures)
    seen = watched(film, tmp_path, beside=(BAY,), publish=store.publish)
    for expected in undisturbed.newest.values():
        told = store.of(expected.zone)
        numbers = [incident.revision for incident in told]
        assert numbers == sorted(set(numbers))  # nothing else goes by a number that was used
        assert told[0].confirmed_s == expected.confirmed_s
        assert (told[-1].state, times(told[-1])) == (State.ENDED, times(expected))
        assert {file.name for file in told[-1].evidence} >= {
            file.name for file in expected.evidence if file.kind != "record"
        }
    assert seen.watch.failures["told later"] >= 1
    assert "disk is full" in caplog.text


def test_open_cases_that_cannot_be_kept_hold_nothing_up_for_good(
    film: Path, tmp_path: Path, undisturbed: Watched
) -> None:
    tries: list[float] = []

    def keep_open(_camera: Any, _cases: Any, now_s: float, _now_at: Any) -> None:
        tries.append(now_s)
        if now_s < 12.0:  # past the alarm: every keeping until then fails
            raise OSError(28, "No space left on device")

    seen = watched(film, tmp_path, beside=(BAY,), keep_open=keep_open)
    assert min(tries) < 12.0
    assert {times(incident) for incident in seen.newest.values()} == {
        times(incident) for incident in undisturbed.newest.values()
    }
    assert seen.watch.failures["open cases not kept"] >= 1


@pytest.mark.parametrize("missing", ["alarm", "later", "left"])
def test_a_still_that_cannot_be_written_does_not_take_the_incident_with_it(
    film: Path, tmp_path: Path, undisturbed: Watched, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    real = EvidenceMaker.still

    def still(maker: EvidenceMaker, incident: Incident, name: str, *more: Any, **rest: Any) -> list[EvidenceFile]:
        if name == missing and incident.zone == "kerb":
            raise OSError(28, "No space left on device")
        return real(maker, incident, name, *more, **rest)

    monkeypatch.setattr(EvidenceMaker, "still", still)
    seen = watched(film, tmp_path, beside=(BAY,))
    for expected in undisturbed.newest.values():
        (last,) = (incident for incident in seen.newest.values() if incident.zone == expected.zone)
        assert (last.state, times(last)) == (State.ENDED, times(expected))
        names = {file.name for file in last.evidence}
        assert (f"snapshot-{missing}.jpg" in names) == (expected.zone == "bay")
    assert seen.watch.failures["evidence not made"] >= 1


def test_a_case_that_cannot_be_judged_keeps_no_other_from_it(
    film: Path, tmp_path: Path, undisturbed: Watched, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    real = Case.look

    def look(case: Case, now_s: float, *more: Any) -> None:
        if case.zone.id == "kerb" and now_s < 12.0:
            raise RuntimeError("a bug in a rule")
        real(case, now_s, *more)

    monkeypatch.setattr(Case, "look", look)
    seen = watched(film, tmp_path, beside=(BAY,))
    newest = {incident.zone: incident for incident in seen.newest.values()}
    (expected,) = (incident for incident in undisturbed.newest.values() if incident.zone == "bay")
    assert times(newest["bay"]) == times(expected)
    assert newest["kerb"].confirmed_s is not None
    assert newest["kerb"].confirmed_s >= 12.0
    assert newest["kerb"].ended_s == expected.ended_s
    assert "a bug in a rule" in caplog.text


def test_where_look_back_fails_a_stay_ends_when_it_was_seen_last(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(*_: Any) -> float:
        raise RuntimeError("a bug in a decoder")

    monkeypatch.setattr("detector.lifecycle.inquiry.Inquiry.left", left)
    seen = watched(film, tmp_path)
    (last,) = seen.newest.values()
    assert last.state is State.ENDED
    assert last.ended_s == pytest.approx(16.0, abs=2.1)  # a look every 2 s
