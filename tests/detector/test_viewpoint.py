"""A camera that can't be believed for a while, and one whose view was nudged: incidents go on as if nothing had happened."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.errors import ConfigError
from detector.health import write_health
from detector.lifecycle.incidents import State
from detector.watching.viewpoint import Viewpoint
from detector.watching.views import VIEWS_FOLDER, accept_view, read_view, take_accepted, write_view
from detector.watching.watch import CameraWatch
from detector.zoning.cameras_file import Camera
from streams.picture.health import PictureFault
from streams.source.address import Address
from tests.detector.film import PARKED, ZONE, shoot, watched
from tests.detector.street import HEIGHT_PX, WIDTH_PX, Car, picture

Luma = NDArray[np.uint8]
GATE = Camera("gate", Address("gate.mp4"), (ZONE,))


def noisy(luma: Luma, time_s: float) -> Luma:
    """A sensor's noise: without it, a picture that does not change looks frozen."""
    noise = np.random.default_rng(round(time_s * 100)).normal(0, 2.5, luma.shape)
    return np.clip(luma + noise, 0, 255).astype(np.uint8)


def nudged(luma: Luma, right_px: int, down_px: int) -> Luma:
    shift = np.array([[1, 0, right_px], [0, 1, down_px]], np.float32)
    return cv2.warpAffine(luma, shift, (luma.shape[1], luma.shape[0]), borderMode=cv2.BORDER_REPLICATE)


def looked(viewpoint: Viewpoint, luma: Luma, from_s: float, seconds: float) -> list[bool]:
    return [viewpoint.look(noisy(luma, at_s), at_s) for at_s in np.arange(from_s, from_s + seconds, 2.0)]


@pytest.fixture
def street() -> Luma:
    return picture([PARKED])


def test_a_covered_camera_is_not_judged_by_and_says_so_once(street, caplog) -> None:
    viewpoint = Viewpoint("gate")
    assert all(looked(viewpoint, street, 0, 60))
    covered = looked(viewpoint, np.full_like(street, 120), 60, 60)
    assert not any(covered[2:])  # judged every other glance
    assert PictureFault.COVERED in viewpoint.report.faults
    assert viewpoint.row()["faults"] == ["covered"]
    looked(viewpoint, street, 120, 60)
    assert viewpoint.report.usable
    said = [record.message for record in caplog.records if record.name == "detector.watching.viewpoint"]
    assert said == ["camera gate: the picture is covered: rules hold still"]


def test_a_recording_may_stand_still_but_a_camera_may_not(street) -> None:
    for live, usable in ((True, False), (False, True)):
        viewpoint = Viewpoint("gate", live=live)
        for at_s in range(0, 120, 2):
            seen = viewpoint.look(street, float(at_s))
        assert seen is usable


def test_a_nudge_is_told_once_and_a_sway_never(street) -> None:
    viewpoint = Viewpoint("gate")
    looked(viewpoint, street, 0, 60)
    assert viewpoint.moved_by() is None
    looked(viewpoint, nudged(street, 1, 0), 60, 20)
    assert viewpoint.moved_by() is None  # 1 of 320 pixels: 0.3 %
    looked(viewpoint, nudged(street, 10, -4), 80, 60)
    assert viewpoint.moved_by() == pytest.approx((10 / WIDTH_PX, -4 / HEIGHT_PX), abs=0.006)
    assert viewpoint.moved_by() is None


def test_the_view_outlives_the_process(street, tmp_path) -> None:
    viewpoint = Viewpoint("gate")
    looked(viewpoint, street, 0, 60)
    write_view(tmp_path, GATE, viewpoint.export())
    again = Viewpoint("gate", read_view(tmp_path, GATE))
    other = picture([])[:, ::-1].copy()
    assert not any(
        looked(again, other, 0, 60)[2:]
    )  # another view from the first look on: it was moved while we were away
    assert PictureFault.MOVED in again.report.faults


def test_a_nudge_outlives_the_process(street, tmp_path) -> None:
    viewpoint, there = Viewpoint("gate"), nudged(street, 10, -4)
    looked(viewpoint, street, 0, 60)
    looked(viewpoint, there, 60, 60)
    moved = viewpoint.moved_by()
    write_view(tmp_path, GATE, viewpoint.export())
    view = read_view(tmp_path, GATE)
    assert view is not None
    again = Viewpoint("gate", view)
    # From the first look on: zones follow at once, before what was followed is taken up again.
    assert looked(again, there, 0, 2) == [True]
    assert again.moved_by() == pytest.approx(moved)
    looked(again, there, 4, 60)
    assert again.moved_by() is None


