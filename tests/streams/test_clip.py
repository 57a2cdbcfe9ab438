"""Every clip made here is decoded whole, and each picture's time compared with what the camera said."""

import hashlib
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import pytest

from streams.clip import Clip, ClipWriter, write_clip
from streams.packet import Packet
from streams.ring import PacketRing
from streams.spill import Spill
from tests.streams.packets import full_disk, later, placed, read

SMALL_PX = (160, 144)
OPEN_GOP = {"x264-params": "scenecut=0:open-gop=1:bframes=3:b-adapt=0"}
"""With 24 pictures to a GOP, 1 + 5 * 4 + 3: the last 3 are shown before the next keyframe, and decoded after it."""


def ring_of(packets, keep_s=600.0, spill=None) -> PacketRing:
    ring = PacketRing(keep_s, 10**9, spill)
    for packet in packets:
        ring.push(packet)
    return ring


def assert_plays(clip: Clip, packets) -> list[float]:
    """Decodes the whole clip: all pictures are there, first a keyframe, each shown when it was; gives their times."""
    with av.open(clip.path) as made:
        stream = made.streams.video[0]
        first = next(packet for packet in made.demux(stream) if packet.size)
        assert first.is_keyframe
        made.seek(0)
        times_s = [frame.time for frame in made.decode(stream)]
        assert stream.codec_context.name == clip.codec
    assert len(times_s) == clip.pictures
    expected_s = sorted(packet.time_s - clip.start_s for packet in packets)
    exact = 1e-4 if clip.path.suffix == ".mp4" else 1e-3  # Matroska counts in milliseconds
    assert times_s == pytest.approx(expected_s, abs=exact)
    assert (expected_s[0], expected_s[-1]) == pytest.approx((0.0, clip.end_s - clip.start_s))
    assert clip.sha256 == hashlib.sha256(clip.path.read_bytes()).hexdigest()
    assert [path.name for path in clip.path.parent.iterdir() if path.name.startswith(".")] == []
    return times_s


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "0"}),
        ("a.mp4", "libx264", {"bf": "3"}),  # the first DTS are negative
        ("a.ts", "libx264", {"bf": "3"}),  # Annex B
        ("a.mp4", "libx265", {}),
        ("a.ts", "libx265", {}),
        ("a.mp4", "mpeg4", {}),
        ("a.avi", "msmpeg4", {}),
        ("a.mkv", "libvpx", {"deadline": "realtime", "cpu-used": "8"}),  # VP8, which MP4 has no place for
    ],
)
def test_a_whole_recording_comes_out_as_it_went_in(make_clip, tmp_path, name, codec, options) -> None:
    packets = read(make_clip(name, seconds=3, codec=codec, options=options, size=SMALL_PX))
    clip = write_clip(packets, 0, 3, tmp_path / "out")
    assert_plays(clip, packets)
    assert (clip.pictures, clip.left_out, clip.retimed, clip.gaps_s, clip.cut_at_s) == (75, 0, 0, (), None)
    assert clip.path.suffix == (".mkv" if codec in {"msmpeg4", "libvpx"} else ".mp4")
    if clip.path.suffix == ".mp4":
        head = clip.path.read_bytes()
        assert head.index(b"moov") < head.index(b"mdat")  # faststart


@pytest.mark.parametrize(("codec", "options"), [("libx264", OPEN_GOP), ("libx265", {})])
def test_an_open_gop_loses_the_pictures_that_refer_to_what_came_before(make_clip, tmp_path, codec, options) -> None:
    packets = read(make_clip(seconds=4, gop=24, codec=codec, options=options, size=SMALL_PX))
    window = ring_of(packets).window(2.5, 3.5)
    assert window[0].time_s == pytest.approx(1.92)
    leading = [packet for packet in window if packet.time_s < window[0].time_s]
    assert 1 <= len(leading) <= 4
    clip = write_clip(window, 2.5, 3.5, tmp_path / "out")
    assert_plays(clip, [packet for packet in window if packet not in leading])
    assert clip.left_out == len(leading)
    assert clip.start_s == pytest.approx(1.92)  # the keyframe before: more than asked, never less
    assert clip.end_s >= 3.48


