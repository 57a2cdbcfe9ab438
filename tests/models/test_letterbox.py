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
    square = Letterbox.plan(1920, 1080, whole=True)
    assert (square.padded, square.offset) == ((640, 640), (0, 140))  # (640 − 360) / 2
    corner = Letterbox.plan_top_left(1000, 667, input_px=416)
    assert (corner.resized, corner.offset, corner.padded) == ((416, 277), (0, 0), (416, 416))  # 277.47 rounded down


def test_an_input_that_is_not_square() -> None:
    # 1920x1080 px into 640x320 px: the smaller of 1/3 and 320/1080 → 568.9 x 320; 71 px over: 35 left, 36 right.
    wide = Letterbox.plan(1920, 1080, input_px=(640, 320), whole=True)
    assert (wide.resized, wide.padded, wide.padding) == ((569, 320), (640, 320), (35, 0, 36, 0))
    # In the corner: 568 x 320, rounded down.
    corner = Letterbox.plan_top_left(1920, 1080, input_px=(640, 320))
    assert (corner.resized, corner.padded, corner.padding) == ((568, 320), (640, 320), (0, 0, 72, 0))


def test_stretched() -> None:
    plan = Letterbox.stretch(1920, 1080, input_px=560)
    assert (plan.resized, plan.padded, plan.padding) == ((560, 560), (560, 560), (0, 0, 0, 0))
    # x times 1920/560 = 24/7, y times 1080/560 = 27/14
    assert plan.to_source(np.array([[70, 140, 280, 560]], np.float32)).tolist() == [[240, 270, 960, 1080]]


def test_with_and_without_smoothing() -> None:
    picture = np.zeros((1, 8, 3), np.uint8)  # eight columns to two: the centres of the two lie at columns 1.5 and 5.5
    picture[:, 3] = 240
    sharp, smooth = (Letterbox.stretch(8, 1, input_px=(2, 1), antialias=on).scaled(picture) for on in (False, True))
    # OpenCV looks at the two columns next to each centre, 1 and 2, 5 and 6: nothing there.
    assert sharp[0, :, 0].tolist() == [0, 0]
    # Pillow weighs all columns less than four away by 1 − distance / 4. Around the first centre columns 0 to 5:
    # 0.625 0.875 0.875 0.625 0.375 0.125, in all 3.5; column 3 has 0.625 of it. 240 x 0.625 / 3.5 = 42.9
    assert smooth[0, 0, 0] == 43


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
