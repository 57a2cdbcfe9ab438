import numpy as np
import pytest
from numpy.typing import NDArray

from detector.evidence.annotate import BOX_COLOR, INK, annotated
from detector.zoning.geometry import Box

GREY = np.full((720, 1280, 3), 90, np.uint8)
MISSING = "\U0010fffe"
"""A code point that no font has: drawn as the missing-glyph box."""


def changed(image: NDArray[np.uint8], before: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the pixels that differ."""
    rows, columns = np.nonzero((image != before).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def ink(image: NDArray[np.uint8]) -> int:
    """Pixels of full white: the inside of letters."""
    return int((image == INK).all(axis=2).sum())


def test_the_original_stays_as_it_was() -> None:
    image = GREY.copy()
    drawn = annotated(image, ["a line"], box=Box(0.2, 0.2, 0.4, 0.4), label="car", zone=[(0, 0), (1, 0), (1, 1)])
    assert (image == GREY).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (drawn != image).any()


@pytest.mark.parametrize("text", ["皖", "人", "民", "路", "违", "停", "皖A·G2R28"])
def test_chinese_is_written_not_boxed(text: str) -> None:
    written = annotated(GREY, [text])
    boxed = annotated(GREY, [MISSING * len(text)])
    blank = annotated(GREY, [""])
    assert ink(written) > ink(blank)
    assert (written != boxed).any()


def test_two_characters_differ() -> None:
    assert (annotated(GREY, ["皖"]) != annotated(GREY, ["京"])).any()


def test_the_box_is_drawn_where_it_is() -> None:
    drawn = annotated(GREY, [], box=Box(0.25, 0.25, 0.5, 0.5))
    left, right, top, bottom = 320, 640, 180, 360  # 0.25 and 0.5 of 1280 and of 720
    for x, y in ((left, 270), (right, 270), (480, top), (480, bottom)):
        assert tuple(drawn[y, x]) == BOX_COLOR
    assert (drawn[200:340, 340:620] == 90).all()  # nothing drawn over the vehicle itself


def test_the_zone_is_drawn_closed() -> None:
    drawn = annotated(GREY, [], zone=[(0.1, 0.1), (0.9, 0.1), (0.9, 0.8)])
    # The closing edge from (0.9, 0.8) to (0.1, 0.1): its middle is (0.5, 0.45).
    middle = drawn[round(0.45 * 720) - 3 : round(0.45 * 720) + 4, 640]
    assert (middle != 90).any()


def test_no_box_no_zone_only_the_banner() -> None:
    _, top, _, bottom = changed(annotated(GREY, ["one line"]), GREY)
    assert top > 0.9 * 720  # 1.35 + 0.4 of 20 px
    assert bottom == 719


@pytest.mark.parametrize("size", [(240, 320), (1080, 1920), (90, 160)])
def test_any_size(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    drawn = annotated(image, ["a", "b"], box=Box(0, 0, 1, 1), label="car", zone=[(0, 0), (1, 0), (1, 1)])
    assert drawn.shape == image.shape


def test_a_label_at_the_right_edge_can_be_read() -> None:
    def labelled(box: Box) -> int:
        return ink(annotated(GREY, [], box=box, label="motorcycle"))

    assert labelled(Box(0.95, 0.4, 1.0, 0.6)) == pytest.approx(labelled(Box(0.3, 0.4, 0.35, 0.6)), rel=0.1)


def test_a_long_line_on_a_small_picture_can_be_read_to_its_end() -> None:
    small = np.full((288, 352, 3), 90, np.uint8)  # CIF
    place = "人民路与解放路交叉口东北角  ·  由北向南  ·  gate-3  ·  "
    assert (annotated(small, [place + "kerb-east"]) != annotated(small, [place + "kerb-west"])).any()
