"""Open cases survive a restart of the worker: what is kept, and how a second watch goes on with it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from detector.delivery.outbox import Outbox
from detector.delivery.wire import recorded
from detector.following.template import patch_at
from detector.following.things import Presence, Thing
from detector.lifecycle.incidents import EvidenceFile, Incident, State
from detector.lifecycle.resume import CLOCKS_DIFFER_S, RESUME_MAX_S, OpenCase, keep_open, read_open
from detector.rules import Actor
from detector.watching.watch import CameraWatch
from detector.watching.watch_plan import WatchPlan
from detector.worker import clear_leftovers
from detector.zoning.cameras_file import Camera
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from streams.clock import CaptureClock
from streams.ring import PacketRing
from streams.source.address import Address
from streams.wall import RTCP_TRUST_S
from tests.detector.film import PARKED, ZONE, KnowsOneCar, Watched, shoot, watched
from tests.detector.street import KERB, picture

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
THING = Thing(
    7, KERB, patch_at(picture([PARKED]), KERB), first_s=40.0, last_s=98.0, settled=True, score_sum=9.6,
    counts=Counter({Presence.SEEN: 12, Presence.HIDDEN: 2}), classes=Counter({"car": 11, "truck": 1}), boxes=[KERB],
)  # fmt: skip
INCIDENT = Incident(
    "gate-1", "gate", "kerb", "illegal_parking", since_s=40.0, onset_s=40.0, box=KERB, class_name="car", revision=3,
    state=State.CONFIRMED, confirmed_s=90.0, score=0.8, why={"summary": "stood"},
    evidence=(EvidenceFile("clip.mp4", "clip", "ab" * 32, 35.0, 95.0),),
    actor=Actor("person", "person", Box(0.1, 0.1, 0.2, 0.3), seen_s=40.0, left_s=None, went="left"),
)  # fmt: skip


def test_moments_move_by_what_has_passed_and_all_else_stays(tmp_path: Path) -> None:
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, THING, 2, 95.0, {"permitted": "loading"}, 120.0)], 100.0, NOON)
    # The first picture after the restart is at 0.5 s, 30 s after the last one at 100 s: 100 is now -29.5, all moves by -129.5.
    (case,) = read_open(tmp_path, "gate", 0.5, NOON + timedelta(seconds=30))
    assert case.incident.actor is not None
    assert INCIDENT.actor is not None
    assert case.incident == replace(
        INCIDENT,
        since_s=-89.5,
        onset_s=-89.5,
        confirmed_s=-39.5,
        evidence=(replace(INCIDENT.evidence[0], start_s=-94.5, end_s=-34.5),),
        actor=replace(INCIDENT.actor, seen_s=-89.5),
    )
    assert (case.laters, case.later_s, case.about, case.not_before_s) == (2, -34.5, {"permitted": "loading"}, -9.5)
    thing = case.thing
    assert (thing.first_s, thing.last_s, thing.anchor, thing.settled) == (-89.5, -31.5, KERB, True)
    assert (thing.class_name, thing.mean_score) == ("car", pytest.approx(0.8))  # 9.6 / 12
    assert thing.counts == THING.counts
    assert np.abs(thing.template - THING.template).max() <= 1e-5


@pytest.mark.parametrize("passed_s", [-CLOCKS_DIFFER_S - 1, RESUME_MAX_S + 1])
def test_after_too_long_or_with_a_clock_set_back_nothing_is_taken_up(tmp_path: Path, passed_s: float, caplog) -> None:
    untold = replace(INCIDENT, id="gate-2", revision=0, state=State.CANDIDATE)
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, THING), OpenCase(untold, THING)], 100.0, NOON)
    (case,) = read_open(tmp_path, "gate", 0.0, NOON + timedelta(seconds=passed_s))
    assert "taken up anew" in caplog.text
    # Only what was told is left, to be told the end of; at 90 s it was told, so that is 10 s before it was kept.
    assert (case.incident.id, case.incident.confirmed_s) == ("gate-1", -10.0 - passed_s)
    assert case.lost == f"it was kept {passed_s:.0f} s ago (allowed is 0 to 21600)"


def test_a_camera_whose_own_clock_is_trusted_may_be_ahead(tmp_path: Path) -> None:
    # It stopped by the camera's clock; the new start goes by when pictures arrive, until the camera has told the time again.
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, THING)], 100.0, NOON + timedelta(seconds=RTCP_TRUST_S))
    (case,) = read_open(tmp_path, "gate", 0.0, NOON + timedelta(seconds=1))
    assert case.lost is None
    assert case.incident.since_s == -60.0


def test_a_file_that_cannot_be_read_is_said_and_costs_no_more(tmp_path: Path, caplog) -> None:
    assert read_open(tmp_path, "gate", 0.0, NOON) == []
    assert caplog.text == ""  # there never was one
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, THING)], 100.0, NOON)
    (path,) = (tmp_path / "open").iterdir()
    path.write_bytes(path.read_bytes()[:200])
    assert read_open(tmp_path, "gate", 0.0, NOON) == []
    assert f"open cases in {path} can't be read" in caplog.text


def test_who_stood_there_from_the_start_is_no_queue_after_a_restart(tmp_path: Path) -> None:
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, replace(THING, from_start=True))], 100.0, NOON)
    (case,) = read_open(tmp_path, "gate", 0.0, NOON)
    assert case.thing.from_start


def test_evidence_of_what_is_still_to_be_told_outlives_a_restart(tmp_path: Path) -> None:
    """The disk was full: the alarm was kept and its stills were written, but it could not be posted."""
    cases = [OpenCase(INCIDENT, THING), OpenCase(replace(INCIDENT, id="gate-2", revision=0), THING)]
    keep_open(tmp_path, "gate", cases, 100.0, NOON)
    (tmp_path / "open" / "yard.json").write_text("torn")
    for name in ("gate-1", "gate-2", "gate-3"):
        (tmp_path / "evidence" / name).mkdir(parents=True)
    outbox = Outbox(tmp_path)
    clear_leftovers(outbox, tmp_path)
    outbox.close()
    assert [folder.name for folder in (tmp_path / "evidence").iterdir()] == ["gate-1"]


def test_what_an_earlier_version_has_kept_is_read(tmp_path: Path) -> None:
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, THING, zone=ZONE)], 100.0, NOON)
    (path,) = (tmp_path / "open").iterdir()
    document = json.loads(path.read_bytes())
    del document["things"][0]["from_start"], document["cases"][0]["zone"], document["cases"][0]["cooling"]
    path.write_text(json.dumps(document))
    (case,) = read_open(tmp_path, "gate", 0.0, NOON)
    assert (case.thing.from_start, case.zone, case.cooling) == (False, None, False)


def test_a_box_beyond_the_frame_is_clipped(tmp_path: Path) -> None:
    keep_open(tmp_path, "gate", [OpenCase(replace(INCIDENT, box=Box(0.3, 0.82, 0.5, 1.02)), THING)], 100.0, NOON)
    (case,) = read_open(tmp_path, "gate", 0.0, NOON)
    assert case.incident.box == Box(0.3, 0.82, 0.5, 1.0)


def test_a_thing_that_stands_in_two_zones_is_one_thing_again(tmp_path: Path) -> None:
    both = [OpenCase(INCIDENT, THING), OpenCase(replace(INCIDENT, id="gate-2", zone="bay"), THING)]
    other = replace(THING, anchor=Box(0.6, 0.4, 0.8, 0.6))
    keep_open(tmp_path, "gate", [*both, OpenCase(replace(INCIDENT, id="gate-3"), other)], 100.0, NOON)
    first, second, third = read_open(tmp_path, "gate", 0.0, NOON)
    assert first.thing is second.thing
    assert third.thing is not first.thing
    assert third.thing.anchor == other.anchor


class Restarted:
    """A worker that stops at 14 s, while a car stands there since 4 s, and starts again 40 s after it first began."""

    def __init__(self, folder: Path, dwell_s: float, *, stays_s: float) -> None:
        self.folder, self.zone = folder, replace(ZONE, dwell_s=dwell_s)
        self.first = self._run("a.mp4", lambda time_s: time_s >= 4.0, 14.0, NOON, for_good=False)
        self.second = self._run(
            "b.mp4", lambda time_s: time_s < stays_s, 20.0, NOON + timedelta(seconds=40), for_good=True
        )

    def _run(self, name: str, there, ends_s: float, starts_at: datetime, *, for_good: bool) -> Watched:
        film = shoot(self.folder / name, lambda time_s: [PARKED] if there(time_s) else [], ends_s)
        return watched(
            film,
            self.folder / "evidence",
            zone=self.zone,
            starts_at=starts_at,
            for_good=for_good,
            open_of=lambda camera, now_s, clock: read_open(self.folder, camera.id, now_s, clock.wall(now_s)),
            keep_open=lambda camera, cases, now_s, now_at: keep_open(self.folder, camera.id, cases, now_s, now_at),
        )


def test_a_candidate_is_confirmed_after_the_restart_with_its_whole_dwell(tmp_path: Path) -> None:
    run = Restarted(tmp_path, dwell_s=30.0, stays_s=99.0)
    assert run.first.revisions == []  # stood 10 s of 30
    (incident,) = run.second.newest.values()
    assert incident.onset_s == pytest.approx(4.0 - 40.0, abs=0.2)
    assert incident.confirmed_s is not None
    assert incident.confirmed_s <= 4.0  # it had stood for 36 s when watching began again
    stills = {file.name: file.start_s for file in incident.evidence if file.kind == "snapshot"}
    assert stills["snapshot-first-seen.jpg"] == pytest.approx(0.0, abs=0.2)  # this run's: none shows its arrival
    assert "snapshot-arrival.jpg" not in stills


def test_a_confirmed_incident_goes_on_under_its_name_and_ends_with_proof(tmp_path: Path) -> None:
    run = Restarted(tmp_path, dwell_s=6.0, stays_s=10.0)
    (before,), (after,) = run.first.newest.values(), run.second.newest.values()
    assert (before.state, after.state) == (State.CONFIRMED, State.ENDED)
    assert (before.id, before.confirmed_s) == (after.id, pytest.approx((after.confirmed_s or 0) + 40.0, abs=0.1))
    assert after.ended_s == pytest.approx(10.0, abs=0.2)
    assert [incident.revision for incident in run.second.revisions] == list(
        range(before.revision + 1, after.revision + 1)
    )
    assert "snapshot-left.jpg" in [file.name for file in after.evidence]


def test_what_left_meanwhile_ends_when_it_was_last_seen(tmp_path: Path) -> None:
    run = Restarted(tmp_path, dwell_s=6.0, stays_s=0.0)
    (after,) = run.second.newest.values()
    assert after.state is State.ENDED
    assert after.ended_s == pytest.approx(14.0 - 40.0, abs=2.0)  # a look every 2 s


@pytest.mark.parametrize("sends", [False, True])
def test_a_camera_that_was_never_looked_at_leaves_what_was_open_before(tmp_path: Path, sends: bool) -> None:
    keep_open(tmp_path, "gate", [OpenCase(INCIDENT, THING)], 100.0, NOON)
    clock = CaptureClock(live=True)
    later = NOON + timedelta(seconds=20)
    if sends:  # packets come, but the lens is covered
        clock.media_s(0.0, 0.0, later)
    plan = WatchPlan(
        detector=KnowsOneCar(),
        folder=tmp_path / "evidence",
        publish=lambda *_: None,
        record_of=lambda *_: {},
        open_of=lambda camera, now_s, known: read_open(tmp_path, camera.id, now_s, known.wall(now_s)),
        keep_open=lambda camera, cases, now_s, now_at: keep_open(tmp_path, camera.id, cases, now_s, now_at),
    )
    camera = Camera("gate", Address("rtsp://10.0.0.1/x"), (ZONE,))
    CameraWatch(camera, PacketRing(30, 2**20), clock, plan).finish(for_good=False)
    assert [case.incident.id for case in read_open(tmp_path, "gate", 0.0, later)] == ["gate-1"]


@pytest.mark.parametrize(
    ("zone", "pause_s", "why"),
    [
        (replace(ZONE, id="other"), 30.0, "its zone kerb is no more"),
        (replace(ZONE, kind=ZoneKind.NO_DUMPING), 30.0, "its zone kerb is no more"),
        (ZONE, RESUME_MAX_S + 30.0, "it was kept 21630 s ago (allowed is 0 to 21600)"),
    ],
)
def test_what_was_told_and_is_not_followed_on_ends_where_it_was_seen_last(
    tmp_path: Path, zone: Zone, pause_s: float, why: str, caplog
) -> None:
    told = replace(INCIDENT, evidence=())
    keep_open(tmp_path, "gate", [OpenCase(told, THING, zone=replace(ZONE, event_code="4101"))], 100.0, NOON)
    zones: list[Zone] = []
    again = watched(
        shoot(tmp_path / "b.mp4", lambda _: [], 4.0),
        tmp_path / "evidence",
        zone=zone,
        starts_at=NOON + timedelta(seconds=pause_s),
        record_of=lambda _camera, zone, _clock, incident: zones.append(zone) or recorded(incident),
        open_of=lambda camera, now_s, clock: read_open(tmp_path, camera.id, now_s, clock.wall(now_s)),
    )
    (incident,) = again.revisions
    assert (incident.id, incident.revision, incident.state) == ("gate-1", INCIDENT.revision + 1, State.ENDED)
    assert incident.ended_s == pytest.approx(-2.0 - pause_s, abs=0.1)  # at 98 s of 100
    assert (incident.why["left"], incident.why["not_followed_on"]) == (False, why)
    assert [file.kind for file in incident.evidence] == ["record"]  # and no picture of a place that is clear
    assert [it.kind for it in zones] == [ZoneKind.NO_PARKING]
    assert f"{why}: it is not followed on" in caplog.text


def test_what_nobody_was_told_of_is_not_told_when_it_is_let_go(tmp_path: Path) -> None:
    kept = OpenCase(replace(INCIDENT, revision=0, state=State.CANDIDATE), THING, zone=ZONE)
    film = shoot(tmp_path / "b.mp4", lambda _: [], 4.0)
    assert watched(film, tmp_path, zone=replace(ZONE, id="other"), open_of=lambda *_: [kept]).revisions == []


@pytest.mark.parametrize(("cooldown_s", "told"), [(60.0, 0), (10.0, 1)])
def test_the_same_in_the_same_place_is_not_told_again_right_after_a_restart(
    tmp_path: Path, cooldown_s: float, told: int
) -> None:
    def run(name: str, there: Callable[[float], bool], starts_at: datetime) -> Watched:
        return watched(
            shoot(tmp_path / name, lambda time_s: [PARKED] if there(time_s) else [], 18.0),
            tmp_path / "evidence",
            zone=replace(ZONE, cooldown_s=cooldown_s),
            starts_at=starts_at,
            for_good=False,
            open_of=lambda camera, now_s, clock: read_open(tmp_path, camera.id, now_s, clock.wall(now_s)),
            keep_open=lambda camera, cases, now_s, now_at: keep_open(tmp_path, camera.id, cases, now_s, now_at),
        )

    (ended,) = run("a.mp4", lambda time_s: 2 <= time_s < 12, NOON).newest.values()
    assert ended.state is State.ENDED
    # It comes back 12 s after it left, and stands there for twice the dwell of 6 s.
    again = run("b.mp4", lambda time_s: time_s >= 4, NOON + timedelta(seconds=20))
    assert len(again.newest) == told
    assert ended.id not in again.newest
