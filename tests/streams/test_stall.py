import pytest

from streams.source.stall import JUMPS_WITHIN_S, KEYFRAME_MAX_S, STANDS_S, StallWatch


def watched(packets) -> tuple[float, str] | None:
    """When, and for what, a watch refuses packets of (arrived, PTS, keyframe)."""
    watch = StallWatch(0.0)
    for arrived_s, pts_s, keyframe in packets:
        wrong = watch.packet(pts_s, arrived_s, keyframe=keyframe)
        if wrong is not None:
            return arrived_s, wrong
    return None


def test_a_stream_with_long_gops_is_left_alone() -> None:
    # 1 fps, a keyframe every 50 s, for 10 minutes
    assert watched((second, second, second % 50 == 0) for second in range(600)) is None


def test_keyframes_that_stay_away_are_noticed() -> None:
    arrived_s, wrong = watched((second, second, second == 0) for second in range(200))
    assert arrived_s == KEYFRAME_MAX_S + 1
    assert wrong == "no keyframe for 61 s"


def test_a_camera_that_never_sends_a_keyframe_is_noticed() -> None:
    assert watched((second, second, False) for second in range(200)) is not None


@pytest.mark.parametrize("pts", [lambda _: 7.0, lambda step: 7.0 - step / 25], ids=["stands", "runs backwards"])
def test_a_time_that_does_not_go_on_is_noticed(pts) -> None:
    packets = ((step / 25, pts(step), step % 25 == 0) for step in range(1000))
    arrived_s, wrong = watched(packets)
    assert arrived_s == pytest.approx(STANDS_S + 0.04)
    assert wrong == "its time has not gone on for 5 s"


def test_reordered_pictures_go_on() -> None:
    # shown in the order 0 3 1 2 6 4 5 …, decoded as they come
    order = [0, *(number + shift for number in range(0, 900, 3) for shift in (3, 1, 2))]
    assert watched((step / 25, shown / 25, step % 50 == 0) for step, shown in enumerate(order)) is None


def test_without_timestamps_nothing_stands() -> None:
    assert watched((second, None, True) for second in range(100)) is None


@pytest.mark.parametrize(
    ("jumps_s", "stalls"),
    [((1, 2, 3), True), ((0, 30, JUMPS_WITHIN_S), True), ((0, 30, JUMPS_WITHIN_S + 1), False), ((5, 6), False)],
)
def test_one_jump_is_a_clock_that_was_set_and_three_are_a_stall(jumps_s, stalls) -> None:
    watch = StallWatch(0.0)
    said = [watch.jumped(at_s) for at_s in jumps_s]
    assert said[:-1] == [None] * (len(jumps_s) - 1)
    assert (said[-1] is not None) == stalls
    assert not stalls or said[-1].startswith("its time jumped 3 times")


def test_after_a_jump_time_may_begin_lower() -> None:
    watch = StallWatch(0.0)
    watch.packet(1000.0, 0.0, keyframe=True)
    watch.jumped(1.0)
    assert all(watch.packet(second, 1.0 + second, keyframe=True) is None for second in range(30))
