import itertools

import pytest

from streams.address import Address
from streams.feed import Feed
from streams.lookback import look_back
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing


def sampled(clip, interval_s=2.0):
    feed, patrol, decoder = Feed(Address(str(clip))), Patrol(interval_s), PatrolDecoder()
    times = []
    for packet in feed.packets():
        sample = patrol.offer(packet)
        if sample is not None:
            frame = decoder.decode(sample)
            times += [round(frame.time_s, 3)] if frame else []
    return times, patrol


def test_keyframes_are_taken_as_they_come(make_clip) -> None:
    # 25 fps, a keyframe every 2 s
    times, patrol = sampled(make_clip(seconds=9, gop=50))
    assert times == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert patrol.gop_s == pytest.approx(2.0)


def test_keyframes_that_come_too_often_are_left_out(make_clip) -> None:
    times, _ = sampled(make_clip(seconds=5, gop=12))  # every 0.48 s; the first one after 1.5 s is at 1.92 s
    assert times == [0.0, 1.92, 3.84]


def test_a_long_gop_is_decoded_up_to_what_is_needed(make_clip) -> None:
    times, _ = sampled(make_clip(seconds=12, gop=250))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert max(gaps) <= 2.6
    assert times[-1] >= 9.5


@pytest.mark.parametrize(("bframes", "held_back"), [("0", 0), ("3", 2)])
def test_every_picture_at_full_rate(make_clip, bframes, held_back) -> None:
    times, _ = sampled(make_clip(seconds=2, fps=10, gop=20, options={"bf": bframes}), interval_s=0.0)
    assert times == pytest.approx([number / 10 for number in range(20 - held_back)])


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_reordered_pictures_keep_their_own_time(make_clip, codec) -> None:
    clip = make_clip(seconds=3, gop=25, codec=codec, options={"bf": "3"})
    ring = PacketRing(60, 10**8)
    for packet in Feed(Address(str(clip))).packets():
        ring.push(packet)
    frames = list(look_back(ring.window(1.2, 2.0), 1.2, 2.0))
    assert [round(frame.time_s, 2) for frame in frames] == [round(1.2 + step / 25, 2) for step in range(21)]
    # The square's left edge is where the picture's number says: the picture belongs to its time.
    for frame in frames:
        edge = int((frame.gray()[120] > 200).argmax())
        assert abs(edge - round(frame.time_s * 25)) <= 1


def test_damaged_pictures_are_counted_and_passed_over(make_clip) -> None:
    clip = make_clip(seconds=12, gop=50)
    keyframe = [packet for packet in Feed(Address(str(clip))).packets() if packet.keyframe][2]  # the one at 4 s
    data = bytearray(clip.read_bytes())
    data[keyframe.raw.pos : keyframe.raw.pos + keyframe.size_bytes] = bytes(keyframe.size_bytes)
    clip.write_bytes(data)
    patrol, decoder, times = Patrol(), PatrolDecoder(), []
    for packet in Feed(Address(str(clip))).packets():
        sample = patrol.offer(packet)
        if sample and (frame := decoder.decode(sample)):
            times.append(frame.time_s)
    assert decoder.errors > 0
    assert times[:2] == [0.0, 2.0]
    assert times[-1] >= 8.0  # what comes after the damage is seen again
    assert times == sorted(set(times))
