"""Each kind of job on real footage, with a real event system."""

import hashlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from detector.jobs.runner import Runner
from models.errors import ModelError
from tests.api.events import System
from tests.api.job_steps import ask
from tests.detector.jobs_house import WAIT_S, chief, done, run, send_case, short_waits, system, token
from tests.rtsp import RtspServer

__all__ = ["chief", "run", "short_waits", "system", "token"]


def cut(source: Path, path: Path, seconds: float) -> bytes:
    """The beginning of a clip, as it is."""
    with av.open(source) as whole, av.open(path, "w") as part:
        stream = whole.streams.video[0]
        out = part.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is None or (packet.pts is not None and packet.pts * stream.time_base > seconds):
                break
            packet.stream = out
            part.mux(packet)
    return path.read_bytes()


def decoded(content: bytes) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    with av.open(io.BytesIO(content)) as clip:
        assert clip.streams.video[0].codec_context.name == "h264"
        return [picture.to_ndarray(format="gray") for picture in clip.decode(video=0)]


def test_a_clip_in_h265_gets_its_viewing_copy(
    system: System, chief: httpx.Client, run: Callable[..., Runner], shared: Path, tmp_path: Path
) -> None:
    clip = cut(shared / "clips/real/ds_retail02.mp4", tmp_path / "clip.mp4", 1.0)
    send_case(system, "shop", {"clip.mp4": clip})
    run()
    asked = ask(chief, kind="viewing_copy", incident="shop", name="clip.mp4").json()
    job = done(chief, asked["id"])
    with av.open(io.BytesIO(clip)) as source:
        count = sum(1 for _ in source.decode(video=0))
    assert count > 20
    assert job["result"] == {"codec": "h264", "height_px": 720, "width_px": 1280, "pictures": count, "undecodable": 0}
    (file,) = job["files"]
    assert len(decoded(chief.get(file["href"]).content)) == count
    listed = chief.get("/v1/incidents/shop").json()["evidence"]
    assert [(item["name"], item["kind"], item.get("derived_from")) for item in listed] == [
        ("clip.mp4", "clip", None),
        (file["name"], "clip", "clip.mp4"),
    ]
    assert chief.get("/v1/incidents/shop/evidence/clip.mp4").content == clip


def test_bystanders_can_not_be_told_apart_any_more(
    system: System, chief: httpx.Client, run: Callable[..., Runner], shared: Path, tmp_path: Path
) -> None:
    clip = cut(shared / "clips/real/sv_walking.mp4", tmp_path / "clip.mp4", 0.6)
    send_case(system, "plaza", {"clip.mp4": clip})
    run()
    asked = ask(chief, kind="redaction", incident="plaza", name="clip.mp4").json()
    job = done(chief, asked["id"])
    result, (file,) = job["result"], job["files"]
    content = chief.get(file["href"]).content
    before, after = decoded(clip), decoded(content)
    assert (result["pictures"], result["pictures_covered"], len(after)) == (len(before), len(before), len(before))
    assert result["people_paths"] >= 30
    # Fine detail is where people are: most of it has gone, and the empty ground in the middle is as it was.
    detail = [float(np.abs(np.diff(part[8].astype(float), axis=1)).mean()) for part in (before, after)]
    assert detail[1] < detail[0] * 0.7
    ground = np.s_[440:520, 700:1000]
    assert np.abs(before[0][ground].astype(float) - after[0][ground].astype(float)).mean() < 6
    with av.open(io.BytesIO(content)) as made:
        comment = made.metadata["comment"]
    assert comment.startswith(f"Redacted copy of clip.mp4 (SHA-256 {hashlib.sha256(clip).hexdigest()})")
    item = chief.get("/v1/incidents/plaza").json()["evidence"][-1]
    assert (item["kind"], item["about"]["people_paths"]) == ("redacted", result["people_paths"])


