import logging
from pathlib import Path

import pytest

from models.errors import ModelError
from models.letterbox import Letterbox
from models.quantising.frames import read_frames, split, spread
from tests.conftest import MakeClip
from tests.models.quantising_parts import folder_of_squares


def plan(width_px: int, height_px: int) -> Letterbox:
    return Letterbox.plan(width_px, height_px, input_px=160)


def test_pictures_are_spread_and_split(tmp_path: Path) -> None:
    folder = folder_of_squares(tmp_path / "frames", 40)
    (folder / "000.png").rename(folder / "deeper.PNG")
    (folder / ".hidden.png").write_text("no picture")
    frames = read_frames(folder, plan, 20)
    assert [frame.name for frame in frames[:3]] == [
        "002.png",
        "004.png",
        "006.png",
    ]  # 001…039, deeper: (2i + 1) · 40 / 40
    assert frames[0].image_rgb.shape == (160, 160, 3)  # as the detector takes it
    calibrating, held_out = split(frames)
    assert (len(calibrating), len(held_out)) == (10, 10)
    assert not {frame.name for frame in calibrating} & {frame.name for frame in held_out}


def test_other_files_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = folder_of_squares(tmp_path / "frames", 16)
    (folder / "labels.txt").write_text("0 0 0 1 1")
    with caplog.at_level(logging.WARNING):
        assert len(read_frames(folder, plan, 64)) == 16
    assert "1 files are no pictures" in caplog.text


@pytest.mark.parametrize(
    ("gop", "expected_s"),
    [
        (25, [0.08, 0.24, 0.4]),  # 4 keyframes are too few: of all 100 pictures number (2i + 1) · 100 / 50: 2, 6, 10, …
        (2, [0.08, 0.24, 0.4]),  # 50 keyframes, of which number 1, 3, 5, …: pictures 2, 6, 10, …
    ],
)
def test_a_clip(gop: int, expected_s: list[float], make_clip: MakeClip) -> None:
    clip = make_clip(seconds=4, gop=gop)
    frames = read_frames(clip, plan, 25)
    assert len(frames) == 25
    assert [frame.name for frame in frames[:3]] == [f"clip.mp4 at {time_s:.3f} s" for time_s in expected_s]
    assert frames[0].image_rgb.shape == (120, 160, 3)
    # The white square moves a pixel a picture: in picture 2 it begins at 2 px of 320, that is 1 of 160.
    assert frames[0].image_rgb[60, 8].min() > 200
    assert frames[0].image_rgb[60, 40].max() < 150


def test_a_clip_that_breaks_off(make_clip: MakeClip) -> None:
    clip = make_clip("clip.ts", seconds=4)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 3 // 4])
    assert len(read_frames(clip, plan, 30)) == 30  # spread over what there is


def test_a_clip_that_is_damaged(make_clip: MakeClip, caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip("clip.avi", seconds=4, codec="mjpeg", options={"strict": "unofficial"})
    data = bytearray(clip.read_bytes())
    picture = b"\xff\xd8\xff"  # what each JPEG begins with
    start = data.rindex(picture, 0, len(data) * 3 // 4)
    data[start : start + 2000] = bytes(2000)
    clip.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert 16 <= len(read_frames(clip, plan, 100)) < 100
    assert "of 100 frames could be read" in caplog.text


def test_spread_stays_inside() -> None:
    for total in range(1, 50):
        for count in range(1, 60):
            chosen = spread(total, count)
            assert len(set(chosen)) == min(total, count)
            assert 0 <= chosen[0] <= chosen[-1] < total


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.exists, "source: no such folder or clip"),
        (Path.mkdir, r"source: no pictures in it \(bmp, jpeg"),
        (lambda path: folder_of_squares(path, 15), "source: 15 frames; at least 16 are needed"),
        (
            lambda path: path.write_text("a letter"),
            "source: neither a folder nor a clip that can be read: Invalid data",
        ),
        (lambda path: path.write_bytes(b""), "source: neither a folder nor a clip that can be read"),
        (
            lambda path: (folder_of_squares(path, 16) / "007.png").write_text("a letter"),
            r"007\.png: not a picture that can be read",
        ),
    ],
)
def test_wrong_sources(make: object, message: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "source")
    with pytest.raises(ModelError, match=message):
        read_frames(tmp_path / "source", plan, 64)


def test_a_clip_without_pictures(tmp_path: Path, make_clip: MakeClip) -> None:
    import av  # noqa: PLC0415 - here alone
    import numpy as np  # noqa: PLC0415

    path = tmp_path / "sound.wav"
    with av.open(path, "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
    with pytest.raises(
        ModelError, match=r"sound\.wav: neither a folder nor a clip that can be read: it has no pictures"
    ):
        read_frames(path, plan, 64)
    with pytest.raises(ModelError, match="15 frames: 16 to 1024 are allowed"):
        read_frames(make_clip(seconds=1), plan, 15)
