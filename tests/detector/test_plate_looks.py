"""Which pictures of a vehicle are read, and which of the plates in them is its own."""

import logging
from datetime import datetime
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from detector.delivery.wire import recorded, revision_json
from detector.evidence import plates
from detector.evidence.plates import FRAMES_MAX, MARGIN, PlateDesk, Step, View, best_views, enough, own_plate
from detector.evidence.tracks import path_of
from detector.lifecycle.incidents import Incident
from detector.zoning.cameras_file import Camera
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from models.errors import ModelError
from models.plates.reading import Colour, Plate, PlateReading
from streams.clock import CaptureClock
from streams.frame import Frame
from streams.source.address import Address

BOX = Box(0.4, 0.4, 0.6, 0.6)
WIDTH_PX, HEIGHT_PX = 640, 480


def frame(time_s: float, *, contrast: int = 100) -> Frame:
    noise = np.random.default_rng(1).integers(0, contrast, (HEIGHT_PX, WIDTH_PX, 1), dtype=np.uint8).repeat(3, axis=2)
    picture = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format="yuv420p")
    picture.pts, picture.time_base = round(time_s * 90_000), Fraction(1, 90_000)
    return Frame(time_s, picture)


def reading(
    text: str = "", *, x: float = 64.0, y: float = 48.0, width: float = 100.0, sure: float = 0.99
) -> PlateReading:
    """A plate whose middle lies at x, y of the view."""
    half = width / 2
    quad = np.array([[x - half, y - 15], [x + half, y - 15], [x + half, y + 15], [x - half, y + 15]], np.float32)
    return PlateReading(text, (sure,) * len(text), Colour.BLUE, quad, 0.9)


def test_of_each_stretch_of_time_the_sharpest_picture_is_taken() -> None:
    path = [Step(number * 0.25, BOX) for number in range(8)]  # 1.75 s: four stretches of 0.4375 s
    sharp_s = (0.25, 0.5, 1.25, 1.5)  # in the stretches 0, 1, 2, 3
    frames = [frame(step.time_s, contrast=200 if step.time_s in sharp_s else 60) for step in path]
    assert sorted(view.step.time_s for view in best_views(frames, path, 4)) == list(sharp_s)


def test_a_larger_view_is_worth_more() -> None:
    path = [Step(0.0, BOX), Step(0.25, BOX.grown(0.5)), Step(0.5, BOX)]
    frames = [frame(step.time_s) for step in path]
    assert [view.step.time_s for view in best_views(frames, path, 1)] == [0.25]
    assert best_views(frames, path, 3)[0].step.time_s == 0.25  # best first


@pytest.mark.parametrize(
    ("texts", "settled"),
    [
        ("", False),
        ("AAA", False),
        ("AAAA", True),
        ("A-A-AA", True),  # pictures without a plate say nothing
        ("aaaa", False),  # not sure
        ("AAaaAA", True),
        ("AAAB", False),
        ("AAAAB", False),
    ],
)
def test_when_enough_pictures_agree(texts: str, settled: bool) -> None:
    said = {"A": reading("皖AG2R28"), "B": reading("皖AG2R29"), "a": reading("皖AG2R28", sure=0.8), "-": None}
    assert enough([said[text] for text in texts]) is settled


def test_pictures_beside_the_path_are_passed_over() -> None:
    path = [Step(1.0, BOX), Step(1.25, BOX)]
    assert [view.step.time_s for view in best_views([frame(0.75), frame(1.1), frame(1.25)], path, 3)] == [1.25]
    assert best_views([frame(1.0)], [], FRAMES_MAX) == []


def test_what_is_too_small_to_carry_a_plate_is_not_looked_at() -> None:
    tiny = Box(0.5, 0.5, 0.53, 0.53)  # 0.03 * 1.2 * 640 = 23 px
    assert best_views([frame(0.0)], [Step(0.0, tiny)], 1) == []


@pytest.mark.parametrize(
    ("x", "others", "owned"),
    [
        # The view begins at 0.4 - 0.1 * 0.2 = 0.38, 243 px; its box reaches from 256 to 384 px.
        (64.0, (), True),
        (5.0, (), False),  # at 248 px: in the margin
        (64.0, (Box(0.0, 0.0, 1.0, 1.0),), False),  # 307 px, 0.48: in another vehicle, too
        (64.0, (Box(0.5, 0.0, 1.0, 1.0),), True),
    ],
)
def test_a_plate_in_another_vehicle_is_not_its_own(x: float, others: tuple[Box, ...], owned: bool) -> None:
    (view,) = best_views([frame(0.0)], [Step(0.0, BOX, others)], 1)
    assert (view.left_px, view.image_rgb.shape[1]) == (243, 154)  # 0.2 * 1.2 * 640 = 153.6
    assert pytest.approx(0.1) == MARGIN
    assert view.owns(reading("皖AG2R28", x=x)) is owned


