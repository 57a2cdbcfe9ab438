"""The bench of peers: the rule on top of their tracks by tables, and contenders side by side on a short clip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from evaluation.benches.contender import PARKING
from evaluation.benches.contender_ultralytics import lap_by_scipy
from evaluation.benches.dwell_rule import FORGOTTEN_S, DwellRule, Sighting
from evaluation.benches.peers import bench_peers
from evaluation.errors import EvaluationError

LEFT = Zone("left", ZoneKind.NO_PARKING, ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), dwell_s=4.0)
IN = Box(0.1, 0.2, 0.3, 0.4)  # stands at (0.2, 0.4)
OUT = Box(0.6, 0.2, 0.8, 0.4)


def seen(times: Sequence[tuple[float, int, Box]]) -> DwellRule:
    rule = DwellRule([LEFT], PARKING)
    for time_s, track, box in times:
        rule.look(time_s, [Sighting(track, box, 0.9)])
    return rule


@pytest.mark.parametrize(
    ("times", "alarms"),
    [
        ([(0, 1, IN), (3, 1, IN)], []),  # 3 s of 4
        ([(0, 1, IN), (2, 1, IN), (4, 1, IN), (9, 1, IN)], [(0, 4)]),  # once a stay
        ([(0, 1, IN), (2, 1, OUT), (3, 1, IN), (6, 1, IN), (7, 1, IN)], [(3, 7)]),  # begins anew when it comes back
        ([(0, 1, IN), (2, 2, IN), (5, 2, IN)], []),  # a track that changes its id loses its dwell: 2 to 5 is 3 s
        ([(0, 1, OUT), (9, 1, OUT)], []),
        ([(0, 1, IN), (31, 1, IN), (34, 1, IN), (35, 1, IN)], [(0, 31)]),  # forgotten only at the end of a look
    ],
)
def test_a_track_that_stays_for_the_dwell(
    times: list[tuple[float, int, Box]], alarms: list[tuple[float, float]]
) -> None:
    rule = seen(times)
    assert [(alarm.onset_s, alarm.confirmed_s) for alarm in rule.alarms] == alarms
    assert all((alarm.type, alarm.zone) == (PARKING, "left") for alarm in rule.alarms)


def test_the_ground_contact_counts_and_not_the_box() -> None:
    reaches_in = Box(0.4, 0.2, 0.8, 0.4)  # stands at (0.6, 0.4), outside, though a quarter of the box is inside
    assert seen([(0, 1, reaches_in), (9, 1, reaches_in)]).alarms == []


def test_tracks_that_have_ended_are_forgotten() -> None:
    rule = seen([(float(track), track, IN) for track in range(100)])
    assert rule.stays == FORGOTTEN_S + 1  # those of the last 30 s, both ends counted


def test_assignment_as_the_package_lap_does_it() -> None:
    lapjv = lap_by_scipy().lapjv
    # Alone, 0.1 + 0.9 and 0.5 + 0.2 are the choices: the second is less. With a limit of 0.3 the pair of 0.5 is given up,
    # and its row and column are free: 0.1 for the first row, and nothing for the second, 0.1 + 0.3, beats 0.2 + 0.3.
    cost = np.array([[0.1, 0.5], [0.2, 0.9]])
    total, rows, columns = lapjv(cost)
    assert (total, rows.tolist(), columns.tolist()) == (pytest.approx(0.7), [1, 0], [1, 0])
    total, rows, columns = lapjv(cost, extend_cost=True, cost_limit=0.3)
    assert (total, rows.tolist(), columns.tolist()) == (pytest.approx(0.1), [0, -1], [0, -1])
    _, rows, _ = lapjv(np.array([[0.9, 0.2, 0.1]]), extend_cost=True, cost_limit=0.8)
    assert rows.tolist() == [2]


@pytest.fixture(scope="module")
def standing_bus(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one clip: the photograph of a bus for 12 s, and a zone all over it with a dwell of 4 s."""
    folder = tmp_path_factory.mktemp("bus")
    picture = cv2.resize(cv2.imread(str(photo)), (480, 640))
    with av.open(folder / "bus.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 480, 640, "yuv420p"
        stream.codec_context.gop_size = 5
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    zone = {"id": "all", "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "dwell_s": 4}
    camera = {"cameras": [{"id": "bus", "source": "bus.mp4", "zones": [zone]}]}
    incident = {
        "type": PARKING, "zone": "all", "onset_s": None, "alarm_s": 4.0, "end_s": None, "box": [0.02, 0.2, 0.99, 0.7],
    }  # fmt: skip
    (folder / "bus.camera.yaml").write_text(json.dumps(camera))
    (folder / "bus.truth.json").write_text(json.dumps({"duration_s": 12.0, "incidents": [incident]}))
    path = folder / "dataset.yaml"
    path.write_text(json.dumps({"clips": [{"cameras": "bus.camera.yaml", "truth": "bus.truth.json"}]}))
    return path


def check(row: dict[str, Any]) -> None:
    assert row["found"] + row["misses"] == 1
    assert row["recall"] == row["found"]
    assert row["cameras_per_core"] == pytest.approx(1 / row["cpu_s_per_video_s"], rel=0.05)


def test_ours_beside_a_plain_loop(standing_bus: Path) -> None:
    report = bench_peers(standing_bus, contenders=["plain_loop"])
    json.dumps(report, allow_nan=False)
    assert (report["clips"], report["problems"], report["incident_type"]) == (1, [], PARKING)
    ours, plain = report["contenders"]["streetwarden"], report["contenders"]["plain_loop"]
    for row in (ours, plain):
        check(row)
    assert ours["times_our_cost"] == 1
    assert 0 <= ours["of_which_evidence"] <= ours["cpu_s_per_video_s"]
    assert plain["times_our_cost"] == pytest.approx(plain["cpu_s_per_video_s"] / ours["cpu_s_per_video_s"], rel=0.05)
    assert (plain["recall"], plain["false_alarms"]) == (1.0, 0)
    assert plain["delay_s"]["median"] == pytest.approx(0.4, abs=0.5)  # ByteTrack waits for a second look


@pytest.mark.train
def test_ultralytics_finds_the_bus(standing_bus: Path) -> None:
    pytest.importorskip("ultralytics", reason="needs the extra `train`")
    pytest.importorskip("torch", reason="needs the extra `train`")
    row = bench_peers(standing_bus, contenders=["ultralytics"])["contenders"]["ultralytics"]
    check(row)
    assert (row["recall"], row["false_alarms"]) == (1.0, 0)


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"nothing\.yaml"):
        bench_peers(tmp_path / "nothing.yaml")
