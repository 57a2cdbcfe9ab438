"""The watch with its change gate against the watch that asks the detector about every sample: the same incidents, for less.

A car comes at 33 s, may stand for 30 s, and leaves at 121 s of 160 s; another one passes at 142 s. Sampled every 2 s.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from detector.lifecycle.incidents import State
from detector.watching.attention import Need
from evaluation.bench_gate import bench_gate
from streams.gate import RECHECK_S, ChangeGate
from streams.patrol import INTERVAL_S
from tests.detector.film import PARKED, ZONE, KnowsOneCar, Watched, shoot, watched
from tests.detector.street import Car

ARRIVES_S, LEAVES_S, ENDS_S = 33.0, 121.0, 160.0
KERBSIDE = replace(ZONE, dwell_s=30.0)


def street_at(time_s: float) -> list[Car]:
    if ARRIVES_S <= time_s < LEAVES_S:
        return [PARKED]
    return [replace(PARKED, seed=2)] if 141.5 <= time_s < 142.5 else []


Watch = Callable[..., Watched]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """Watches the film, with the gate or without, from a folder of its own."""
    folder = tmp_path_factory.mktemp("kerbside")
    film = shoot(folder / "film.mp4", street_at, ENDS_S)

    def run(name: str, *, gated: bool, detector: KnowsOneCar | None = None) -> Watched:
        return watched(film, folder / name, zone=KERBSIDE, until_s=ENDS_S, gated=gated, detector=detector)

    return run


@pytest.fixture(scope="module")
def ungated(watch: Watch) -> Watched:
    return watch("ungated", gated=False)


@pytest.fixture(scope="module")
def gated(watch: Watch) -> Watched:
    return watch("gated", gated=True)


def test_every_revision_is_the_same_to_the_last_byte_of_evidence(gated: Watched, ungated: Watched) -> None:
    assert [incident.state for incident in ungated.revisions][-1] is State.ENDED
    assert gated.revisions == ungated.revisions  # times, why, and the digest of each still and clip


def test_the_why_counts_only_looks_of_the_detector(gated: Watched) -> None:
    (incident,) = gated.newest.values()
    # From 34 to 64 s: 15 intervals, 16 looks. None of them was carried: until the alarm, it is undecided.
    assert incident.why["looks"] == incident.why["seen"] == 16
    assert incident.why["held_by_appearance"] == 0


def test_it_saves_what_is_quiet_and_decided(gated: Watched, ungated: Watched) -> None:
    looks = round(ENDS_S / INTERVAL_S)
    assert (gated.watch.looks, ungated.watch.looks) == (looks, looks)
    assert gated.watch.analysed + gated.watch.carried == looks
    assert sum(gated.watch.needs.values()) == gated.watch.analysed
    assert gated.watch.needs[Need.CHANGED] == 4  # it comes, it leaves, another one passes, and that is gone
    # Quiet are 33 s before it comes, 56 s after the alarm, 39 s after it has left: 64 looks, of which every fifth is a
    # re-check, and a few are the changes' own.
    assert 0.65 * 64 <= gated.watch.carried <= 0.8 * 64


def test_without_the_gate_all_is_analysed(ungated: Watched) -> None:
    assert (ungated.watch.analysed, ungated.watch.carried) == (ungated.watch.looks, 0)
    assert not ungated.watch.needs


def test_an_incident_survives_a_gate_that_sees_nothing(
    watch: Watch, ungated: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChangeGate, "changed", lambda *_: False)
    blind = watch("blind", gated=True)
    (found,), (true,) = blind.newest.values(), ungated.newest.values()
    # The re-check finds it at most 10 s late, look-back dates it all the same, and the dwell is not over yet.
    assert found.id == true.id
    assert (found.onset_s, found.confirmed_s, found.ended_s) == (true.onset_s, true.confirmed_s, true.ended_s)
    assert true.why["looks"] - RECHECK_S / INTERVAL_S <= found.why["looks"] <= true.why["looks"]


def test_what_the_detector_sees_in_every_fourth_look_is_found_as_without_the_gate(watch: Watch) -> None:
    runs = [
        watch(f"faint-{on}", gated=on, detector=KnowsOneCar(lambda call: ("car",) if call % 4 in (0, 1) else ()))
        for on in (False, True)
    ]
    without, with_it = ([(i.onset_s, i.confirmed_s, i.why) for i in run.newest.values()] for run in runs)
    assert len(without) == 1
    assert with_it == without


@pytest.mark.slow
def test_on_real_footage_nothing_is_lost(shared: Path) -> None:
    figures = bench_gate(shared / "clips" / "scenarios" / "dataset.yaml")
    assert figures["same_incidents"]
    assert figures["sample_misses"] == 0
    saved = {clip["camera"]: clip["saved_share"] for clip in figures["clips"]}
    # Two cars that stand at the edge of a forecourt; the other clips are junctions full of traffic.
    assert saved["p03_vtest_parked"] > 0.25
    both = [pair for clip in figures["clips"] for pair in clip["incidents"]["both"]]
    assert len(both) == 6  # five that park, one thing that was dumped
    for pair in both:
        assert (pair["onset_later_s"], pair["confirmed_later_s"], pair["ended_later_s"]) == (0.0, 0.0, 0.0)
