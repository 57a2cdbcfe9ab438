"""What is covered, by arithmetic: joining, gaps, ends, and who is kept."""

import numpy as np
import pytest

from detector.jobs.bystanders import distinct
from detector.jobs.masks import GAP_S, HOLD_S, cover, joined, subject_at
from detector.jobs.unrecognisable import METHODS, Method, made_unrecognisable
from detector.zoning.geometry import Box

FPS = 10
WIDE, HIGH = 0.04, 0.12


def person(x: float, y: float = 0.5) -> Box:
    return Box(x, y, x + WIDE, y + HIGH)


def times(count: int) -> list[float]:
    return [index / FPS for index in range(count)]


def walker(count: int, missed: tuple[int, ...] = (), *, step: float = 0.01) -> list[list[Box]]:
    """Somebody who walks to the right, a quarter of their width from picture to picture."""
    return [[] if index in missed else [person(0.1 + step * index)] for index in range(count)]


def contains(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left
        and outer.top <= inner.top
        and outer.right >= inner.right
        and outer.bottom >= inner.bottom
    )


def test_a_walker_is_covered_in_every_picture_though_missed_in_some() -> None:
    missed = (3, 4, 5, 6, 12)
    covered = cover(walker(20, missed), times(20))
    truth = walker(20)
    assert covered.paths == 1
    for row, (expected,) in zip(covered.boxes, truth, strict=True):
        assert any(contains(box, expected) for box in row)
    assert (covered.seen, covered.filled) == (15, 5)


def test_before_the_first_sighting_and_after_the_last_it_is_held() -> None:
    sightings = [[] for _ in range(10)] + [[person(0.5)]] + [[] for _ in range(10)]
    covered = cover(sightings, times(21))
    # 0.4 s at 10 pictures per second: four before and four after.
    assert [index for index, row in enumerate(covered.boxes) if row] == list(range(6, 15))
    assert covered.filled == 2 * round(HOLD_S * FPS)


def test_a_gap_that_is_too_long_is_no_gap() -> None:
    count = round((GAP_S + 0.3) * FPS)
    sightings = [[person(0.5)], *([[]] * count), [person(0.5)]]
    assert len(joined(sightings, times(count + 2))) == 2


def test_two_who_meet_stay_two_and_both_are_covered() -> None:
    left = [person(0.1 + 0.02 * index) for index in range(20)]
    right = [person(0.5 - 0.02 * index, 0.52) for index in range(20)]
    covered = cover([[a, b] for a, b in zip(left, right, strict=True)], times(20))
    for row, a, b in zip(covered.boxes, left, right, strict=True):
        assert any(contains(box, a) for box in row)
        assert any(contains(box, b) for box in row)


def test_the_subject_is_kept_and_only_there() -> None:
    subject = [person(0.3 + 0.01 * index) for index in range(20)]
    bystander = [person(0.8) for _ in range(20)]
    at = subject_at((index / FPS, box) for index, box in enumerate(subject) if index % 3 == 0)  # tracks are sparser
    covered = cover([[a, b] for a, b in zip(subject, bystander, strict=True)], times(20), at)
    assert covered.paths == 1
    assert (
        covered.kept == 20
    )  # the tracks end at picture 18, and the last one is 0.1 s later: a quarter of a gap still counts
    for row, a, b in zip(covered.boxes, subject, bystander, strict=True):
        assert not any(contains(box, a) for box in row)
        assert any(contains(box, b) for box in row)


def test_a_path_that_goes_over_to_somebody_else_covers_them() -> None:
    # For 12 pictures the subject stands there; then the tracks say they are gone, and somebody else is in their place.
    sightings = [[person(0.4)] for _ in range(20)]
    at = subject_at((index / FPS, person(0.4)) for index in range(12))
    covered = cover(sightings, times(20), at)
    assert covered.boxes[5] == ()
    assert all(covered.boxes[index] for index in range(14, 20))


def test_without_a_subject_everybody_is_covered() -> None:
    covered = cover([[person(0.4)]], [0.0])
    assert contains(covered.boxes[0][0], person(0.4))
    assert cover([], []).boxes == ()


def test_seen_twice_in_one_picture_is_one_person() -> None:
    a, b = Box(0.1, 0.1, 0.2, 0.4), Box(0.11, 0.1, 0.21, 0.4)
    assert distinct([a, b, person(0.8)]) == (Box(0.1, 0.1, 0.21, 0.4), person(0.8))


@pytest.mark.parametrize("method", METHODS)
def test_what_is_left_can_not_tell_two_faces_apart(method: Method) -> None:
    noise = np.random.default_rng(5)
    height, width = 240, 320
    first, second = (noise.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(2))
    # A signal of 12 px, as signs of a plate are, over a ground of its own.
    stripes = (np.arange(width) // 6 % 2 * 200).astype(np.uint8)[None, :, None]
    second = np.broadcast_to(stripes, first.shape).copy()
    box = Box(0.25, 0.25, 0.75, 0.75)
    done = [made_unrecognisable(image, [box], method) for image in (first, second)]
    for before, after in zip((first, second), done, strict=True):
        assert (after[:60] == before[:60]).all()  # outside nothing changes, and the original never does
        inside = after[60:180, 80:240].astype(float)
        # 120 by 160 px, blocks of a quarter of the shorter side: 4 by 5 means of 30 by 32 px are all there is to know.
        if method == "pixelate":
            assert inside.reshape(4, 30, 5, 32, 3).std(axis=(1, 3)).max() == 0.0
        steps, were = (np.abs(np.diff(part, axis=1)).mean() for part in (inside, before[60:180, 80:240].astype(float)))
        assert steps < were / 4
    assert done[0].shape == first.shape


def test_a_box_at_the_edge_or_without_area_does_no_harm() -> None:
    image = np.full((90, 121, 3), 7, np.uint8)
    for box in (Box(0, 0, 1, 1), Box(0.99, 0.99, 1.0, 1.0), Box(0.5, 0.5, 0.5, 0.5), Box(0.0, 0.0, 0.004, 0.004)):
        assert made_unrecognisable(image, [box], "pixelate").shape == image.shape
