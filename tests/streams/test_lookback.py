import pytest

from streams.lookback import look_back
from streams.ring import PacketRing
from streams.spill import Spill
from tests.streams.packets import later, placed, read

OPEN_GOP = {"x264-params": "scenecut=0:open-gop=1:bframes=3:b-adapt=0"}
SMALL_PX = (160, 144)


def times_of(frames) -> list[float]:
    return [frame.time_s for frame in frames]


@pytest.fixture
def packets(make_clip):
    return read(make_clip(seconds=4, size=SMALL_PX, options={"bf": "3"}))


@pytest.mark.parametrize(
    ("start_s", "end_s", "every_s", "expected_s"),
    [
        (1.3, 1.5, 0.0, [1.32, 1.36, 1.40, 1.44, 1.48]),
        (1.32, 1.48, 0.0, [1.32, 1.36, 1.40, 1.44, 1.48]),  # both ends are in
        (1.0, 2.0, 0.25, [1.0, 1.28, 1.56, 1.84]),  # the first pictures at least 0.25 s apart: 7 pictures
        (3.9, 99.0, 0.0, [3.92, 3.96]),
        (5.0, 6.0, 0.0, []),
    ],
)
def test_it_gives_the_pictures_between_two_moments(packets, start_s, end_s, every_s, expected_s) -> None:
    assert times_of(look_back(packets, start_s, end_s, every_s)) == pytest.approx(expected_s)


def test_the_moment_of_a_packet_finds_its_picture_whatever_the_rate(packets) -> None:
    # A packet's time is no whole number of ticks: 1 / 29.97 s is 3003 of them, 1 / 7 s is 12857.14.
    slow = [placed(packet, packet.raw.pts / 3600 / 7, decode_time_s=packet.raw.dts / 3600 / 7) for packet in packets]
    for packet in slow[30:60]:
        found = list(look_back(slow, packet.time_s, packet.time_s))
        assert times_of(found) == pytest.approx([packet.time_s], abs=1e-5)


def test_pictures_before_the_first_keyframe_of_an_open_gop_are_not_given(make_clip) -> None:
    whole = read(make_clip(seconds=4, gop=24, size=SMALL_PX, options=OPEN_GOP))
    ring = PacketRing(60, 10**9)
    for packet in whole:
        ring.push(packet)
    window = ring.window(2.0, 4.0)
    assert min(packet.time_s for packet in window) < window[0].time_s == pytest.approx(1.92)
    times_s = times_of(look_back(window, 0.0, 4.0))
    assert times_s == pytest.approx([number / 25 for number in range(48, 100)])


def test_it_goes_on_over_a_reconnect_and_another_codec(make_clip) -> None:
    first = read(make_clip("a.mp4", seconds=1, size=SMALL_PX))
    again = read(make_clip("a.mp4", seconds=1, size=SMALL_PX))
    other = read(make_clip("b.mp4", seconds=1, codec="libx265"))
    frames = list(look_back([*first, *later(again, 3.0), *later(other, 6.0)], 0.0, 9.0))
    assert len(frames) == 75
    assert [frame.width_px for frame in frames] == [160] * 50 + [320] * 25
    assert times_of(frames) == sorted(times_of(frames))


def test_a_damaged_packet_costs_no_more_than_its_gop(packets) -> None:
    harmed = placed(packets[30], packets[30].time_s, decode_time_s=packets[30].decode_time_s)
    rubbish = type(harmed.raw)(b"\xff" * 50)
    rubbish.pts, rubbish.dts, rubbish.time_base = harmed.raw.pts, harmed.raw.dts, harmed.raw.time_base
    broken = [*packets[:30], type(harmed)(harmed.time_s, False, rubbish, harmed.codec), *packets[31:]]
    times_s = times_of(look_back(broken, 0.0, 4.0))
    assert set(times_s) >= {number / 25 for number in (*range(24), *range(50, 100))}


def test_from_disk_it_decodes_the_same_with_one_decoder(make_clip, tmp_path) -> None:
    whole = read(make_clip(seconds=4, gop=24, size=SMALL_PX, options=OPEN_GOP))
    memory, disk = PacketRing(60, 10**9), PacketRing(60, 10**9, Spill(tmp_path / "ring", 1))
    for packet in whole:
        memory.push(packet)
        disk.push(packet)
    ours, theirs = (list(look_back(ring.window(0, 9), 0, 9)) for ring in (disk, memory))
    # All hundred: a new decoder at each GOP would lose those that refer to the GOP before.
    assert times_of(ours) == times_of(theirs) == pytest.approx([number / 25 for number in range(100)])
    assert all((a.gray() == b.gray()).all() for a, b in zip(ours, theirs, strict=True))
