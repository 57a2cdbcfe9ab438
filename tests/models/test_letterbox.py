import numpy as np
import pytest

from models.errors import ModelError
from models.letterbox import Letterbox


@pytest.mark.parametrize(
    ("source", "resized", "padded", "padding"),
    [
        ((1920, 1080), (640, 360), (640, 384), (0, 12, 0, 12)),  # scale 1/3; 360 → 384 = 12 x 32, 24 px over
        ((1080, 1920), (360, 640), (384, 640), (12, 0, 12, 0)),
        ((810, 1080), (480, 640), (480, 640), (0, 0, 0, 0)),  # scale 640/1080 → 480 = 15 x 32
        ((640, 427), (640, 427), (640, 448), (0, 10, 0, 11)),  # 21 px over: the odd one goes below
        ((320, 240), (640, 480), (640, 480), (0, 0, 0, 0)),  # small frames are scaled up
        ((4000, 10), (640, 2), (640, 32), (0, 15, 0, 15)),  # 10 x 0.16 = 1.6 → 2
    ],
)
def test_least_rectangle(
    source: tuple[int, int], resized: tuple[int, int], padded: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    plan = Letterbox.plan(*source)
    assert (plan.resized, plan.padded, plan.padding) == (resized, padded, padding)


def test_square_and_top_left() -> None:
    square = Letterbox.plan(1920, 1080, square=True)
    assert (square.padded, square.offset) == ((640, 640), (0, 140))  # (640 − 360) / 2
    corner = Letterbox.plan_top_left(1000, 667, input_px=416)
    assert (corner.resized, corner.offset, corner.padded) == ((416, 277), (0, 0), (416, 416))  # 277.47 rounded down


def test_boxes_go_to_the_source_and_are_clipped() -> None:
    plan = Letterbox.plan(1920, 1080)
    boxes = np.array([[10, 22, 110, 72], [-5, 0, 640, 384]], np.float32)
    # x3, after 12 px of grey at the top: 22 → 30, 72 → 180; what lies in the grey is cut to the frame.
    assert plan.to_source(boxes).tolist() == [[30, 30, 330, 180], [0, 0, 1920, 1080]]
    assert plan.to_source(np.empty((0, 4), np.float32)).shape == (0, 4)


def test_apply_pads_with_grey_and_keeps_a_scaled_picture() -> None:
    plan = Letterbox.plan(1920, 1080)
    picture = np.full((360, 640, 3), 7, np.uint8)
    padded = plan.apply(picture)
    assert padded.shape == (384, 640, 3)
    assert (padded[:12] == 114).all()
    assert (padded[12:372] == 7).all()
    assert (padded[372:] == 114).all()
    assert plan.scaled(picture) is picture
    assert (plan.apply(np.full((1080, 1920, 3), 7, np.uint8)) == padded).all()


@pytest.mark.parametrize(
    "image",
    [np.zeros((100, 100, 3), np.uint8), np.zeros((360, 640), np.uint8), np.zeros((360, 640, 3), np.float32)],
)
def test_another_picture_than_planned(image: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"image: "):
        Letterbox.plan(1920, 1080).apply(image)


@pytest.mark.parametrize(("size", "input_px"), [((0, 10), 640), ((10, -1), 640), ((10, 10), 600)])
def test_impossible_sizes(size: tuple[int, int], input_px: int) -> None:
    with pytest.raises(ModelError, match=r"letterbox: "):
        Letterbox.plan(*size, input_px=input_px)
