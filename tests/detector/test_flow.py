"""Boxes are 0.1 wide and 0.1 high unless a test says otherwise, so that a box is a tenth of the frame."""

import pytest

from detector.following.flow import NEAR_MIN, REMEMBERED, Flow
from detector.zoning.geometry import Box
from tests.detector.street import moved

SPOT = Box(0.4, 0.4, 0.5, 0.5)


def driven(*boxes: Box, times: int = 1) -> Flow:
    flow = Flow()
    for _ in range(times):
        for box in boxes:
            flow.note(box)
    return flow


def test_without_history_nothing_is_said() -> None:
    assert not Flow().beside_it_only(SPOT)
    assert not driven(moved(SPOT, dy=0.1), times=NEAR_MIN - 1).beside_it_only(SPOT)


def test_who_drove_over_the_very_spot_is_counted() -> None:
    assert driven(SPOT, moved(SPOT, dx=0.03), moved(SPOT, dx=0.04)).here(SPOT) == 2  # 0, 0.3 and 0.4 boxes off


@pytest.mark.parametrize(
    ("boxes", "kerb"),
    [
        ([moved(SPOT, dy=0.1)], True),  # all one box further down: the lane beside it
        ([moved(SPOT, dy=0.3)], False),  # three boxes away: another street
        ([moved(SPOT, dy=0.1), moved(SPOT, dx=0.03)], False),  # some drive here, 0.3 boxes beside the very spot
        ([moved(SPOT, dy=0.1), moved(SPOT, dx=0.04)], True),  # 0.4 boxes: not here
        (
            [moved(SPOT, dy=0.1), Box(0.35, 0.3, 0.55, 0.5)],
            True,
        ),  # what is on the spot is four times as large: no lane of its own size
    ],
)
def test_where_vehicles_drive_close_by_but_never_here_is_the_kerb(boxes: list[Box], kerb: bool) -> None:
    assert driven(*boxes, times=NEAR_MIN).beside_it_only(SPOT) is kerb


def test_the_oldest_is_forgotten_and_a_nudge_moves_all() -> None:
    flow = driven(SPOT)
    for _ in range(REMEMBERED - 1):
        flow.note(moved(SPOT, dy=0.1))
    assert not flow.beside_it_only(SPOT)
    flow.note(moved(SPOT, dy=0.1))  # one more than is remembered: the only one on the spot is gone
    assert flow.beside_it_only(SPOT)
    flow.shift(0.0, 0.05)
    assert flow.beside_it_only(moved(SPOT, dy=0.05))
    flow.shift(0.0, -0.1)  # now the lane lies 0.05 below the spot, 0.5 boxes; and on the place 0.05 further down
    assert not flow.beside_it_only(moved(SPOT, dy=0.05))