def test_a_still_is_redacted_too(system: System, chief: httpx.Client, run: Callable[..., Runner], shared: Path) -> None:
    picture = shared / "images/calibration/000000000785.jpg"  # a skier
    send_case(system, "slope", {"snapshot-alarm.jpg": picture.read_bytes()}, box=[0.0, 0.0, 0.1, 0.1])
    run()
    job = done(chief, ask(chief, kind="redaction", incident="slope", name="snapshot-alarm.jpg").json()["id"])
    content = chief.get(job["files"][0]["href"]).content
    with Image.open(picture) as original, Image.open(io.BytesIO(content)) as copy:
        assert copy.size == original.size
        assert copy.info["comment"].startswith(b"Redacted copy of snapshot-alarm.jpg")
        difference = np.abs(np.asarray(original.convert("L"), float) - np.asarray(copy.convert("L"), float))
    assert (difference > 30).mean() > 0.03
    assert job["result"]["people_paths"] >= 1


def test_what_a_camera_gives_is_told_and_drawn(
    chief: httpx.Client,
    run: Callable[..., Runner],
    rtsp_server: Callable[[Path], RtspServer],
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATE_LOGIN", "operator:geheim")
    server = rtsp_server(make_clip(seconds=12, fps=25, gop=25))
    cameras = tmp_path / "cameras.yaml"
    polygon = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
    zones = [{"id": "kerb", "kind": "no_parking", "polygon": polygon}]
    cameras.write_text(json.dumps({"cameras": [{"id": "gate-9", "source": server.url, "zones": zones}]}))
    run(cameras=cameras)
    probe = ask(chief, kind="probe", address=server.url, login_env="GATE_LOGIN").json()
    preview = ask(chief, kind="preview", camera="gate-9", address=server.url, zones=[{"id": "z", "polygon": polygon}])
    told = done(chief, probe["id"])["result"]
    assert (told["opens"], told["codec"], told["width_px"], told["height_px"], told["gop_s"]) == (
        True,
        "h264",
        320,
        240,
        1.0,
    )
    assert told["clock_source"] in ("rtcp", "arrival")
    assert "geheim" not in json.dumps(told)
    assert "***@" in told["source"]
    job = done(chief, preview.json()["id"])
    with Image.open(io.BytesIO(chief.get(job["files"][0]["href"]).content)) as picture:
        red, green, blue = (int(value) for value in picture.convert("RGB").getpixel((160, 24)))  # the zone's upper edge
    assert red > 180
    assert blue < red - 60
    assert green > blue


def test_an_address_that_gives_nothing_is_an_answer(
    chief: httpx.Client, run: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOWHERE_LOGIN", "operator:geheim")
    run()
    job = ask(chief, kind="probe", address="rtsp://127.0.0.1:9/live", login_env="NOWHERE_LOGIN").json()
    result = done(chief, job["id"])["result"]
    assert result["opens"] is False
    assert "can't be opened" in result["error"]
    assert "geheim" not in json.dumps(chief.get("/v1/jobs").json())
    unknown = ask(chief, kind="probe", address="rtsp://127.0.0.1:9/live", login_env="MISSING_LOGIN").json()
    deadline = time.monotonic() + WAIT_S
    while not (failures := chief.get(f"/v1/jobs/{unknown['id']}").json()["failures"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "no login in 'MISSING_LOGIN'" in failures[0]["reason"]
    chief.post(f"/v1/jobs/{unknown['id']}/cancel")


def test_no_model_is_a_clear_reason(
    system: System, chief: httpx.Client, run: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModelError("no source has the file")

    monkeypatch.setattr("detector.jobs.process.load_detector", missing)
    send_case(system, "modelless", {"snapshot-alarm.jpg": b"\xff\xd8\xff\xe0" + b"x" * 99})
    run()
    job = ask(chief, kind="redaction", incident="modelless", name="snapshot-alarm.jpg").json()
    deadline = time.monotonic() + WAIT_S
    while not (failures := chief.get(f"/v1/jobs/{job['id']}").json()["failures"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "the model can't be had" in failures[0]["reason"]
    chief.post(f"/v1/jobs/{job['id']}/cancel")


def test_what_is_no_picture_fails_for_good(system: System, chief: httpx.Client, run: Callable[..., Runner]) -> None:
    send_case(system, "broken", {"clip.mp4": b"\x00\x00\x00\x20ftypisom" + bytes(500)})
    run()
    for kind in ("viewing_copy", "redaction"):
        job = ask(chief, kind=kind, incident="broken", name="clip.mp4").json()
        (failure,) = done(chief, job["id"], "failed")["failures"]
        assert failure["reason"].startswith("clip.mp4 can't be ")