def test_pictures_that_refer_into_a_hole_are_left_out(make_clip, tmp_path) -> None:
    packets = read(make_clip(seconds=4, gop=24, options=OPEN_GOP))
    third = next(index for index, packet in enumerate(packets) if packet.keyframe and packet.time_s > 2.0)
    shown_from_s = packets[third].time_s
    holed = [*packets[:10], *packets[third:]]
    clip = write_clip(holed, 0, 4, tmp_path / "out")
    whole = [*packets[:10], *(packet for packet in packets[third:] if packet.time_s >= shown_from_s)]
    assert clip.left_out == len(holed) - len(whole) > 0
    assert clip.pictures == len(whole)
    with av.open(clip.path) as made:  # decoders fill a hole with pictures of their own, so packets are compared
        times_s = sorted(float(packet.pts * packet.time_base) for packet in made.demux(video=0) if packet.size)
    assert times_s == pytest.approx(sorted(packet.time_s for packet in whole), abs=1e-4)


@pytest.fixture
def plain(make_clip) -> list[Packet]:
    """2 s, 25 pictures per second, no reordering; keyframes at 0 and 1 s."""
    return read(make_clip(seconds=2, options={"bf": "0"}, size=SMALL_PX))


def test_a_gap_is_declared_and_kept(plain, tmp_path) -> None:
    packets = [*plain[:25], *later(plain[25:], 20.0)]
    clip = write_clip(packets, 0, 22, tmp_path / "out")
    times_s = assert_plays(clip, packets)
    assert clip.gaps_s == ((pytest.approx(0.96), pytest.approx(21.0)),)
    assert max(b - a for a, b in pairwise(times_s)) == pytest.approx(20.04, abs=1e-3)


def test_a_variable_rate_stays_variable(plain, tmp_path) -> None:
    time_s, packets = 0.0, []
    for index, packet in enumerate(plain):
        packets.append(placed(packet, time_s))
        time_s += (0.04, 0.01, 0.333, 0.9)[index % 4]
    clip = write_clip(packets, 0, 20, tmp_path / "out")
    assert_plays(clip, packets)
    assert (clip.retimed, clip.gaps_s) == (0, ())


@pytest.mark.parametrize(
    ("wrong_s", "retimed"),
    [
        (9 / 25, 0),  # repeated: decoded a tick later, which is still before it is shown
        (5 / 25, 0),  # four pictures back
        (-3.0, 0),
    ],
)
def test_a_decoding_time_that_repeats_or_goes_back_loses_no_picture(plain, tmp_path, wrong_s, retimed) -> None:
    packets = list(plain)
    packets[10] = placed(packets[10], 10 / 25, decode_time_s=wrong_s)
    clip = write_clip(packets, 0, 2, tmp_path / "out")
    assert_plays(clip, packets)
    assert clip.retimed == retimed


def test_a_time_that_is_shown_twice_is_moved_by_a_tick_and_counted(plain, tmp_path) -> None:
    packets = list(plain)
    packets[10] = placed(packets[10], packets[9].time_s)
    clip = write_clip(packets, 0, 2, tmp_path / "out")
    assert_plays(clip, packets)
    assert clip.retimed == 1


def test_another_size_is_a_declared_cut(plain, make_clip, tmp_path) -> None:
    other = later(read(make_clip("b.mp4", seconds=1, size=(640, 360))), 2.0)
    clip = write_clip([*plain, *other, *later(plain, 3.0)], 0, 5, tmp_path / "out")
    assert clip.cut_at_s == pytest.approx(2.0)
    assert_plays(clip, plain)  # and not what comes after, when the first size is back


def test_the_same_camera_after_a_reconnect_goes_on_in_one_clip(make_clip, tmp_path) -> None:
    path = make_clip(seconds=2, options={"bf": "0"}, size=SMALL_PX)
    first, second = read(path), later(read(path), 5.0)
    assert first[0].codec is not second[0].codec
    clip = write_clip([*first, *second], 0, 7, tmp_path / "out")
    assert_plays(clip, [*first, *second])
    assert (clip.pictures, len(clip.gaps_s), clip.cut_at_s) == (100, 1, None)


