import numpy as np
import pytest
from numpy.typing import NDArray

from models.detections import Detections
from models.errors import ModelError
from models.letterbox import PAD_VALUE
from models.regions.doubles import without_doubles
from models.regions.mosaic import build, send_home, to_canvas, to_source
from models.regions.packing import Region, RegionPlan, Tile, plan_regions
from models.regions.rects import Rect


def tile(rect: tuple[int, int, int, int], place: tuple[int, int, int, int], camera: str = "a") -> Tile:
    return Tile(Region(camera, (1000, 800), Rect(*rect), scale_min=0.5), 0, Rect(*place))


def boxes(*rows: tuple[float, ...]) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, 4)


# 400x200 px at half their size on the left; 100x100 px as they are, 16 px beside; the picture goes on around both.
HALVED = tile((100, 300, 500, 500), (0, 0, 200, 100))
NATIVE = tile((700, 100, 800, 200), (216, 0, 316, 100))
CORNER = tile((0, 700, 100, 800), (0, 0, 100, 100))  # bottom left in the picture


def test_there_and_back_is_the_same_place() -> None:
    chance = np.random.default_rng(0)
    for _ in range(50):
        rects = [chance.integers(0, 500, 2) for _ in range(4)]
        regions = [
            Region("a", (1000, 800), Rect(int(x), int(y), int(x) + 200, int(y) + 150), scale_min=0.64) for x, y in rects
        ]
        for part in plan_regions(regions, (640, 384), stride_px=32).tiles:
            rect = part.region.rect
            corners = np.sort(chance.uniform(0, 1, (20, 2, 2)), axis=1) * [rect.width, rect.height] + rect[:2]
            asked = corners.reshape(-1, 4).astype(np.float32)
            np.testing.assert_allclose(to_source(part, to_canvas(part, asked)), asked, atol=0.01)
            # A detector says whole pixels of its input: back in the picture that is half of one, times the scale.
            said = np.round(to_canvas(part, asked))
            assert np.abs(to_source(part, said) - asked).max() <= 0.5 / part.scale + 0.01


def test_places_by_hand() -> None:
    # (0, 0)…(200, 100) is (100, 300)…(500, 500): factor 2. (216, 0) is (700, 100), factor 1.
    np.testing.assert_array_equal(to_source(HALVED, boxes((10, 20, 110, 70))), boxes((120, 340, 320, 440)))
    np.testing.assert_array_equal(to_source(NATIVE, boxes((226, 10, 246, 40))), boxes((710, 110, 730, 140)))


def test_what_is_in_the_input_lies_where_it_was_in_the_picture() -> None:
    picture = np.zeros((800, 1000, 3), np.uint8)
    picture[350:450, 200:400] = (10, 200, 30)
    picture[120:150, 720:760] = (90, 80, 70)
    plan = RegionPlan(((320, 128),), (HALVED, NATIVE), ())
    (canvas,) = build(plan, {"a": picture})
    assert canvas.shape == (128, 320, 3)
    assert (canvas[100:] == PAD_VALUE).all()  # below both
    assert (canvas[:, 200:216] == PAD_VALUE).all()  # between them
    green = np.argwhere((canvas == (10, 200, 30)).all(axis=2))
    assert green.min(axis=0).tolist() == [25, 50]  # (350 - 300) / 2, (200 - 100) / 2
    assert green.max(axis=0).tolist() == [74, 149]
    dim = np.argwhere((canvas == (90, 80, 70)).all(axis=2))
    assert dim.min(axis=0).tolist() == [20, 236]
    with pytest.raises(ModelError, match="no picture of a: planned are 1000x800 px"):
        build(plan, {"b": picture})
    with pytest.raises(ModelError, match=r"uint8 \(800, 1000, 3\) is planned, not uint8 \(10, 10, 3\)"):
        build(plan, {"a": np.zeros((10, 10, 3), np.uint8)})


