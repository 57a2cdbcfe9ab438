from fractions import Fraction
from pathlib import Path

import av
import pytest
import yaml
from click.testing import CliRunner

from detector.commands import cameras
from evaluation.simulate import Simulator
from tests.streams.web_camera import Mjpeg, served

ZONE = {"id": "kerb", "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}


def slowed(clip: Path, factor: Fraction) -> Path:
    """The same pictures with their times stretched: what the stream declares of its rate is false from then on."""
    path = clip.with_name("slowed.mp4")
    with av.open(clip) as source, av.open(path, "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            packet.pts, packet.dts = round(packet.pts * factor), round(packet.dts * factor)
            packet.stream = stream
            out.mux(packet)
    return path


def checked(folder: Path, **sources: str) -> list[str]:
    """What `cameras check` says, a line for each thing."""
    entries = [{"id": name, "source": source, "zones": [ZONE]} for name, source in sources.items()]
    (folder / "cameras.yaml").write_text(yaml.safe_dump({"cameras": entries}))
    done = CliRunner().invoke(cameras, ["check", str(folder / "cameras.yaml"), "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    return [line.partition(", picture: ")[0] for line in done.stdout.splitlines()]


def test_a_camera_in_order_has_no_doubts(make_clip, tmp_path: Path) -> None:
    make_clip("good.mp4", seconds=7)
    assert checked(tmp_path, good="good.mp4") == ["good: h264 320x240, 25.0 fps, GOP 1.0 s, file, clock: file"]


def test_what_is_doubtful_is_said(make_clip, tmp_path: Path) -> None:
    make_clip(
        "long.mp4", seconds=13, codec="libx265", gop=150, options={"x265-params": "log-level=none:scenecut=0:bframes=0"}
    )
    false = slowed(make_clip("false.mp4", seconds=8, options={"bf": "0"}), Fraction(5, 2))
    with Simulator([false]) as camera:
        long, long_codec, long_gop, live, live_fps = checked(tmp_path, long="long.mp4", live=camera.url())
    assert long.startswith("long: hevc 320x240, 25.0 fps, GOP 6.0 s, file")  # 150 pictures at 25 a second
    assert long_codec.startswith("long: doubtful: H.265: many browsers can't play it")
    assert long_gop.startswith("long: doubtful: GOP of 6 s: ")
    assert live.startswith("live: h264 320x240, 10.")
    assert live.endswith("rtsp over tcp, clock: rtcp")
    assert live_fps.startswith("live: doubtful: declares 25 fps, and 10.")  # 25 / 2.5


@pytest.mark.slow
def test_a_stream_without_time_is_doubtful(tmp_path: Path) -> None:
    with served(Mjpeg) as server:
        said, doubt = checked(tmp_path, door=server.url("video.mjpg"))
    assert said.endswith("mpjpeg over http, clock: arrival")
    assert doubt == "door: doubtful: the stream carries no time: pictures are dated by their arrival"