def test_real_footage_in_a_codec_that_mp4_cannot_hold(shared, tmp_path) -> None:
    window = ring_of(read(shared / "clips/real/opencv_vtest.avi")).window(26, 30)  # MS-MPEG4
    clip = write_clip(window, 26, 30, tmp_path / "out")
    assert clip.path.suffix == ".mkv"
    assert_plays(clip, window)


@pytest.mark.parametrize("spilled", [False, True])
@pytest.mark.parametrize("gop", [10, 40])
def test_the_promised_rolls_are_there_when_the_ring_is_no_longer_than_they_are(
    make_clip, tmp_path, gop, spilled
) -> None:
    pre_s, post_s = 1.0, 1.0
    packets = read(make_clip(seconds=8, gop=gop, options={"bf": "0"}, size=SMALL_PX))
    spill = Spill(tmp_path / "ring", 1) if spilled else None
    ring = PacketRing(pre_s + post_s, 10**9, spill)
    made = 0
    for packet in packets:
        ring.push(packet)
        moment_s = packet.time_s - post_s
        if moment_s < pre_s or packet.raw.pts // 3600 % 7:  # every 7th picture, wherever its GOP stands
            continue
        window = ring.window(moment_s - pre_s, packet.time_s)
        clip = write_clip(window, moment_s - pre_s, packet.time_s, tmp_path / "out")
        assert clip.start_s <= moment_s - pre_s + 1e-6
        assert clip.end_s == pytest.approx(packet.time_s)
        made += 1
    assert made == 21  # of the pictures 50 to 199 the multiples of 7: 56, 63, … 196


@pytest.mark.parametrize("spilled", [False, True])
@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3"}, OPEN_GOP])
def test_a_clip_longer_than_the_ring_has_each_picture_once(make_clip, tmp_path, options, spilled) -> None:
    packets = read(make_clip(seconds=8, gop=24, options=options, size=SMALL_PX))
    # On disk: each window brings other objects for the same packets.
    ring = PacketRing(2.0, 10**9, Spill(tmp_path / "ring", 1) if spilled else None)
    with ClipWriter(tmp_path / "out", 0.0) as writer:
        for index, packet in enumerate(packets):
            ring.push(packet)
            if index % 15 == 14:
                writer.append(ring.window(0.0, 99.0))
        writer.append(ring.window(0.0, 99.0))
        clip = writer.finish(8.0)
    assert_plays(clip, packets)
    assert (clip.pictures, clip.gaps_s, clip.retimed, clip.left_out) == (200, (), 0, 0)


def test_what_the_ring_has_lost_between_two_windows_is_a_declared_hole(make_clip, tmp_path) -> None:
    packets = read(make_clip(seconds=8, options={"bf": "0"}, size=SMALL_PX))
    with ClipWriter(tmp_path / "out", 0.0) as writer:
        writer.append(packets[:30])
        writer.append(packets[110:])  # not from a keyframe on: the next one is the 125th
        clip = writer.finish(8.0)
    assert_plays(clip, [*packets[:30], *packets[125:]])
    assert clip.gaps_s == ((pytest.approx(29 / 25), pytest.approx(5.0)),)


def test_no_packets_is_an_error_not_an_empty_file(plain, tmp_path) -> None:
    before = set(tmp_path.iterdir())
    for packets in ([], plain[1:20]):
        with pytest.raises(ValueError, match="begin with a keyframe"):
            write_clip(packets, 0, 5, tmp_path / "out")
    assert set(tmp_path.iterdir()) == before


def test_a_writer_that_is_given_up_leaves_nothing(plain, tmp_path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    with ClipWriter(folder / "out", 0.0) as writer:
        writer.append(plain)
        assert [path.name for path in folder.iterdir()] == [".out.mp4.part"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("at_bytes", [0, 1000, 20_000])
def test_a_full_disk_is_an_error_and_leaves_nothing(plain, tmp_path, at_bytes) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    with full_disk(at_bytes), pytest.raises((OSError, av.error.FFmpegError)):
        write_clip(plain, 0, 2, folder / "out")
    assert list(folder.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from streams.clip import ClipWriter
from tests.streams.packets import read
writer = ClipWriter(Path(sys.argv[2]) / "out", 0.0)
writer.append(read(Path(sys.argv[1])))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_leaves_no_half_file_under_the_name(make_clip, tmp_path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, make_clip(seconds=1), folder],
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == [".out.mp4.part"]
