from dataclasses import FrozenInstanceError

import pytest
from pydantic import TypeAdapter

from api.schema import Identifier
from detector.lifecycle.incidents import EvidenceFile, Incident, State, incident_id
from detector.zoning.geometry import Box

BOX = Box(0.3, 0.4, 0.5, 0.6)
CANDIDATE = Incident("gate-1", "gate", "kerb", "illegal_parking", 10.0, 10.0, BOX, "car")
STILL = EvidenceFile("snapshot-alarm.jpg", "snapshot", "0" * 64, 70.0, 70.0)


def test_each_step_is_a_new_snapshot_and_the_old_one_stays() -> None:
    confirmed = CANDIDATE.confirmed(70.0, BOX, 0.9, {"stood_s": 60.0}).next_revision()
    with_still = confirmed.with_evidence(STILL).next_revision()
    ended = with_still.ended(95.0, {"left": True}).next_revision()
    assert [step.revision for step in (CANDIDATE, confirmed, with_still, ended)] == [0, 1, 2, 3]
    assert [step.state for step in (CANDIDATE, confirmed, with_still, ended)] == [
        State.CANDIDATE, State.CONFIRMED, State.CONFIRMED, State.ENDED,
    ]  # fmt: skip
    assert {step.id for step in (CANDIDATE, confirmed, with_still, ended)} == {"gate-1"}
    assert (CANDIDATE.evidence, confirmed.evidence, with_still.evidence) == ((), (), (STILL,))
    assert (CANDIDATE.confirmed_s, ended.confirmed_s, ended.ended_s) == (None, 70.0, 95.0)
    assert confirmed.why == {"stood_s": 60.0}
    assert ended.why == {"stood_s": 60.0, "left": True}
    with pytest.raises(FrozenInstanceError):
        confirmed.revision = 9


def test_what_a_nudged_camera_takes_beyond_the_frame_is_told_by_what_shows_of_it() -> None:
    cut = Box(0.3, 0.8, 0.5, 1.0).shifted(0.0, 0.02)
    assert CANDIDATE.confirmed(70.0, cut, 0.9, {}).box == pytest.approx((0.3, 0.82, 0.5, 1.0))


def test_the_id_says_what_it_is() -> None:
    args = ("gate", "kerb", "illegal_parking", "10.00", BOX)
    same = incident_id(*args)
    assert same == incident_id(*args)
    assert same.startswith("gate-")
    # Boxes that agree to a hundredth of the frame are the same place.
    assert same == incident_id("gate", "kerb", "illegal_parking", "10.00", Box(0.301, 0.399, 0.502, 0.6))
    others = {
        incident_id("gate2", *args[1:]),
        incident_id("gate", "kerb2", *args[2:]),
        incident_id("gate", "kerb", "dumping", *args[3:]),
        incident_id("gate", "kerb", "illegal_parking", "10.01", BOX),
        incident_id("gate", "kerb", "illegal_parking", "10.00", Box(0.35, 0.4, 0.55, 0.6)),
    }
    assert len(others | {same}) == 6


def test_the_id_fits_the_wire_however_long_the_camera_is_called() -> None:
    # Two names that agree in their first 40 letters stay apart.
    ids = {incident_id("c" * 99 + end, "kerb", "illegal_parking", "start", BOX) for end in "ab"}
    assert len(ids) == 2
    for name in ids:
        assert TypeAdapter(Identifier).validate_python(name) == name
