"""The stills of a report: the right picture of the clip, the boxes where they are, and small enough to embed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from detector.zoning.geometry import Box
from evaluation.datasets.truth import only_camera
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Prediction, Truth
from evaluation.report.build import build_report
from evaluation.report.crop import WHOLE, crop_around, within
from evaluation.report.facts import ClipFacts, clip_facts
from evaluation.report.gallery import shots, take_stills, write_stills
from evaluation.report.pictures import pictures_at
from evaluation.report.still import PREDICTED_RGB, STILL_BYTES_MAX, TRUE_RGB, ZONE_RGB, drawn, small_jpeg, still
from evaluation.report.write import write_report
from streams.source.address import parse_address
from tests.conftest import MakeClip
from tests.evaluation.report_cases import clip, parsed

WIDTH, HEIGHT = (
    320,
    240,
)  # of `make_clip`; its square is 40 px wide, at y 100 to 140, its left edge at a pixel per picture
NEAR = 60  # JPEG halves the resolution of colours, so a line of 3 px is a little off


def square_left(picture: NDArray[np.uint8]) -> int:
    """Left edge of the white square, px."""
    return int(np.flatnonzero(picture[120].mean(axis=1) > 200)[0])


def is_colour(pixel: NDArray[np.uint8], rgb: tuple[int, int, int], off: int = 0) -> bool:
    return bool(np.abs(pixel.astype(int) - rgb).max() <= off)


def decoded(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_the_picture_is_the_one_that_is_shown_at_that_moment(make_clip: MakeClip, codec: str) -> None:
    path = make_clip(seconds=4.0, codec=codec)  # 25 a second, keyframes at 0, 1, 2, 3 s
    address = parse_address(str(path), path.parent)
    found = {time_s: square_left(picture) for time_s, picture in pictures_at(address, [3.2, 0.0, 1.0, 2.5, 2.51, 99.0])}
    # 2.5 s lies between the pictures 62 (2.48 s) and 63 (2.52 s): the newest not later is 62; the last of all is 99
    assert list(found) == [0.0, 1.0, 2.5, 2.51, 3.2, 99.0]
    assert list(found.values()) == pytest.approx([0, 25, 62, 62, 80, 99], abs=1)


def test_a_clip_that_is_not_there_is_an_error_and_one_line(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"gone\.mp4") as caught:
        list(pictures_at(parse_address(str(tmp_path / "gone.mp4"), tmp_path), [1.0]))
    assert "\n" not in str(caught.value)


def test_boxes_and_zone_are_drawn_where_they_are_and_differ_in_more_than_colour() -> None:
    grey = np.full((201, 401, 3), 90, np.uint8)  # fractions are of 400 and 200
    box, true = Box(0.25, 0.4, 0.5, 0.6), Box(0.6, 0.4, 0.8, 0.8)
    image = drawn(grey, predicted=box, true=true, zone=[(0.05, 0.1), (0.95, 0.1), (0.95, 0.9), (0.05, 0.9)])
    for x, y in ((100, 100), (200, 100), (150, 80), (150, 120)):  # middles of the four edges
        assert is_colour(image[y, x], PREDICTED_RGB), (x, y)
    assert is_colour(image[100, 150], (90, 90, 90))  # nothing within
    bottom = image[160, 240:321]  # the lower edge of the true box
    dashes = [is_colour(pixel, TRUE_RGB) for pixel in bottom]
    assert 20 < sum(dashes) < 65  # of 81 px about half
    assert is_colour(image[20, 200], ZONE_RGB)
    assert is_colour(grey[100, 100], (90, 90, 90))  # the original carries no drawing


@pytest.mark.parametrize(
    ("boxes", "zone", "expected"),
    [
        ([], [], WHOLE),
        ([Box(0.1, 0.1, 0.2, 0.2)], [], Box(0, 0, 0.5, 0.5)),  # at least half of the frame, and within it
        ([Box(0.45, 0.45, 0.55, 0.55)], [], Box(0.25, 0.25, 0.75, 0.75)),
        ([Box(0.2, 0.4, 0.8, 0.5)], [], Box(0.14, 0.09, 0.86, 0.81)),  # 0.6 * 1.2 = 0.72, around (0.5, 0.45)
        ([], [(0, 0), (1, 0), (1, 1)], WHOLE),
    ],
)
def test_a_still_shows_what_matters_and_enough_around_it(
    boxes: list[Box], zone: list[tuple[float, float]], expected: Box
) -> None:
    assert crop_around(boxes, zone) == pytest.approx(expected)


def test_a_box_keeps_its_place_in_the_part_that_is_shown() -> None:
    # the part begins at 0.25 and is half as wide: (0.5 - 0.25) / 0.5
    assert within(Box(0.5, 0.25, 0.75, 0.5), Box(0.25, 0.25, 0.75, 0.75)) == pytest.approx(Box(0.5, 0.0, 1.0, 0.5))


def test_noise_is_made_small_enough() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    assert len(small_jpeg(still(noise, predicted=Box(0.1, 0.1, 0.9, 0.9)))) <= STILL_BYTES_MAX


@pytest.fixture
def facts(make_clip: MakeClip, tmp_path: Path) -> ClipFacts:
    zone = {"id": "kerb", "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    camera = {"id": "street", "source": str(make_clip(seconds=4.0)), "zones": [zone]}
    (tmp_path / "street.yaml").write_text(json.dumps({"cameras": [camera]}))
    row = {"id": "wrong", "why": {"summary": "It stood.", "stood_s": 2.0, "there_from_start": False}}
    return clip_facts(tmp_path / "street.yaml", {"incidents": [row]})


def square(second: float) -> Box:
    """Where the square is: `make_clip` moves it 25 px a second."""
    left = second * 25
    return Box(left / WIDTH, 100 / HEIGHT, (left + 40) / WIDTH, 140 / HEIGHT)


def test_the_gallery_shows_the_box_around_the_thing_at_the_moment_of_the_alarm(
    facts: ClipFacts, tmp_path: Path
) -> None:
    wrong = Prediction("wrong", "illegal_parking", "kerb", 1.0, 2.0, square(2.0))
    missed = Truth("dumping", "kerb", 0.0, 3.0, square(3.0))
    report = build_report([clip("street", [missed], [wrong], 4.0)], model="m", facts=[facts])
    assert write_report(tmp_path / "out", report, [facts]) == []
    pictures = {path.name: decoded(path.read_bytes()) for path in (tmp_path / "out" / "pictures").iterdir()}
    assert sorted(pictures) == ["000-false-alarm-0.jpg", "000-miss-0.jpg"]
    at_alarm = pictures["000-false-alarm-0.jpg"]  # picture 50: the square from x 50 to 90
    assert at_alarm.shape == (HEIGHT, WIDTH, 3)
    for x, y in ((51, 120), (89, 120), (70, 101), (70, 139)):
        assert is_colour(at_alarm[y, x], PREDICTED_RGB, NEAR), (x, y, at_alarm[y, x])
    assert at_alarm[120, 70].min() > 200  # the square, within
    due = pictures["000-miss-0.jpg"]  # picture 75: the square from x 75 to 115
    assert due[120, 95].min() > 200
    edge = [is_colour(due[139, x], TRUE_RGB, NEAR) for x in range(76, 114)]
    assert 10 < sum(edge) < 35
    page = (tmp_path / "out" / "report.html").read_text()
    cards = parsed(page).xpath("//li[contains(@class, 'card')]")
    assert len(parsed(page).xpath("//img")) == 2
    assert "The detector says: It stood." in " ".join(cards[0].text_content().split())
    assert [zone["kind"] for zone in report["clips"][0]["zones"]] == ["no_parking"]
    assert report["rules"]["no_parking"]["false_alarms"] == 1


def test_stills_are_the_same_in_each_run_and_those_of_an_earlier_one_go(facts: ClipFacts, tmp_path: Path) -> None:
    report = build_report(
        [clip("street", [], [Prediction("p", "dumping", "kerb", 1.0, 2.0, square(2.0))], 4.0)], model="m"
    )
    first, missing = take_stills(report, [facts])
    assert (first, missing) == take_stills(report, [facts])
    assert [shot.name for shot in shots(report)] == list(first)
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "007-miss-3.jpg").write_bytes(b"old")
    (folder / "mine.jpg").write_bytes(b"of somebody else")
    write_stills(folder, first)
    assert sorted(path.name for path in folder.iterdir()) == ["000-false-alarm-0.jpg", "mine.jpg"]


def test_a_clip_that_has_gone_costs_its_stills_and_no_more(facts: ClipFacts, tmp_path: Path) -> None:
    camera = only_camera(tmp_path / "street.yaml")
    Path(camera.address.target).unlink()
    report = build_report(
        [clip("street", [], [Prediction("p", "dumping", "kerb", 1.0, 2.0, square(2.0))], 4.0)], model="m"
    )
    missing = write_report(tmp_path / "out", report, [facts])
    assert missing[-1] == "street.yaml: 1 of 1 stills can't be had"
    assert missing[-1] in (tmp_path / "out" / "report.html").read_text().replace("&#39;", "'")
