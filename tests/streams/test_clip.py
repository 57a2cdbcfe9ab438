import hashlib
import itertools

import av
import pytest

from streams.address import Address
from streams.clip import write_clip, write_viewing_copy
from streams.feed import Feed
from streams.ring import PacketRing


def ring_of(clip) -> PacketRing:
    ring = PacketRing(600, 10**9)
    for packet in Feed(Address(str(clip))).packets():
        ring.push(packet)
    return ring


@pytest.mark.parametrize(("codec", "options"), [("libx264", {"bf": "0"}), ("libx264", {"bf": "3"}), ("libx265", {})])
def test_a_clip_plays_and_is_what_its_record_says(make_clip, tmp_path, codec, options) -> None:
    ring = ring_of(make_clip(seconds=8, gop=25, codec=codec, options=options))
    clip = write_clip(ring.window(2.5, 6.0), 2.5, 6.0, tmp_path / "out")
    assert clip.sha256 == hashlib.sha256(clip.path.read_bytes()).hexdigest()
    assert clip.start_s == pytest.approx(2.0)  # the keyframe before: more than asked, never less
    assert clip.end_s == pytest.approx(6.0, abs=0.2)  # reordering needs a few more
    with av.open(clip.path) as made:
        frames = list(made.decode(video=0))
        assert len(frames) == clip.pictures
        assert made.streams.video[0].codec_context.name == clip.codec
    assert frames[-1].time - frames[0].time == pytest.approx(clip.end_s - clip.start_s, abs=0.05)
    head = clip.path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # faststart


def test_a_gap_is_declared_and_kept(make_clip, tmp_path) -> None:
    packets = ring_of(make_clip(seconds=8, gop=25)).window(0, 8)
    holed = [packet for packet in packets if not 3.0 <= packet.time_s < 5.0]
    clip = write_clip(holed, 0, 8, tmp_path / "out")
    assert clip.gaps_s == ((pytest.approx(2.96), pytest.approx(5.0)),)
    with av.open(clip.path) as made:
        times = [frame.time for frame in made.decode(video=0)]
    assert max(b - a for a, b in itertools.pairwise(times)) == pytest.approx(2.04, abs=0.01)


def test_another_size_is_a_declared_cut(make_clip, tmp_path) -> None:
    first = ring_of(make_clip("a.mp4", seconds=3)).window(0, 3)
    second = ring_of(make_clip("b.mp4", seconds=3, size=(640, 360))).window(0, 3)
    later = [type(packet)(packet.time_s + 3, packet.keyframe, packet.raw, packet.codec) for packet in second]
    clip = write_clip([*first, *later], 0, 6, tmp_path / "out")
    assert clip.cut_at_s == pytest.approx(3.0)
    assert clip.end_s < 3.0


def test_a_codec_that_mp4_cannot_hold_keeps_its_own_and_gets_a_viewing_copy(shared, tmp_path) -> None:
    ring = ring_of(shared / "clips/real/opencv_vtest.avi")  # MS-MPEG4
    packets = ring.window(26, 30)
    clip = write_clip(packets, 26, 30, tmp_path / "out")
    assert clip.path.suffix == ".mkv"
    with av.open(clip.path) as made:
        assert sum(1 for _ in made.decode(video=0)) == clip.pictures
    view = write_viewing_copy(packets, clip, tmp_path / "view.mp4")
    assert view.transcoded
    with av.open(view.path) as made:
        assert made.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in made.decode(video=0)) == pytest.approx(clip.pictures, abs=1)


def test_no_packets_is_an_error_not_an_empty_file(tmp_path) -> None:
    with pytest.raises(ValueError, match="begin with a keyframe"):
        write_clip([], 0, 5, tmp_path / "out")
    assert not list(tmp_path.iterdir())