@pytest.mark.parametrize(
    ("box", "home", "source", "cut"),
    [
        ((20, 20, 60, 60), 0, (140, 340, 220, 420), False),
        # 1 px from the tile's right edge, beyond which the picture goes on.
        ((150, 20, 199, 60), 0, (400, 340, 498, 420), True),
        # 3 px from it: not cut.
        ((150, 20, 197, 60), 0, (400, 340, 494, 420), False),
        # 50 px wide, 10 of them beyond the edge: 80 % inside, clipped to 200.
        ((160, 20, 210, 60), 0, (420, 340, 500, 420), True),
        # 80 px wide, 30 beyond: 62.5 %, less than 70: across the border. Its middle, 190, still lies in the tile.
        ((150, 20, 230, 60), -1, (0, 0, 0, 0), False),
        # From one tile into the other; its middle, 208, lies in the grey between them.
        ((180, 20, 236, 60), -1, (0, 0, 0, 0), False),
        ((216, 0, 316, 100), 1, (700, 100, 800, 200), True),
        ((230, 10, 240, 20), 1, (714, 110, 724, 120), False),
    ],
)
def test_each_box_goes_home(box: tuple[float, ...], home: int, source: tuple[float, ...], cut: bool) -> None:
    homes = send_home([HALVED, NATIVE], boxes(box))
    assert homes.tile.tolist() == [home]
    assert homes.cut.tolist() == [cut]
    np.testing.assert_array_equal(homes.boxes_px, boxes(source))


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((0, 20, 50, 60), False),  # at the left edge the picture ends, too: nothing is hidden there
        ((20, 60, 50, 100), False),  # nor below
        ((20, 0, 50, 60), True),
        ((60, 20, 100, 60), True),
    ],
)
def test_the_pictures_own_edge_cuts_nothing(box: tuple[float, ...], cut: bool) -> None:
    assert send_home([CORNER], boxes(box)).cut.tolist() == [cut]


def test_nothing_goes_nowhere() -> None:
    homes = send_home([HALVED], boxes())
    assert (len(homes.tile), homes.boxes_px.shape, len(homes.cut)) == (0, (0, 4), 0)


CAR, VAN = 0, 1


@pytest.mark.parametrize(
    ("rows", "stay"),
    [
        # box, class, score, tile, cut. 100x100 and the same 20 px aside: 80 · 100 / (2 · 10,000 - 8,000) = 0.67 > 0.5.
        ([((0, 0, 100, 100), CAR, 0.8, 0, False), ((20, 0, 120, 100), CAR, 0.9, 1, False)], [1]),
        # 40 px aside: 6,000 / 14,000 = 0.43: two cars.
        ([((0, 0, 100, 100), CAR, 0.8, 0, False), ((40, 0, 140, 100), CAR, 0.9, 1, False)], [1, 0]),
        # Of different classes: both are told, as a detector tells them in one picture.
        ([((0, 0, 100, 100), CAR, 0.8, 0, False), ((20, 0, 120, 100), VAN, 0.9, 1, False)], [1, 0]),
        # In one tile: the detector has left both.
        ([((0, 0, 100, 100), CAR, 0.8, 0, False), ((20, 0, 120, 100), CAR, 0.9, 0, False)], [1, 0]),
        # The cut front of a lorry, 60x100, all of it in the lorry, 200x100 (IoU 0.3): a part, though its score is better.
        ([((140, 0, 200, 100), CAR, 0.9, 0, True), ((0, 0, 200, 100), CAR, 0.5, 1, False)], [1]),
        # The same, not cut: a car in front of the lorry.
        ([((140, 0, 200, 100), CAR, 0.9, 0, False), ((0, 0, 200, 100), CAR, 0.5, 1, False)], [0, 1]),
        # 60 % of the cut part lie in the other: not a part of it.
        ([((164, 0, 224, 100), CAR, 0.9, 0, True), ((0, 0, 200, 100), CAR, 0.5, 1, False)], [0, 1]),
        # Two cut parts that overlap little: both stay, marked.
        ([((0, 0, 110, 100), CAR, 0.6, 0, True), ((90, 0, 200, 100), CAR, 0.7, 1, True)], [1, 0]),
        ([], []),
    ],
)
def test_doubles_are_told_once(
    rows: list[tuple[tuple[int, int, int, int], int, float, int, bool]], stay: list[int]
) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    seen = Detections(
        boxes(*columns[0]), np.array(columns[1], np.int64), np.array(columns[2], np.float32), ("car", "van")
    )
    kept = without_doubles(seen, np.array(columns[3], np.int64), np.array(columns[4], np.bool_))
    assert kept.tolist() == stay
