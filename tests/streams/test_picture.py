"""Faults put into real footage, and everything that is none: light, traffic, weather, wind."""

import itertools
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from streams.picture.health import FROZEN_S, Basis, PictureFault, PictureHealth
from tests.streams.picture_changes import (
    LEARNT,
    LOOK_S,
    Camera,
    Change,
    Luma,
    blurred,
    floodlit,
    gray_card,
    hand,
    headlights,
    infrared,
    lamps,
    lorry,
    moved,
    noisy,
    paint,
    patrolled,
    rain,
    squeezed,
)

STREETS = ["real/opencv_vtest.avi", "real/ocv4node_city_intersection.mp4", "scenarios/p02_junction_car.mp4"]
TOP_VIEW = "scenarios/p06_neg_topview.mp4"  # edges that all run along the road
ASPHALT = "real/intel_car-detection.mp4"  # and hardly anything else
PEOPLE = "real/sv_walking.mp4"  # a square with nothing but people, 8 pictures long
CLIPS = [
    *STREETS,
    TOP_VIEW,
    "real/intel_one-by-one-person.mp4",
    "real/ocv4node_road_topview.mp4",
    *(f"real/otc_cars-{name}.mp4" for name in ("cyclist", "truck")),
    *(f"scenarios/{name}.mp4" for name in ("p01_kerb_city", "p03_vtest_parked", "p04_neg_lawn", "p05_bag_campus")),
]


@pytest.fixture
def street(shared: Path, request: pytest.FixtureRequest) -> Camera:
    return Camera(shared / "clips" / getattr(request, "param", STREETS[0]))


every_street = pytest.mark.parametrize("street", STREETS, indirect=True)

FAULTS: list[tuple[str, Change, PictureFault, float]] = [
    # what happens, how, what it is, and after how many seconds at the latest it must be a fault
    ("capped", lambda luma: noisy(np.full_like(luma, 14), 3), PictureFault.BLACK, 12),
    ("gray card", gray_card, PictureFault.COVERED, 22),
    ("hand over three quarters", partial(hand, size=0.75), PictureFault.COVERED, 22),
    ("sprayed, four fifths", partial(paint, share=0.8), PictureFault.COVERED, 22),
    ("defocus, 2 px of 320", partial(blurred, sigma=2), PictureFault.BLURRED, 62),
    ("defocus, 6 px of 320", partial(blurred, sigma=6), PictureFault.BLURRED, 62),
    ("shifted by 6 %", partial(moved, right=0.06), PictureFault.MOVED, 22),
    ("shifted by 8 %", partial(moved, right=-0.05, down=0.08), PictureFault.MOVED, 22),
    ("turned by 5 degrees", partial(moved, turn=5), PictureFault.MOVED, 22),
    ("zoomed by a fifth", partial(moved, zoom=1.2), PictureFault.MOVED, 22),
    ("another view", lambda luma: np.ascontiguousarray(luma[::-1, ::-1]), PictureFault.MOVED, 22),
]


