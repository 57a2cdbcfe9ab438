"""What the simulator decides without a server: reels, what leaves a camera when, plans of faults."""

from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from evaluation.simulator.camera import Camera
from evaluation.simulator.faults import FAULT_S, PAUSE_S, Mishap, checked, mishaps, turns
from evaluation.simulator.prepare import prepare
from evaluation.simulator.reel import Picture, Reel
from streams.packet import raw_packet


def reel(name: str = "a", *, pictures: int = 10, gop: int = 5, step_s: float = 0.1) -> Reel:
    """Pictures of 100 bytes, 0.1 s apart; keyframes with 20 bytes of header."""
    made = tuple(
        Picture(100 * n, 100, 20 if n % gop == 0 else 0, round(step_s * n, 6), round(step_s * n, 6))
        for n in range(pictures)
    )
    return Reel(Path(name), "h264", 320, 240, round(step_s * pictures, 6), made)


def numbers(camera: Camera, now_s: float) -> list[int]:
    return [sent.offset_bytes // 100 for sent in camera.due(now_s)]


def test_a_reel_holds_the_clip_byte_for_byte_and_can_be_read_again(make_clip, tmp_path) -> None:
    made = prepare(make_clip(seconds=2, gop=10, options={"bf": "2"}), tmp_path / "a.reel")
    assert Reel.load(made.path) == made
    assert (made.codec, made.width_px, made.height_px) == ("h264", 320, 240)
    assert made.duration_s == pytest.approx(2.0)
    assert [number for number, picture in enumerate(made.pictures) if picture.keyframe] == [0, 10, 20, 30, 40]
    assert any(picture.show_s > picture.decode_s for picture in made.pictures)  # reordered, as the clip is
    data = made.path.read_bytes()
    decoder = av.CodecContext.create("h264", "r")
    frames = []
    for picture in made.pictures:
        frames += decoder.decode(raw_packet(data[picture.offset_bytes : picture.offset_bytes + picture.size_bytes]))
    assert len(frames + decoder.decode(None)) == 50
    first = made.pictures[0]
    kinds = [part[0] & 0x1F for part in data[: first.header_bytes].split(b"\x00\x00\x01")[1:]]
    assert {7, 8} <= set(kinds)  # SPS and PPS
    assert 5 not in kinds  # and no slice


@pytest.mark.parametrize(
    ("watched_s", "first"),
    [
        (0.0, 0),
        (0.45, 0),  # picture 4: the keyframe before it is 0
        (0.75, 5),
        (1.05, 0),  # the second time round
        (7.95, 5),
    ],
)
def test_whoever_comes_first_gets_the_keyframe_before_at_once(watched_s, first) -> None:
    camera = Camera([reel()], 0)
    assert camera.due(watched_s) == []  # nobody watches
    camera.watched(watched_s)
    (sent,) = camera.due(watched_s)
    assert (sent.offset_bytes // 100, sent.stamp_s) == (first, watched_s)


def test_a_loop_goes_on_in_time() -> None:
    camera = Camera([reel()], 0)
    camera.watched(3.0)
    sent = camera.due(5.05)  # 21 pictures: at 3.0, 3.1, … 5.0
    assert [one.offset_bytes // 100 for one in sent] == [*range(10), *range(10), 0]
    assert [one.stamp_s for one in sent] == pytest.approx([3 + n / 10 for n in range(21)])
    assert camera.pictures == 21
    camera.unwatched()
    assert camera.due(9.0) == []


def test_played_once_it_ends_and_begins_anew_for_the_next() -> None:
    camera = Camera([reel()], 0, loop=False)
    for now_s in (4.33, 60.0):
        camera.watched(now_s)
        assert numbers(camera, now_s + 5) == list(range(10))
        assert camera.ended
        camera.unwatched()


@pytest.mark.parametrize(
    ("fault", "options", "sizes_bytes", "stamps_s"),
    [
        # Pictures 5 (a keyframe: 20 bytes of header) to 8, due at 0.5, 0.6, 0.7, 0.8 s.
        ("stall", {}, [], []),
        ("no_keyframes", {}, [20, 100, 100, 100], [0.5, 0.6, 0.7, 0.8]),
        ("truncate", {"share": 1.0}, [50, 50, 50, 50], [0.5, 0.6, 0.7, 0.8]),
        ("clock_jump", {"by_s": -30.0}, [100] * 4, [-29.5, -29.4, -29.3, -29.2]),
        ("frozen_time", {}, [100] * 4, [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_what_a_fault_makes_of_pictures(fault, options, sizes_bytes, stamps_s) -> None:
    camera = Camera([reel()], 0)
    camera.watched(0.0)
    camera.due(0.45)
    camera.start(fault, options, 0.45)
    sent = camera.due(0.85)
    assert [one.size_bytes for one in sent] == sizes_bytes
    assert [one.stamp_s for one in sent] == pytest.approx(stamps_s)
    camera.end(fault, 0.85)
    camera.end(fault, 0.85)  # harmless
    (healthy,) = camera.due(0.95)
    assert (healthy.size_bytes, healthy.stamp_s) == (100, pytest.approx(0.9))


@pytest.mark.parametrize("fault", ["stall", "no_keyframes"])
def test_a_client_that_comes_during_a_fault_is_told_the_parameters_and_no_more(fault) -> None:
    camera = Camera([reel()], 0)
    camera.start(fault, {}, 0.0)
    camera.watched(0.0)
    assert [one.size_bytes for one in camera.due(0.05)] == [20]


def test_jitter_delays_and_keeps_order() -> None:
    camera = Camera([reel(pictures=100)], 0, seed=5)
    camera.start("jitter", {"delay_s": 0.5}, 0.0)
    camera.watched(0.0)
    left: list[tuple[float, float]] = []
    for tick in range(1000):
        left += [(tick / 100, one.stamp_s) for one in camera.due(tick / 100)]
    delays_s = [at_s - stamp_s for at_s, stamp_s in left]
    assert [stamp_s for _, stamp_s in left] == pytest.approx([n / 10 for n in range(len(left))])
    assert -1e-9 <= min(delays_s[1:]) < 0.1
    assert 0.3 < max(delays_s) <= 0.52  # half a second and a tick of 0.01 s


def test_another_resolution_begins_with_a_keyframe_and_comes_back_where_the_film_has_got_to() -> None:
    camera = Camera([reel("a"), reel("b", gop=4)], 0)
    camera.watched(0.0)
    camera.due(0.65)
    camera.start("resolution", {"clip": 1}, 0.65)
    during = camera.due(0.8)
    camera.end("resolution", 0.8)
    after = camera.due(0.85)
    assert [(one.reel.path.name, one.offset_bytes // 100) for one in during + after] == [
        ("b", 4),  # at 0.65 s b has got to picture 6: the keyframe before it is 4
        ("b", 5),  # at 0.75 s
        ("a", 5),  # at 0.80 s a has got to picture 8
    ]


def test_options_have_defaults() -> None:
    assert checked("loss", {}, [0]) == {"share": 0.05}
    assert checked("clock_jump", {"by_s": -10.0}, [0]) == {"by_s": -10.0}
    with pytest.raises(ValueError, match=r"by_s is 100000\.0: allowed is -86400 to 86400"):
        checked("clock_jump", {"by_s": 1e5}, [0])


def test_random_faults_are_the_same_for_a_seed_and_leave_time_to_recover() -> None:
    clips = [[0, 1], [2], [0, 1]]
    plan = list(islice(mishaps(clips, 7), 600))
    assert plan == list(islice(mishaps(clips, 7), 600))
    assert plan != list(islice(mishaps(clips, 8), 600))
    assert [one.start_s for one in plan] == sorted(one.start_s for one in plan)
    for camera in range(3):
        mine = [one for one in plan if one.camera == camera]
        assert mine[0].start_s >= PAUSE_S[0]
        assert all(PAUSE_S[0] - 0.01 <= b.start_s - a.end_s <= PAUSE_S[1] + 0.01 for a, b in pairwise(mine))
        assert all(FAULT_S[0] - 0.01 <= one.end_s - one.start_s <= FAULT_S[1] + 0.01 for one in mine)
        assert all(checked(one.fault, one.options, clips[camera]) == one.options for one in mine)
    assert {one.fault for one in plan if one.camera == 1} == {one.fault for one in plan} - {"resolution"}


def test_turns_come_in_order_and_nothing_begins_in_the_calm() -> None:
    a, b, c = Mishap(0, "stall", 1.0, 9.0), Mishap(1, "drop", 2.0, 4.0), Mishap(1, "drop", 5.0, 6.0)
    far = Mishap(0, "loss", 20.0, 30.0)
    assert [(turn.at_s, turn.begins) for turn in turns([a, b, c, far], calm_after_s=20.0)] == [
        (1.0, True), (2.0, True), (4.0, False), (5.0, True), (6.0, False), (9.0, False),
    ]  # fmt: skip
    assert [(turn.at_s, turn.begins) for turn in turns([a, b, c], calm_after_s=1.5)] == [(1.0, True), (9.0, False)]
