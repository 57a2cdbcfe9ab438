"""What serves the labelling page: pictures by number, films in parts, files that are never half written."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from evaluation.datasets.timeline import read_timeline
from evaluation.errors import EvaluationError
from evaluation.labelling.frames import FrameReader
from evaluation.labelling.labels import load
from evaluation.labelling.server import LabelServer, open_clips
from tests.evaluation.clips import write_clip

TIMES_S = [number / 10 + (2 if number >= 20 else 0) for number in range(80)]
ZONE = {"id": "kerb", "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1]], "dwell_s": 2}
INCIDENT = {"zone": "kerb", "onset_s": 1.0, "end_s": None, "box": [0.1, 0.1, 0.2, 0.2]}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    clips = open_clips([write_clip(tmp_path / "a.mp4", TIMES_S)], tmp_path / "data")
    with LabelServer(clips) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def grey(jpeg: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).mean())


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_every_picture_by_its_number_in_any_order(tmp_path: Path, name: str, codec: str) -> None:
    # AVI counts pictures and knows no times: there it is an even rate.
    times_s = [number / 25 for number in range(80)] if codec == "mpeg4" else TIMES_S
    reader = FrameReader(read_timeline(write_clip(tmp_path / name, times_s, codec=codec)))
    # Picture n is as grey as 40 + n * 2 in full-range RGB.
    for frame in (0, 1, 2, 40, 39, 79, 5, 78, 20, 19, 0):
        assert grey(reader.jpeg(frame)) == pytest.approx(40 + round(frame * 160 / 80), abs=1.5), frame
    reader.close()


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    reader = FrameReader(read_timeline(write_clip(tmp_path / "a.mp4", TIMES_S)))
    with pytest.raises(EvaluationError, match="has no picture 80: allowed are 0 to 79"):
        reader.jpeg(80)


@pytest.mark.parametrize("name", ["opencv_vtest.avi", pytest.param("ds_retail02.mp4", marks=pytest.mark.slow)])
def test_pictures_of_real_clips(shared: Path, name: str) -> None:
    """In any order they are the same as one after the other."""
    timeline = read_timeline(shared / "clips" / "real" / name)
    jumping, walking = FrameReader(timeline), FrameReader(timeline)
    in_order = {frame: walking.jpeg(frame) for frame in range(75)}
    assert all(jumping.jpeg(frame) == in_order[frame] for frame in (70, 3, 74, 40, 39))
    jumping.close()
    walking.close()


def test_frames_over_http(client: httpx.Client) -> None:
    answer = client.get("/api/clips/0/frames/20.jpg")
    assert (answer.status_code, answer.headers["x-time-s"]) == (200, "4.000000")
    assert client.get("/api/clips/0/frames/80.jpg").status_code == 404
    assert client.get("/api/clips/1").status_code == 404


def test_the_film_in_parts(client: httpx.Client) -> None:
    answer = client.get("/api/clips/0/film.mp4", headers={"Range": "bytes=4-7"})
    assert (answer.status_code, answer.content) == (206, b"ftyp")


def test_another_site_is_refused(client: httpx.Client) -> None:
    assert client.get("/api/clips", headers={"Host": "evil.example"}).status_code == 400
    assert client.put("/api/clips/0", content="{}", headers={"Content-Type": "text/plain"}).status_code == 422


@pytest.mark.parametrize(
    ("zones", "incidents", "named"),
    [
        ([], [], "zones"),
        ([{**ZONE, "polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}], [], "its edges cross"),
        ([ZONE, ZONE], [], "id 'kerb' is given twice"),
        ([ZONE], [{**INCIDENT, "box": None}], "incident 1: has no box yet"),
        ([ZONE], [{**INCIDENT, "zone": "lawn"}], "incident 1: its zone 'lawn' is not there"),
        ([ZONE], [INCIDENT, {**INCIDENT, "onset_s": 2.0}], "incident 2: contradicts incident 1"),
        ([ZONE], [{**INCIDENT, "end_s": 2.0}], "incident 1: end_s 2 lies before alarm_s 3"),
        ([ZONE], [{**INCIDENT, "onset_s": 9.0}], "incident 1: alarm_s 11 lies outside the clip"),
    ],
)
def test_what_is_not_sound_is_not_saved(
    client: httpx.Client, tmp_path: Path, zones: object, incidents: object, named: str
) -> None:
    answer = client.put("/api/clips/0", json={"zones": zones, "incidents": incidents})
    assert answer.status_code == 422
    assert named in answer.json()["detail"]
    assert list((tmp_path / "data").iterdir()) == []


def test_the_alarm_is_reckoned_and_may_come_later(client: httpx.Client) -> None:
    later = {**INCIDENT, "alarm_s": 5.0, "box": [0.5, 0.5, 0.6, 0.6]}
    earlier = {**INCIDENT, "alarm_s": 1.5, "box": [0.8, 0.8, 0.9, 0.9]}
    answer = client.put("/api/clips/0", json={"zones": [ZONE], "incidents": [INCIDENT, later, earlier]})
    assert answer.json()["alarms_s"] == [3.0, 5.0, 3.0]


def test_two_clips_of_one_name_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", TIMES_S)
    with pytest.raises(EvaluationError, match="two clips are called 'a'"):
        open_clips([clip, tmp_path / "b" / "a.mp4"], tmp_path)
    (tmp_path / "a.truth.json").write_text("[]")
    with pytest.raises(EvaluationError, match=r"a\.truth\.json: is no truth file"):
        open_clips([clip], tmp_path)


def test_the_command_says_where_and_ends_in_order(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", TIMES_S)
    command = [sys.executable, "-m", "streetwarden", "label", str(clip), "--out", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        where = process.stdout.readline()
        assert where.startswith("Label here: http://127.0.0.1:")
        assert "<title>" in httpx.get(where.split()[-1], trust_env=False).text
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_truth_file_without_optional_keys_is_continued(tmp_path: Path) -> None:
    clips = open_clips([write_clip(tmp_path / "a.mp4", TIMES_S)], tmp_path)
    (tmp_path / "a.truth.json").write_text(
        json.dumps(
            {"duration_s": 9.9, "incidents": [{"type": "dumping", "zone": "x", "alarm_s": 2, "box": [0, 0, 1, 1]}]}
        )
    )
    (incident,) = load(clips[0])["incidents"]
    assert (incident["onset_s"], incident["end_s"], incident["type"]) == (None, None, "dumping")
