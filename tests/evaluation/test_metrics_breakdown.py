"""Metrics by camera, zone and rule."""

from __future__ import annotations

import pytest

from evaluation.errors import EvaluationError
from evaluation.metrics.breakdown import metrics_by_camera, metrics_by_rule, metrics_by_zone
from tests.evaluation.incidents import alarm, clip, truth

# Camera a: half an hour in two clips; b: an hour, c: an hour in which nothing happens.
CLIPS = [
    clip([alarm(10, zone="kerb"), alarm(500, zone="kerb")], [truth(10, zone="kerb")], camera="a", media_s=900),
    clip([], [truth(10, zone="gate")], camera="a", media_s=900),
    clip([alarm(10, zone="kerb"), alarm(90, zone="gate")], [truth(10, zone="kerb")], camera="b", media_s=3600),
    clip([], [], camera="c", media_s=3600),
]
KINDS = {
    ("a", "kerb"): "no_parking",
    ("a", "gate"): "fire_lane",
    ("b", "kerb"): "fire_lane",
    ("b", "gate"): "fire_lane",
    ("c", "lawn"): "no_dumping",
}


def test_by_camera() -> None:
    cameras = metrics_by_camera(CLIPS)
    assert list(cameras) == ["a", "b", "c"]
    counts = {name: (one.found, one.false_alarms, one.misses) for name, one in cameras.items()}
    assert counts == {"a": (1, 1, 1), "b": (1, 1, 0), "c": (0, 0, 0)}
    assert cameras["a"].fa_per_camera_hour == pytest.approx(2.0)  # 1 in half an hour
    assert cameras["b"].fa_per_camera_hour == pytest.approx(1.0)
    assert (cameras["c"].f1, cameras["c"].fa_per_camera_hour) == (None, 0)


def test_by_zone() -> None:
    zones = metrics_by_zone(CLIPS)
    counts = {place: (one.found, one.false_alarms, one.misses) for place, one in zones.items()}
    assert counts == {
        ("a", "gate"): (0, 0, 1),
        ("a", "kerb"): (1, 1, 0),
        ("b", "gate"): (0, 1, 0),
        ("b", "kerb"): (1, 0, 0),
    }
    assert zones["a", "kerb"].fa_per_camera_hour == pytest.approx(2.0)
    assert zones["b", "kerb"].fa_per_camera_hour == 0


def test_by_rule() -> None:
    rules = metrics_by_rule(CLIPS, KINDS)
    counts = {kind: (one.found, one.false_alarms, one.misses) for kind, one in rules.items()}
    # fire_lane: the gate of a and both zones of b
    assert counts == {"fire_lane": (1, 1, 1), "no_dumping": (0, 0, 0), "no_parking": (1, 1, 0)}
    assert rules["fire_lane"].fa_per_camera_hour == pytest.approx(1 / 1.5)  # a and b, b once: 1.5 h
    assert rules["no_parking"].fa_per_camera_hour == pytest.approx(2.0)  # a alone
    assert rules["no_dumping"].fa_per_camera_hour == 0


def test_the_parts_make_the_whole() -> None:
    for parts in (metrics_by_camera(CLIPS), metrics_by_zone(CLIPS), metrics_by_rule(CLIPS, KINDS)):
        counts = [(one.found, one.false_alarms, one.misses) for one in parts.values()]
        assert tuple(map(sum, zip(*counts, strict=True))) == (2, 2, 1)


def test_an_unknown_zone_is_refused() -> None:
    known = {place: kind for place, kind in KINDS.items() if place != ("b", "gate")}
    with pytest.raises(EvaluationError, match="zone b/gate: its kind is not known; known are those of a/gate, a/kerb"):
        metrics_by_rule(CLIPS, known)


def test_no_clips() -> None:
    assert metrics_by_camera([]) == metrics_by_zone([]) == metrics_by_rule([], {}) == {}