def test_of_several_plates() -> None:
    sign, plate, same, other = (
        reading(width=160),
        reading("皖AG2R28"),
        reading("皖AG2R28", width=90),
        reading("皖AG2R29"),
    )
    assert own_plate([]) is None
    assert own_plate([sign]) is sign  # for the close-up
    assert own_plate([sign, plate]) is plate  # a sign on a lorry says nothing that a plate can say
    assert own_plate([same, plate]) is plate
    assert own_plate([plate, other]) is None  # nobody knows which


def tracks(rows: list[dict[int, tuple[float, str]]], *, subject: int | None) -> dict[str, Any]:
    """Rows of track: (left edge, class); boxes are 0.2 wide; four pictures a second."""
    frames = [
        {
            "t": number / 4,
            "boxes": [
                {"id": track, "class": name, "score": 0.9, "box": [left, 0.4, left + 0.2, 0.6]}
                for track, (left, name) in row.items()
            ],
        }
        for number, row in enumerate(rows)
    ]
    return {"anchor": list(BOX), "subject": subject, "frames": frames}


def path(rows: list[dict[int, tuple[float, str]]], *, subject: int | None = 1) -> list[tuple[float, float]]:
    steps = path_of(tracks(rows, subject=subject), 100.0, {"car"})
    return [(step.time_s, pytest.approx(step.box.left)) for step in steps]


def test_a_path_follows_the_track_to_the_anchor() -> None:
    # Each step 0.08 of 0.2: IoU 0.12 / 0.28 = 0.43.
    rows = [{1: (0.56, "car")}, {1: (0.48, "car")}, {1: (0.40, "car")}, {1: (0.40, "car")}]
    assert path(rows) == [(100.0, 0.56), (100.25, 0.48), (100.5, 0.40), (100.75, 0.40)]


def test_a_path_ends_where_it_jumps() -> None:
    # 0.12 of 0.2: IoU 0.08 / 0.32 = 0.25, which may be another vehicle.
    assert path([{1: (0.52, "car")}, {1: (0.40, "car")}, {1: (0.40, "car")}]) == [(100.25, 0.40), (100.5, 0.40)]
    assert path([{1: (0.40, "car")}, {1: (0.40, "car")}, {1: (0.60, "car")}]) == [(100.0, 0.40), (100.25, 0.40)]


def test_a_subject_that_was_not_tracked_stands_at_its_anchor() -> None:
    assert path([{}, {2: (0.0, "car")}], subject=None) == [(100.0, 0.40), (100.25, 0.40)]


def test_other_vehicles_are_known() -> None:
    rows = [{1: (0.40, "car"), 2: (0.50, "car"), 3: (0.41, "car"), 4: (0.45, "person")}]
    (step,) = path_of(tracks(rows, subject=1), 0.0, {"car"})
    # 3 has IoU 0.19 / 0.21 = 0.9: the same vehicle, reported twice.
    assert step.others == (Box(0.50, 0.4, 0.70, 0.6),)


def test_a_desk_without_networks_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(**_: Any) -> None:
        raise ModelError("clp_det.onnx: not in the cache and no source has it")

    monkeypatch.setattr(plates, "load_plate_reader", fails)
    desk = PlateDesk()
    with caplog.at_level(logging.WARNING):
        assert [desk(), desk()] == [None, None]
    assert [record.message for record in caplog.records] == [
        "plates are not read: clp_det.onnx: not in the cache and no source has it"
    ]


@pytest.mark.parametrize(
    ("plate", "subject"),
    [
        (None, {"plate": None}),
        (Plate(None, 0.4, Colour.UNKNOWN, 0, 12), {"plate": None}),
        (Plate(None, 0.4, Colour.BLUE, 2, 12), {"plate": None, "plate_colour": "blue"}),
        (
            Plate("皖AG2R28", 0.97123, Colour.BLUE, 9, 12),
            {"plate": "皖AG2R28", "plate_confidence": 0.971, "plate_colour": "blue"},
        ),
    ],
)
def test_only_what_is_legible_is_told(plate: Plate | None, subject: dict[str, Any]) -> None:
    incident = Incident("gate-1", "gate", "kerb", "illegal_parking", 1.0, 1.0, BOX, "car").with_plate(plate)
    assert recorded(incident)["subjects"] == [{"role": "vehicle", "class": "car", **subject}]
    zone = Zone("kerb", ZoneKind.NO_PARKING, ((0, 0), (1, 0), (1, 1), (0, 1)), 10.0)
    camera = Camera("gate", Address("gate.mp4"), (zone,))
    clock = CaptureClock(live=False, starts_at=datetime.fromisoformat("2026-03-01T23:59:50+08:00"))
    sent = revision_json(camera, zone, clock, incident)["subjects"]
    assert sent == [{"role": "vehicle", "class": "car", "plate_confidence": None, "plate_colour": None, **subject}]


def test_a_view_knows_where_it_lies() -> None:
    view = View(Step(0.0, BOX), np.zeros((10, 10, 3), np.uint8), 0, 0, (WIDTH_PX, HEIGHT_PX))
    assert not view.owns(reading("皖AG2R28"))  # at 64, 48 px: outside of the box