@every_street
@pytest.mark.parametrize(("change", "fault", "within_s"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_is_raised_once_it_has_lasted_and_cleared_once_it_is_over(street, change, fault, within_s) -> None:
    assert street.learn().usable
    began_s = street.time_s
    reports = street.looks(int(within_s / LOOK_S) + 1, change)
    assert not reports[0].faults
    assert not reports[0].usable  # at once: rules must not judge by it
    assert reports[-1].faults == {fault}
    assert reports[-1].since_s == {fault: began_s}
    # Over after 3 looks and 10 s: the looks after 0, 2, … 10 s.
    after = street.looks(8)
    assert [bool(report.faults) for report in after] == [True] * 5 + [False] * 3
    assert after[-1].usable


HARMLESS: list[tuple[str, Change]] = [
    ("a stop darker", lambda luma: (luma * 0.5).astype(np.uint8)),
    ("a stop brighter", lambda luma: np.clip(luma * 2.0, 0, 255).astype(np.uint8)),
    ("shadows lifted", lambda luma: (255 * (luma / 255.0) ** 0.5).astype(np.uint8)),
    ("haze", lambda luma: (luma * 0.3 + 140).astype(np.uint8)),
    ("noise", partial(noisy, sigma=12)),
    ("coarse compression", partial(squeezed, quality=8)),
    ("rain", rain),
    ("lorry on a third", partial(lorry, share=0.33)),
    ("headlights", headlights),
    ("infrared", infrared),
    ("slight blur", partial(blurred, sigma=0.5)),
    ("a quarter sprayed", partial(paint, share=0.25)),
    ("turned by 1 degree", partial(moved, turn=1)),
]


@pytest.mark.parametrize("street", [*STREETS[1:], TOP_VIEW], indirect=True)
@pytest.mark.parametrize("change", [row[1] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_light_weather_and_traffic_are_no_fault(street, change) -> None:
    street.learn()
    reports = street.looks(35, change)  # 70 s: longer than any fault needs
    assert [report.faults for report in reports] == [frozenset()] * 35
    assert sum(not report.usable for report in reports) == 0


@pytest.mark.parametrize("clip", CLIPS)
def test_nothing_is_wrong_with_the_footage_as_it_is(shared, clip) -> None:
    reports = Camera(shared / "clips" / clip).looks(80)  # 2 min 40 s
    assert all(report.usable for report in reports)
    assert {report.basis for report in reports[LEARNT:]} == {Basis.VIEW}
    assert np.abs([report.shift for report in reports]).max() < 0.002


@pytest.mark.slow
@pytest.mark.parametrize("clip", CLIPS)
def test_nothing_is_wrong_with_the_footage_for_an_hour(shared, clip) -> None:
    assert all(report.usable for report in Camera(shared / "clips" / clip).looks(1800))


def test_where_there_is_little_to_see_nothing_is_judged_by_it(shared) -> None:
    camera = Camera(shared / "clips" / ASPHALT)
    camera.learn()
    assert {report.basis for report in camera.looks(30)} == {Basis.PLAIN}
    assert not any(report.signs for report in camera.looks(20, partial(moved, right=0.08)))
    assert camera.looks(10, np.zeros_like)[-1].faults == {PictureFault.BLACK}  # but this is plain to see


def test_where_only_people_are_to_see_they_are_no_fault(shared) -> None:
    reports = Camera(shared / "clips" / PEOPLE).looks(80)
    assert not any(report.faults for report in reports)
    assert all(report.usable for report in reports)


@every_street
@pytest.mark.parametrize(("right", "down"), [(0.01, 0.0), (-0.02, 0.01), (0.03, -0.02), (0.04, 0.03), (0.0, 0.045)])
def test_a_nudge_is_measured_and_handed_on(street, right, down) -> None:
    street.learn()
    reports = street.looks(12, partial(moved, right=right, down=down))
    # The median of 7 looks follows with the 4th; until then, a look of more than 1.25 % off is not to be judged by.
    assert reports[0].shift == pytest.approx((0, 0), abs=0.001)
    assert reports[0].steady is bool(np.hypot(right * 160, down * 90) <= 2.0)
    assert reports[4].shift == pytest.approx((right, down), abs=0.0025)
    assert not any(report.faults or report.signs for report in reports)
    assert reports[-1].shift_confidence == 1.0


def test_a_pole_that_sways_neither_moves_zones_nor_is_a_fault(street) -> None:
    street.learn()
    sway = itertools.cycle([0.0, 0.8, 1.0, 0.3, -0.5, -1.0, -0.7])
    reports = [street.look(partial(moved, right=next(sway) * 3 / 320)) for _ in range(60)]  # 3 px of 320 each way
    assert all(report.usable for report in reports)
    assert np.abs([report.shift[0] for report in reports]).max() <= 0.005


def test_a_mount_that_creeps_is_followed_and_not_learned(street) -> None:
    street.learn()
    # 4.5 % in half an hour, the reference's time constant, at a look every 5 s: 360 looks.
    for step in range(360):
        report = street.look(partial(moved, right=0.045 * step / 360), step_s=5.0)
        assert report.usable
    assert report.shift[0] == pytest.approx(0.045, abs=0.005)


def test_night_falls_and_day_returns(street) -> None:
    street.learn()
    dusk = np.linspace(1, 0, 72)  # 6 minutes, at a look every 5 s, from day to hardly any light but lamps
    for light in (*dusk, *[0.0] * 20, *dusk[::-1]):
        report = street.look(partial(lamps, light=0.05 + 0.95 * light, sigma=3), step_s=5.0)
        assert not report.faults
    assert report.usable
    assert report.edges_found > 0.7


def test_in_the_dark_a_lost_view_is_no_fault_but_is_said(street) -> None:
    street.learn()
    for light in np.linspace(1, 0.1, 72):
        street.look(lambda luma, light=light: noisy(luma * light, 2), step_s=5.0)
    lost = street.looks(30, lambda luma: lamps(blurred(luma, 8), 0.0, 3))
    assert not any(report.faults for report in lost)
    assert {report.basis for report in lost} == {Basis.DARK}


def test_by_day_what_darkens_the_picture_at_once_is_over_the_lens(street) -> None:
    street.learn()
    reports = street.looks(12, partial(hand, size=1.0, level=25))  # a glove, and a little light past it
    assert reports[-1].brightness < 40
    assert reports[-1].faults == {PictureFault.COVERED}


def test_a_new_light_gets_a_reference_of_its_own(street) -> None:
    street.learn()
    first = street.looks(90, floodlit, step_s=5.0)  # 7.5 minutes
    assert not any(report.faults for report in first)
    assert first[-1].edges_found > first[0].edges_found + 0.1
    assert len(street.health.export()["levels"]) == 2
    assert street.looks(3)[-1].edges_found > 0.8  # and the day is still known
    # Three references and one that is being learned are the most: 2 of 185 kB here.
    assert len(pickle.dumps(street.health)) < 1_000_000 / 2


def test_a_restart_compares_with_what_was_learned(shared, street, tmp_path) -> None:
    street.looks(60)
    np.savez_compressed(tmp_path / "view.npz", **street.health.export())
    assert (tmp_path / "view.npz").stat().st_size < 60_000
    with np.load(tmp_path / "view.npz") as arrays:
        same, turned = (Camera(shared / "clips" / STREETS[0], PictureHealth(arrays)) for _ in range(2))
    assert [report.basis for report in same.looks(3)] == [Basis.VIEW] * 3
    assert same.looks(10, partial(moved, right=0.03))[-1].shift == pytest.approx((0.03, 0), abs=0.0025)
    assert turned.looks(12, partial(moved, turn=6))[-1].faults == {PictureFault.MOVED}


def test_a_view_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no array 'version' in this view: it has \\['pixels'\\]"):
        PictureHealth({"pixels": np.zeros(3)})
    view = PictureHealth().export()
    with pytest.raises(ValueError, match="array 'edges' of this view has shape"):
        PictureHealth({**view, "edges": np.zeros((1, 10, 10, 2), np.int8)})
    with pytest.raises(ValueError, match="a view of version 9"):
        PictureHealth({**view, "version": np.array(9)})


@pytest.mark.parametrize("luma", [np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160)), np.zeros((0, 160), np.uint8)])
def test_what_is_not_luma_is_refused(luma) -> None:
    with pytest.raises(ValueError, match="luma is"):
        PictureHealth().observe(luma, 0.0)


def test_a_picture_that_stands_still_is_frozen(street) -> None:
    street.learn()
    dead, ticks = patrolled(street.clip)[7], itertools.count()
    began_s = street.time_s

    def stuck(_: Luma) -> Luma:
        luma = dead.copy()
        # The camera's clock, which it writes over the dead picture; 22 rows are not seen.
        cv2.putText(luma, f"12:00:{next(ticks):02d}", (60, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        return luma

    reports = street.looks(36, stuck)
    # The first look is the one that the others are compared with; 60 s later, with the 31st, it has lasted, with the 35th
    # it has shown in 5 looks.
    assert [report.unchanged_s for report in reports[:3]] == [0.0, 2.0, 4.0]
    assert reports[int(FROZEN_S / LOOK_S)].signs == {PictureFault.FROZEN}
    assert reports[-1].faults == {PictureFault.FROZEN}
    assert reports[-1].since_s == {PictureFault.FROZEN: began_s}
    assert not street.looks(6)[-1].faults


def test_noise_alone_shows_that_a_camera_lives(street) -> None:
    dead = patrolled(street.clip)[7]
    seeds: Iterator[int] = itertools.count()
    reports = street.looks(40, lambda _: noisy((dead * 0.2).astype(np.uint8), 1.0, next(seeds)))
    assert max(report.unchanged_s for report in reports) == 0.0


def test_black_is_seen_before_anything_is_learned(street) -> None:
    reports = street.looks(8, lambda luma: noisy(np.full_like(luma, 16), 2))
    assert reports[-1].faults == {PictureFault.BLACK}
    assert reports[-1].since_s == {PictureFault.BLACK: 0.0}
    assert street.looks(LEARNT + 10)[-1].basis is Basis.VIEW
