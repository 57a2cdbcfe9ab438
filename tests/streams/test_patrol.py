import itertools

import pytest

from streams.lookback import look_back
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed


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


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("bframes", ["0", "3"])
def test_every_picture_at_full_rate(make_clip, codec, bframes) -> None:
    clip = make_clip(seconds=2, fps=10, gop=20, codec=codec, options={"bf": bframes})
    patrol, decoder = Patrol(0.0), PatrolDecoder()
    times = []
    for packet in Feed(Address(str(clip))).packets():
        sample = patrol.offer(packet)
        times += [frame.time_s for frame in decoder.pictures(sample)] if sample else []
    times += [frame.time_s for frame in decoder.rest()]
    assert times == pytest.approx([number / 10 for number in range(20)])


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("bframes", ["0", "3"])
def test_a_rule_may_ask_for_more_for_a_while(make_clip, codec, bframes) -> None:
    # 10 fps, keyframes every 2 s; from 5.1 s, in the middle of a GOP, until 9 s twice a second
    clip = make_clip(seconds=16, fps=10, gop=20, codec=codec, options={"bf": bframes})
    patrol, decoder, times = Patrol(), PatrolDecoder(), []
    for packet in Feed(Address(str(clip))).packets():
        if packet.decode_time_s >= 5.1:
            patrol.ask(0.5, until_s=9.0)
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        times += [frame.time_s] if frame else []
    assert [time_s for time_s in times if time_s < 5] == pytest.approx([0, 2, 4], abs=0.05)
    asked = [time_s for time_s in times if 5 <= time_s <= 9]
    assert max(b - a for a, b in itertools.pairwise(asked)) <= 1.05  # what is reordered comes a picture or four late
    assert 6 <= len(asked) <= 10
    later = [time_s for time_s in times if time_s > 9.5]
    assert later == pytest.approx([10, 12, 14], abs=0.05)


def test_a_gop_that_grows_is_followed(make_clip) -> None:
    # A smart codec: one second between keyframes, then nine, with B-frames; a look every 2 s or so all along
    first, second = make_clip("a.mp4", seconds=6, fps=10, gop=10), make_clip("b.mp4", seconds=27, fps=10, gop=90)
    packets = list(Feed(Address(str(first))).packets())
    packets += [
        type(packet)(packet.time_s + 6, packet.keyframe, shifted(packet.raw), packet.codec)
        for packet in Feed(Address(str(second))).packets()
    ]
    patrol, decoder, times = Patrol(), PatrolDecoder(), []
    for packet in packets:
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        times += [frame.time_s] if frame else []
    assert max(b - a for a, b in itertools.pairwise(times)) <= 3.0
    assert decoder.skipped == 0


def shifted(raw):
    raw.pts += 6 * 90_000
    raw.dts += 6 * 90_000
    return raw


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
    assert decoder.errors + decoder.damaged > 0
    assert times[:2] == [0.0, 2.0]
    assert times[-1] >= 8.0  # what comes after the damage is seen again
    assert times == sorted(set(times))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_still_of_a_glance_is_the_picture_as_its_codec_says(make_clip, codec) -> None:
    # Coarse compression, so that there are block edges to smooth: patrol leaves them, the still must not.
    clip = make_clip(seconds=5, gop=50, codec=codec, options={"crf": "40", "bf": "0"})
    ring, patrol, decoder, frames = PacketRing(60, 10**8), Patrol(), PatrolDecoder(), []
    for packet in Feed(Address(str(clip))).packets():
        ring.push(packet)
        sample = patrol.offer(packet)
        frames += [decoder.decode(sample)] if sample else []
    assert [frame.time_s for frame in frames] == [0.0, 2.0, 4.0]
    for frame in frames:
        whole = next(look_back(ring.window(frame.time_s, frame.time_s), frame.time_s, frame.time_s))
        assert (frame.rgb() == whole.rgb()).all()
        glanced = frame.rgb(frame.width_px, frame.height_px)
        assert not (glanced == whole.rgb()).all()
        assert abs(glanced.astype(float) - whole.rgb()).mean() < 2.0  # grey levels
