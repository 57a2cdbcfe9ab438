"""The bench of zones against whole pictures, and the switch in a cameras file that it decides about."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from detector.errors import ConfigError
from detector.following.things import SEED_SCORE
from detector.watching.watch import CameraWatch
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import read_cameras
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from evaluation.bench_regions import bench_regions
from evaluation.commands import bench
from evaluation.errors import EvaluationError
from evaluation.region_counts import Count, Thing, things_in
from models.detections import Detections
from models.detector import load_detector
from models.regions.mode import Mode
from models.registry.add import add_model
from streams.frame import Frame
from streams.ring import PacketRing
from streams.source.feed import Feed
from tests.evaluation.drawn_zones import as_clip

FAR_END = [[0.70, 0.22], [0.92, 0.22], [0.92, 0.32], [0.70, 0.32]]


@pytest.fixture
def still(shared: Path, tmp_path: Path) -> Path:
    """A public square, 1280x720: at its far end a lorry, and a red bus that the whole picture does not show."""
    return as_clip(shared / "images" / "squares" / "2020-09-10T07-43-44.jpg", tmp_path / "square.mp4")


@pytest.fixture
def cameras_file(still: Path) -> Callable[..., Path]:
    def write(**keys: str) -> Path:
        zone = {"id": "far", "kind": "no_parking", "polygon": FAR_END}
        path = still.with_name("cameras.json")
        path.write_text(json.dumps({"cameras": [{"id": "square", "source": still.name, "zones": [zone], **keys}]}))
        return path

    return write


def test_zones_find_more_and_cost_less(cameras_file: Callable[..., Path]) -> None:
    said = json.loads(json.dumps(bench_regions([cameras_file()])))
    (camera,) = said["cameras"]
    assert (camera["looks"], camera["whole_px"], camera["gain"]) == (1, [640, 384], 2.0)
    assert camera["area_share"] < 0.5
    assert camera["cpu_ms"]["zones"] > 0
    assert said["all"]["zones"]["found"] > said["all"]["whole"]["found"]
    assert said["all"]["zones"]["reference"] == said["all"]["whole"]["reference"]
    kinds = said["by_height"]["zones"]
    assert sum(kind["found"] for kind in kinds) == said["all"]["zones"]["found"]
    rows = {row["gain_from"]: row["cameras"] for row in said["by_gain"]}
    assert rows == {1.0: 0, 1.25: 0, 1.5: 0, 2.0: 1}
    # Alone in its input the camera is seen alike, whatever gain is asked for.
    assert {mosaic["found"] for mosaic in said["together"]} == {said["all"]["zones"]["found"]}


CAR = Thing("vehicle", Box(0.1, 0.1, 0.2, 0.2), 0.5, height_px=20)
BESIDE = replace(CAR, box=Box(0.12, 0.1, 0.22, 0.2))  # 8 of 12: IoU 0.67
FAR = replace(CAR, box=Box(0.15, 0.1, 0.25, 0.2))  # 5 of 15: IoU 0.33


@pytest.mark.parametrize(
    ("seen", "reference", "there", "found", "extra"),
    [
        ([BESIDE], [CAR], 1, 1, 0),
        ([FAR], [CAR], 1, 0, 1),
        ([], [CAR], 1, 0, 0),
        # Too faint to start a thing: 0.34 of 0.35.
        ([replace(BESIDE, score=0.34)], [CAR], 1, 0, 0),
        # The reference is not sure (0.39 of 0.4): it counts as nothing that was missed, and excuses what was seen.
        ([], [replace(CAR, score=0.39)], 0, 0, 0),
        ([BESIDE], [replace(CAR, score=0.39)], 0, 0, 0),
        ([replace(BESIDE, role="person")], [CAR], 1, 0, 1),
        ([BESIDE, FAR], [], 0, 0, 2),
    ],
)
def test_counting(seen: list[Thing], reference: list[Thing], there: int, found: int, extra: int) -> None:
    count = Count()
    count.compare(seen, reference)
    assert (count.there.total(), count.found.total(), count.extra.total()) == (there, found, extra)
    whole = Count()
    whole.add(count)
    whole.add(count)
    assert whole.totals()["found"] == 2 * found
    assert whole.totals()["recall"] == (found / there if there else None)
    assert all(kind["height_px"] == [16, 32] for kind in whole.kinds())


def test_things_stand_in_zones_once() -> None:
    zone = Zone("z", ZoneKind.NO_PARKING, ((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)), dwell_s=60)
    seen = Detections(
        np.array(
            [
                [100, 300, 200, 600],  # stands at (150, 600) of 1000x1000: in the zone, 300 · 0.64 = 192 px high
                [105, 300, 205, 600],  # the same again, as a lorry
                [100, 300, 200, 400],  # at (150, 400), above the zone
                [600, 500, 700, 600],  # beside it
                [300, 700, 320, 750],  # a bird, in it
            ],
            np.float32,
        ),
        np.array([0, 1, 0, 0, 2]),
        np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32),
        ("car", "truck", "bird"),
    )
    (thing,) = things_in(seen, {"car": "vehicle", "truck": "vehicle"}, [zone], (1000, 1000), scale=0.64)
    assert (thing.role, thing.height_px, thing.kind) == ("vehicle", pytest.approx(192), ("vehicle", 3))
    assert thing.score == pytest.approx(0.9)


def test_a_camera_is_switched_in_its_file(cameras_file: Callable[..., Path]) -> None:
    assert read_cameras(cameras_file())[0].detect == Mode.WHOLE
    assert read_cameras(cameras_file(detect="auto"))[0].detect == Mode.AUTO
    with pytest.raises(ConfigError, match=r"cameras\[0\]\.detect: .*'whole', 'zones' or 'auto' \(given: 'half'\)"):
        read_cameras(cameras_file(detect="half"))


def test_a_watch_looks_as_its_camera_says(cameras_file: Callable[..., Path], still: Path) -> None:
    (camera,) = read_cameras(cameras_file())
    detector = load_detector("yolov8n")
    with av.open(still) as source:
        frame = Frame(0.0, next(source.decode(video=0)))
    found: dict[Mode, int] = {}
    for mode in Mode:
        feed = Feed(camera.address)
        plan = WatchPlan(detector, still.parent, lambda *_: None, lambda *_: {})
        watch = CameraWatch(replace(camera, detect=mode), PacketRing(1.0, 2**20), feed.clock, plan)
        watch.look(frame)
        assert watch._last
        found[mode] = sum(
            sighting.score >= SEED_SCORE and sighting.box.right > 0.87 for sighting in watch._last.sightings
        )
        feed.close()
    assert found == {Mode.WHOLE: 0, Mode.ZONES: 1, Mode.AUTO: 1}  # the bus


def test_wrong_input(
    cameras_file: Callable[..., Path], shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREETWARDEN_MODELS", str(tmp_path / "own-models"))
    add_model(shared / "models" / "yolox_nano.onnx", "nano", input_px=416)
    with pytest.raises(EvaluationError, match="model nano: takes one size of input alone"):
        bench_regions([cameras_file()], "nano")
    with pytest.raises(EvaluationError, match="camera square: is live: allowed are recorded files"):
        bench_regions([cameras_file(source="rtsp://127.0.0.1/square")])
    with pytest.raises(ConfigError, match=r"camera square: source .*gone\.mp4"):
        bench_regions([cameras_file(source="gone.mp4")])
    assert CliRunner().invoke(bench, ["regions"]).exit_code == 2