def test_a_view_tells_where_it_lay_or_lay_where_it_was_learned(street, caplog) -> None:
    viewpoint = Viewpoint("gate")
    looked(viewpoint, street, 0, 60)
    view = viewpoint.export()
    assert Viewpoint("gate", {name: array for name, array in view.items() if name != "shift"}).export()["levels"].size
    assert caplog.text == ""
    assert not Viewpoint("gate", {**view, "shift": np.array([np.nan, 0.0])}).export()["levels"].size
    assert "array 'shift' of this view is [nan  0.]: allowed are two finite numbers" in caplog.text


def test_a_view_that_was_not_learned_replaces_none(street, tmp_path) -> None:
    viewpoint = Viewpoint("gate")
    looked(viewpoint, street, 0, 60)
    write_view(tmp_path, GATE, viewpoint.export())
    write_view(tmp_path, GATE, Viewpoint("gate").export())
    assert read_view(tmp_path, GATE)["levels"].size


def test_zones_that_were_drawn_anew_want_a_new_view(street, tmp_path) -> None:
    viewpoint = Viewpoint("gate")
    looked(viewpoint, street, 0, 60)
    write_view(tmp_path, GATE, viewpoint.export())
    longer = replace(GATE, zones=(replace(ZONE, dwell_s=ZONE.dwell_s + 1),))
    assert read_view(tmp_path, longer) is not None
    assert read_view(tmp_path, replace(GATE, zones=(ZONE.shifted(0.1, 0.0),))) is None


def test_a_view_is_accepted_by_whoever_restarts_or_looks_first(street, tmp_path) -> None:
    with pytest.raises(ConfigError, match="no camera 'gate': it has none"):
        accept_view(tmp_path, "gate")
    write_health(tmp_path, "shard-0", [{"camera": "gate"}], datetime.now(UTC))
    viewpoint = Viewpoint("gate")
    looked(viewpoint, street, 0, 60)
    write_view(tmp_path, GATE, viewpoint.export())
    accept_view(tmp_path, "gate")
    assert read_view(tmp_path, GATE) is None
    assert not take_accepted(tmp_path, "gate")
    accept_view(tmp_path, "gate")
    assert take_accepted(tmp_path, "gate")


def test_an_accepted_view_is_judged_by(tmp_path) -> None:
    """A camera that was turned for good: once its new view is accepted, a stay in it is found."""

    def turned(luma: Luma, time_s: float) -> Luma:
        return noisy(luma if time_s >= 60 else np.rot90(luma, 2), time_s)

    film = shoot(tmp_path / "film.mp4", lambda time_s: [PARKED] if time_s >= 100 else [], 150, turned)
    seen = watched(film, tmp_path / "evidence", until_s=90)
    assert seen.watch.viewpoint.report.faults == {PictureFault.MOVED}
    assert not seen.newest
    seen = watched(film, tmp_path / "evidence-2", until_s=150, at={90.0: CameraWatch.accept_view})
    (incident,) = seen.newest.values()
    assert (incident.state, incident.onset_s) == (State.CONFIRMED, pytest.approx(100, abs=0.3))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"nonsense" * 100])
def test_a_broken_view_is_learned_anew(tmp_path, content, caplog) -> None:
    (tmp_path / VIEWS_FOLDER).mkdir()
    (tmp_path / VIEWS_FOLDER / "gate.npz").write_bytes(content)
    assert read_view(tmp_path, GATE) is None
    assert "learned anew" in caplog.text


def test_a_foreign_view_is_learned_anew(caplog) -> None:
    assert Viewpoint("gate", {"levels": np.zeros(3)}).report is None
    assert "learned anew" in caplog.text


def parked(time_s: float) -> list[Car]:
    return [PARKED] if time_s >= 40 else []


def test_a_covered_camera_ends_no_stay(tmp_path: Path) -> None:
    def hand(luma: Luma, time_s: float) -> Luma:
        return noisy(np.full_like(luma, 120) if 60 <= time_s < 80 else luma, time_s)

    seen = watched(shoot(tmp_path / "film.mp4", parked, 110, hand), tmp_path / "evidence", until_s=110)
    (incident,) = seen.newest.values()
    assert incident.state is State.CONFIRMED
    assert incident.onset_s == pytest.approx(40, abs=0.3)
    assert 8 <= seen.watch.unusable <= 14  # 20 s of it, and what it took to find the view again


def test_a_nudged_camera_ends_no_stay_and_begins_none(tmp_path: Path) -> None:
    def ladder(luma: Luma, time_s: float) -> Luma:
        return noisy(nudged(luma, 9, 0) if time_s >= 60 else luma, time_s)

    seen = watched(shoot(tmp_path / "film.mp4", parked, 120, ladder), tmp_path / "evidence", until_s=120)
    (incident,) = seen.newest.values()
    assert incident.state is State.CONFIRMED
    assert seen.watch.viewpoint.report.shift[0] == pytest.approx(9 / WIDTH_PX, abs=0.004)
