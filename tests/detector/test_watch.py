"""A camera's watch over a short film: a car comes at 4 s and leaves at 16 s of 22 s. The detector knows it by its looks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from detector.lifecycle.incidents import State
from detector.rules import ParkingRule
from detector.zoning.zones import ZoneKind
from tests.detector.film import PARKED, ZONE, KnowsOneCar, shoot, watched

ARRIVES_S, LEAVES_S, ENDS_S = 4.0, 16.0, 22.0


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "kerb.mp4"
    return shoot(path, lambda time_s: [PARKED] if ARRIVES_S <= time_s < LEAVES_S else [], ENDS_S)


def test_one_stay_is_one_incident_from_arrival_to_end(film: Path, tmp_path: Path) -> None:
    seen = watched(film, tmp_path)
    (last,) = seen.newest.values()
    assert last.state is State.ENDED
    assert last.onset_s == pytest.approx(ARRIVES_S, abs=0.2)
    assert last.ended_s == pytest.approx(LEAVES_S, abs=0.2)
    # 4 + 6 s, and a look every 2 s
    assert last.confirmed_s is not None
    assert 10.0 <= last.confirmed_s <= 12.0
    assert last.why["left"] is True
    assert last.why["stood_in_all_s"] == pytest.approx(LEAVES_S - ARRIVES_S, abs=0.3)


def test_revisions_rise_by_one_and_nothing_is_taken_back(film: Path, tmp_path: Path) -> None:
    revisions = watched(film, tmp_path).revisions
    assert [incident.revision for incident in revisions] == list(range(1, len(revisions) + 1))
    assert len({incident.id for incident in revisions}) == 1
    assert len({(incident.onset_s, incident.confirmed_s) for incident in revisions}) == 1
    for before, after in pairwise(revisions):
        assert after.evidence[: len(before.evidence)] == before.evidence
        assert (before.state, after.state) != (State.ENDED, State.CONFIRMED)


def test_who_leaves_before_the_dwell_is_no_incident_and_leaves_no_files(film: Path, tmp_path: Path) -> None:
    seen = watched(film, tmp_path, zone=replace(ZONE, dwell_s=13.0))  # stood 12 s
    assert seen.revisions == []
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_ends_in_the_middle_of_a_stay_is_completed(film: Path, tmp_path: Path) -> None:
    (last,) = watched(film, tmp_path, until_s=13.0).newest.values()
    assert (last.state, last.ended_s) == (State.CONFIRMED, None)
    kinds = [file.kind for file in last.evidence]
    assert kinds.count("clip") == 1
    assert kinds.count("record") == 1


def test_the_clip_of_a_recording_that_ends_goes_to_its_last_picture(film: Path, tmp_path: Path) -> None:
    (last,) = watched(film, tmp_path, until_s=13.0).newest.values()
    (clip,) = [file for file in last.evidence if file.kind == "clip"]
    assert clip.end_s == pytest.approx(13.0, abs=0.2)  # the alarm is at 10 or 12 s, the post-roll goes to 15 at least


def test_outside_the_zone_is_no_incident(film: Path, tmp_path: Path) -> None:
    elsewhere = replace(ZONE, polygon=((0.0, 0.0), (0.2, 0.0), (0.2, 0.9), (0.0, 0.9)))
    assert watched(film, tmp_path, zone=elsewhere).revisions == []


def test_car_and_truck_at_once_are_one_vehicle(film: Path, tmp_path: Path) -> None:
    seen = watched(film, tmp_path, detector=KnowsOneCar(lambda _: ("truck", "car")))
    assert len(seen.newest) == 1


def test_a_zone_for_some_classes_only(film: Path, tmp_path: Path) -> None:
    assert watched(film, tmp_path, zone=replace(ZONE, classes=frozenset({"truck"}))).revisions == []
    cars = watched(film, tmp_path, zone=replace(ZONE, classes=frozenset({"car"})))
    assert len(cars.newest) == 1


def test_a_vehicle_that_was_miscalled_at_first_is_still_an_incident(film: Path, tmp_path: Path) -> None:
    trucks = replace(ZONE, dwell_s=6.0, classes=frozenset({"truck"}))
    # A car in the first two looks, which outweigh the third at which it settles; a truck in all that follow.
    mostly_truck = KnowsOneCar(lambda call: ("car",) if call < 2 else ("truck",))
    assert len(watched(film, tmp_path, zone=trucks, detector=mostly_truck).newest) == 1


def test_evidence_in_a_thread_of_its_own_is_the_same(film: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        seen = watched(film, tmp_path / "a", executor=executor)
    at_once = watched(film, tmp_path / "b")
    (last,) = {incident.id: incident for incident in seen.revisions}.values()
    (other,) = at_once.newest.values()
    assert {(file.name, file.sha256) for file in last.evidence if file.kind in {"clip", "tracks"}} == {
        (file.name, file.sha256) for file in other.evidence if file.kind in {"clip", "tracks"}
    }


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("a bug in a library")])
def test_a_clip_that_cannot_be_made_does_not_take_the_incident_with_it(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def disk_full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("detector.evidence.maker.write_clip", disk_full)
    with ThreadPoolExecutor(1) as executor:
        seen = watched(film, tmp_path, executor=executor)
    (last,) = {incident.id: incident for incident in seen.revisions}.values()
    assert last.state is State.ENDED
    assert [file.kind for file in last.evidence].count("snapshot") >= 6
    assert not [file for file in last.evidence if file.kind == "clip"]


def test_the_rule_is_asked_about_its_own_kinds_only(film: Path, tmp_path: Path) -> None:
    assert ZoneKind.NO_DUMPING not in ParkingRule.kinds
    assert watched(film, tmp_path, zone=replace(ZONE, kind=ZoneKind.NO_DUMPING)).revisions == []
