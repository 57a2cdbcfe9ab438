import hashlib
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from streams.clip import write_clip
from streams.viewing import ViewingCopy, write_viewing_copy
from tests.streams.packets import full_disk, later, read


def pictures_of(copy: ViewingCopy) -> list[av.VideoFrame]:
    """All pictures of a viewing copy, decoded, after a look at the file."""
    with av.open(copy.path) as made:
        stream = made.streams.video[0]
        pictures = list(made.decode(stream))
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
    data = copy.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert hashlib.sha256(data).hexdigest() == copy.sha256
    assert {(picture.width, picture.height) for picture in pictures} == {(copy.width_px, copy.height_px)}
    assert len(pictures) == copy.pictures
    return pictures


@pytest.mark.parametrize(
    ("name", "codec", "exact_s"), [("a.mp4", "libx265", 1e-4), ("a.avi", "msmpeg4", 1e-3), ("a.mp4", "libx264", 1e-4)]
)
def test_it_shows_each_picture_of_the_clip_when_the_clip_does(make_clip, tmp_path, name, codec, exact_s) -> None:
    packets = read(make_clip(name, seconds=2, codec=codec))
    clip = write_clip([*packets[:25], *later(packets[25:], 20.0)], 0, 22, tmp_path / "out")
    copy = write_viewing_copy(clip.path, tmp_path / "out-view.mp4")
    times_s = [picture.time for picture in pictures_of(copy)]
    with av.open(clip.path) as source:
        assert times_s == pytest.approx([picture.time for picture in source.decode(video=0)], abs=exact_s)
    assert copy.undecodable == 0
    assert max(b - a for a, b in pairwise(times_s)) > 19  # the gap is still one


def test_it_says_whose_copy_it_is(make_clip, tmp_path) -> None:
    clip = write_clip(read(make_clip(seconds=1)), 0, 1, tmp_path / "clip-alarm")
    copy = write_viewing_copy(clip.path, tmp_path / "view.mp4")
    with av.open(copy.path) as made:
        comment = made.metadata["comment"]
    assert comment == f"Viewing copy of clip-alarm.mp4 (SHA-256 {clip.sha256}); not evidence by itself"


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((320, 240), None, (320, 240)),  # never larger than the clip
        ((160, 960), None, (120, 720)),  # 160 * 720 / 960
        ((322, 242), None, (322, 242)),
        ((352, 288), "12:11", (384, 288)),  # PAL's pixels are not square: 352 * 12 / 11
    ],
)
def test_its_size(make_clip, tmp_path, size, aspect, expected) -> None:
    options = {"aspect": aspect} if aspect else {}
    clip = write_clip(read(make_clip(seconds=0.4, size=size, options=options)), 0, 1, tmp_path / "out")
    copy = write_viewing_copy(clip.path, tmp_path / "view.mp4")
    assert (copy.width_px, copy.height_px) == expected
    assert len(pictures_of(copy)) == 10


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p"])  # cameras send both: 16 to 235, and 0 to 255
def test_dark_stays_dark_and_bright_stays_bright(tmp_path, pixel_format) -> None:
    source = tmp_path / "source.mp4"
    image = np.zeros((144, 160, 3), np.uint8)
    image[:, 80:] = 255
    with av.open(source, "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 144, pixel_format
        if pixel_format == "yuvj420p":
            stream.codec_context.color_range = 2
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixel_format)))
        out.mux(stream.encode(None))
    clip = write_clip(read(source), 0, 1, tmp_path / "out")
    first = pictures_of(write_viewing_copy(clip.path, tmp_path / "view.mp4"))[0].to_ndarray(format="rgb24")
    assert first[:, :70].mean() == pytest.approx(0, abs=3)
    assert first[:, 90:].mean() == pytest.approx(255, abs=3)


def test_what_is_damaged_is_passed_over_and_counted(make_clip, tmp_path) -> None:
    packets = read(make_clip(seconds=2, codec="mpeg4", options={"bf": "0"}))
    clip = write_clip(packets, 0, 2, tmp_path / "out")
    data = clip.path.read_bytes()
    harmed = bytes(packets[10].raw)
    clip.path.write_bytes(data.replace(harmed, bytes(len(harmed))))
    copy = write_viewing_copy(clip.path, tmp_path / "view.mp4")
    assert copy.undecodable == 1
    assert len(pictures_of(copy)) == 49


def test_a_clip_without_pictures_is_an_error_and_leaves_nothing(make_clip, tmp_path) -> None:
    clip = write_clip(read(make_clip(seconds=1, codec="mpeg4")), 0, 1, tmp_path / "out")
    data = clip.path.read_bytes()
    start = data.index(b"mdat") + 4
    clip.path.write_bytes(data[:start] + bytes(len(data) - start))
    before = set(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"out\.mp4: no picture of it can be decoded"):
        write_viewing_copy(clip.path, tmp_path / "view.mp4")
    assert set(tmp_path.iterdir()) == before


def test_a_full_disk_is_an_error_and_leaves_nothing(make_clip, tmp_path) -> None:
    clip = write_clip(read(make_clip(seconds=1)), 0, 1, tmp_path / "out")
    before = set(tmp_path.iterdir())
    with full_disk(at_bytes=2000), pytest.raises((OSError, av.error.FFmpegError)):
        write_viewing_copy(clip.path, tmp_path / "view.mp4")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_many_copies_do_not_add_up_in_memory(make_clip, tmp_path) -> None:
    clip = write_clip(read(make_clip(seconds=0.4, size=(1280, 960))), 0, 1, tmp_path / "out")

    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    readings = []
    for _ in range(12):
        write_viewing_copy(clip.path, tmp_path / "view.mp4")
        readings.append(resident_bytes())
    # A scaler that is never freed takes 15 MB, 120 MB over 8 copies; the allocator's own ups and downs are 40 MB.
    assert min(readings[-4:]) - min(readings[:4]) < 60e6
