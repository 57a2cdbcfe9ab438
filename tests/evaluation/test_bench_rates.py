"""The benches of rules and rates: how two runs are held against each other, and that every look is accounted for."""

from pathlib import Path

import pytest

from detector.zoning.geometry import Box
from evaluation.bench_rates import compared, summed
from evaluation.bench_rules import bench_rules
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Prediction

BOX = Box(0.3, 0.4, 0.5, 0.6)


def parked(confirmed_s: float, *, zone: str = "kerb", onset_s: float = 10.0) -> Prediction:
    return Prediction("i", "illegal_parking", zone, onset_s, confirmed_s, BOX)


@pytest.mark.parametrize(
    ("patrol", "full", "same", "apart_s", "only"),
    [
        ([parked(31.0)], [parked(30.0)], True, 1.0, (0, 0)),
        ([parked(33.0)], [parked(30.0)], True, 3.0, (0, 0)),
        ([parked(33.1)], [parked(30.0)], False, 3.1, (0, 0)),  # the same incident, but too late
        ([parked(29.0)], [parked(32.5)], False, 3.5, (0, 0)),  # too early counts as well
        ([parked(31.0)], [], False, None, (1, 0)),
        ([], [parked(30.0)], False, None, (0, 1)),
        ([parked(31.0, zone="bay")], [parked(30.0)], False, None, (1, 1)),
        ([], [], True, None, (0, 0)),
    ],
)
def test_two_runs_over_one_clip(patrol, full, same: bool, apart_s: float | None, only: tuple[int, int]) -> None:
    report = summed([compared("gate", patrol, full)])
    assert (report["same"], report["confirmed_apart_s"]["max"]) == (same, apart_s)
    assert (sum(map(len, report["only_patrol"].values())), sum(map(len, report["only_full_rate"].values()))) == only


def test_rules_are_fed_with_every_look(make_clip) -> None:
    report = bench_rules(make_clip(seconds=6, gop=10), rounds=1)
    (clip,) = report["by_clip"]
    assert report["looks"] == clip["looks"] >= 3
    assert report["sample_ms"]["worst_clip"] == clip["mean_ms"] > 0
    assert {"no_parking", "no_dumping", "no_vending", "frontage"} <= set(clip["kinds"])


def test_what_is_no_film_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no picture can be decoded"):
        bench_rules(tmp_path / "there.mp4")
