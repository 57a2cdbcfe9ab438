import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from detector.check import _label, check_cameras
from detector.commands import cameras
from detector.evidence.annotate import INK, OFF_COLOR, ZONE_COLOR, DrawnZone, with_zones
from detector.zoning.calendars import Calendar, Window
from detector.zoning.ground_plane import fit
from detector.zoning.zones import Zone, ZoneKind
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


def checked_at(folder: Path, at: datetime | None = None, **camera: object) -> dict[str, Any]:
    """The row of a camera with the clip `good.mp4`."""
    entry = {"id": "good", "source": "good.mp4", "starts_at": "2026-03-02T08:00:00+08:00", "zones": [ZONE], **camera}
    (folder / "cameras.yaml").write_text(yaml.safe_dump({"cameras": [entry]}))
    (row,) = check_cameras(folder / "cameras.yaml", folder / "out", at)
    assert json.loads((folder / "out" / "cameras.json").read_bytes())["cameras"] == [row]
    assert (folder / "out" / "good.jpg").stat().st_size > 1000
    return row


RUSH = {"time_zone": "Asia/Shanghai", "weekly": [{"from": "07:00", "until": "09:30"}]}
# Seen straight from above: 8 m by 6 m.
ABOVE = {"image": [[0, 1], [1, 1], [1, 0], [0, 0]], "ground_m": [[0, 0], [8, 0], [8, 6], [0, 6]]}


def test_what_zones_say_is_told(make_clip, tmp_path: Path) -> None:
    make_clip("good.mp4", seconds=7)
    zones = [{**ZONE, "calendar": RUSH, "exempt": ["bus"]}, {**ZONE, "id": "again"}]
    row = checked_at(tmp_path, zones=zones, homography=ABOVE)  # at 8:00 in Shanghai, when it was taken
    assert row["rules"][0] == {
        "zone": "kerb", "kind": "no_parking", "dwell_s": 60.0, "calendar": "daily 07:00–09:30 (Asia/Shanghai)",
        "applies": True, "asked_at": "2026-03-02T08:00:00+08:00", "exempt": ["bus"], "event_code": "0505",
        "event_names": {"zh": "机动车乱停放", "en": "Motor vehicle parked illegally"},
    }  # fmt: skip
    assert "applies" not in row["rules"][1]
    assert row["doubts"] == [
        "zones kerb and again: both are no_parking and share 100% of the smaller one: what stands there is reported twice"
    ]
    assert row["camera_height_m"] is None  # from above, nobody can tell
    noon = datetime(2026, 3, 2, 4, tzinfo=UTC)
    assert checked_at(tmp_path, noon, zones=zones)["rules"][0]["applies"] is False


def test_labels_say_what_is_exempt_and_what_is_off() -> None:
    calendar = Calendar("Asia/Shanghai", (Window(frozenset(range(7)), 7 * 60, 9 * 60),))
    zone = Zone(
        "kerb", ZoneKind.NO_PARKING, ((0, 0), (1, 0), (1, 1)), 60.0, exempt=frozenset({"bus"}), calendar=calendar
    )
    assert _label(zone, datetime(2026, 3, 2, 0, tzinfo=UTC)) == "kerb: no_parking, 60 s, not bus"  # 8:00
    assert _label(zone, datetime(2026, 3, 2, 4, tzinfo=UTC)) == "kerb: no_parking, 60 s, not bus, off now"  # noon


def test_no_label_hides_another() -> None:
    image = np.full((720, 1280, 3), 90, np.uint8)
    polygons = [((0.1, 0.5), (0.9, 0.5), (0.9, 0.9), (0.1, 0.9)), ((0.1, 0.51), (0.5, 0.51), (0.5, 0.9), (0.1, 0.9))]

    def ink(labels: list[str]) -> int:
        zones = [DrawnZone(label, polygon) for label, polygon in zip(labels, polygons, strict=True)]
        return int((with_zones(image, zones) == INK).all(axis=2).sum())

    # Each as much as alone, but for how letters fall on pixels; one on top of the other they would be little more than half.
    alone = ink(["kerb: no_parking", ""]) + ink(["", "lane: fire_lane"])
    assert ink(["kerb: no_parking", "lane: fire_lane"]) == pytest.approx(alone, rel=0.1)


def test_the_drawing() -> None:
    """On grey: a zone that applies, one that does not, and the ground's lines of 1 m."""
    image = np.full((240, 320, 3), 90, np.uint8)
    left, right = ((0.1, 0.2), (0.4, 0.2), (0.4, 0.9), (0.1, 0.9)), ((0.6, 0.2), (0.9, 0.2), (0.9, 0.9), (0.6, 0.9))
    plane = fit([(0, 1), (1, 1), (1, 0), (0, 0)], [(0, 0), (8, 0), (8, 6), (0, 6)])
    step_m, lines = plane.grid([left, right])
    assert step_m == 1.0
    drawn = with_zones(image, [DrawnZone("on", left), DrawnZone("off", right, applies=False)])
    assert tuple(drawn[120, 32]) == ZONE_COLOR  # 0.1 of 320
    assert tuple(drawn[120, 192]) == OFF_COLOR  # 0.6 of 320
    assert (drawn[200:, 140:180] == 90).all()
    gridded = with_zones(image, [], grid=lines)
    columns = np.nonzero((gridded[5:35] != 90).any(axis=2).all(axis=0))[0]  # between the lines at 0 and 40
    assert [*columns] == pytest.approx(
        [0, 40, 80, 120, 160, 200, 240, 280], abs=1
    )  # 320 px for 8 m; the last is beside it
    assert (with_zones(image, [], lines=["a line"])[-10:] != 90).any()
