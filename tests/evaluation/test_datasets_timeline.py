"""Frame numbers and seconds: by the clip's own time stamps, as the detector has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.datasets.timeline import read_timeline
from evaluation.errors import EvaluationError
from streams.source.address import parse_address
from streams.source.feed import Feed
from tests.evaluation.clips import write_clip

UNEVEN_S = (0.0, 0.1, 0.2, 0.9, 1.0, 2.5)  # a camera that dropped pictures


def test_times_are_those_of_the_file_and_not_of_a_rate(tmp_path: Path) -> None:
    timeline = read_timeline(write_clip(tmp_path / "a.mp4", UNEVEN_S))
    assert timeline.times_s.tolist() == pytest.approx(UNEVEN_S)
    assert (timeline.width_px, timeline.height_px) == (320, 240)
    assert timeline.length_s >= 2.5
    assert timeline.fps == pytest.approx(2.0)  # 5 steps in 2.5 s


def test_a_clip_that_starts_late_starts_at_zero(tmp_path: Path) -> None:
    timeline = read_timeline(write_clip(tmp_path / "a.mkv", [time_s + 5 for time_s in UNEVEN_S]))
    assert timeline.times_s.tolist() == pytest.approx(UNEVEN_S)


@pytest.mark.parametrize(
    ("time_s", "frame"),
    [(0.0, 0), (0.04, 0), (0.06, 1), (0.54, 2), (0.56, 3), (2.5, 5), (99.0, 5), (-1.0, 0)],
)
def test_the_nearest_picture(tmp_path: Path, time_s: float, frame: int) -> None:
    assert read_timeline(write_clip(tmp_path / "a.mp4", UNEVEN_S)).frame_at(time_s) == frame


def test_a_picture_that_is_not_there_is_refused(tmp_path: Path) -> None:
    timeline = read_timeline(write_clip(tmp_path / "a.mp4", UNEVEN_S))
    with pytest.raises(EvaluationError, match="has no picture 6: allowed are 0 to 5"):
        timeline.time_s(6)


def test_what_is_no_clip_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(EvaluationError, match=r"a\.mp4"):
        read_timeline(tmp_path / "a.mp4")
    with pytest.raises(EvaluationError, match="no such file"):
        read_timeline(tmp_path / "b.mp4")


def test_a_relative_path_is_relative_to_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "a.mp4", UNEVEN_S)
    monkeypatch.chdir(tmp_path)
    assert len(read_timeline(Path("clips/a.mp4"))) == len(UNEVEN_S)


@pytest.mark.parametrize(
    "name", ["opencv_vtest.avi", "ds_retail02.mp4", "sv_walking.mp4", "ocv4node_city_intersection.mp4"]
)
def test_times_are_the_detectors_own(shared: Path, name: str) -> None:
    path = shared / "clips" / "real" / name
    timeline = read_timeline(path)
    packets = Feed(parse_address(str(path), path.parent), retry=False).packets()
    theirs = sorted(packet.time_s for packet in packets if packet.time_s >= 0)
    assert timeline.times_s.tolist() == pytest.approx(theirs, abs=1e-6)
