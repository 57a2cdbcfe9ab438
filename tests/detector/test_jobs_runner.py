"""A runner and a real event system: each kind on real footage, two that race, one that is killed, one that is refused."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from api.provision import create_token, create_user
from api.server import EmbeddedServer
from detector.errors import ConfigError
from detector.jobs.client import AwayError, JobsClient
from detector.jobs.process import JobsSpec, make_runner, only_one
from detector.jobs.runner import Runner
from detector.jobs.signing_in import check_events
from detector.jobs.task import Bench, Done, JobError, Kind, Task
from detector.zoning.cameras_file import read_cameras
from models.errors import ModelError
from tests.api.conftest import write_settings
from tests.api.events import System, entry, incident, put, put_file
from tests.api.job_steps import ask
from tests.rtsp import RtspServer

LEASE_S = 1.0
WAIT_S = 60.0


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runners look often whether they shall stop."""
    monkeypatch.setattr("detector.jobs.client.LEASE_WAIT_S", 0.3)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An event system whose leases are short."""
    folder = tmp_path_factory.mktemp("events") / "data"
    write_settings(folder, jobs={"lease_s": LEASE_S, "active_per_requester": 100})
    with EmbeddedServer(folder) as server:
        running = System(folder, server.url)
        yield running
        running.close()


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    create_user(system.data_dir, "chief", "administrator")
    return system.with_token(role="administrator", user="chief")


@pytest.fixture(scope="module")
def token(system: System) -> str:
    return create_token(system.data_dir, "worker", name="jobs")


@pytest.fixture
def run(system: System, token: str, tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    """Starts runners in threads, and stops them."""
    started: list[tuple[Runner, threading.Thread]] = []

    def start(*kinds: Kind, cameras: Path | None = None, name: str = "jobs") -> Runner:
        folder = tmp_path / f"{name}-{len(started)}"
        if kinds:
            runner = Runner(JobsClient(system.url, token), kinds, folder)
        else:
            known = read_cameras(cameras) if cameras else ()
            runner = make_runner(JobsSpec(system.url, token, folder, tuple(known)))
        thread = threading.Thread(target=runner.run, daemon=True)
        thread.start()
        started.append((runner, thread))
        return runner

    yield start
    for runner, _ in started:
        runner.stop()
    for _, thread in started:
        thread.join(20)
        assert not thread.is_alive()


def send_case(system: System, incident_id: str, files: dict[str, bytes], **more: Any) -> None:
    worker = system.with_token(name="camera worker")
    document = incident(incident_id, evidence=[entry(name, content) for name, content in files.items()], **more)
    assert put(worker, document).status_code == 201
    for name, content in files.items():
        assert put_file(worker, incident_id, name, content).status_code == 201


def done(chief: httpx.Client, job_id: str, state: str = "done") -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_S
    while True:
        job: dict[str, Any] = chief.get(f"/v1/jobs/{job_id}").json()
        if job["state"] in ("done", "failed", "cancelled") or time.monotonic() > deadline:
            assert job["state"] == state, job
            return job
        time.sleep(0.05)


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


def test_two_runners_never_do_one_job_twice(chief: httpx.Client, run: Callable[..., Runner]) -> None:
    did: list[str] = []

    def work(task: Task, bench: Bench) -> Done:
        did.append(task.id)
        bench.progress(0.5, "at it")
        time.sleep(0.02)
        return Done({"by": threading.current_thread().name})

    runners = [run(Kind("probe", work, 60.0)) for _ in range(3)]
    asked = [ask(chief, kind="probe", address=f"rtsp://10.9.0.{n}/").json()["id"] for n in range(20)]
    for job_id in asked:
        assert done(chief, job_id)["attempt"] == 1
    assert sorted(did) == sorted(asked)
    assert sum(runner.done for runner in runners) == 20


KILLED = """
import sys, time
from pathlib import Path
from detector.jobs.client import JobsClient
from detector.jobs.runner import Runner
from detector.jobs.task import Kind

def work(task, bench):
    (bench.folder / "footage.mp4").write_bytes(b"footage")
    print(task.id, bench.folder, flush=True)
    time.sleep(600)

Runner(JobsClient(sys.argv[1], sys.argv[2]), [Kind("probe", work, 600.0)], Path(sys.argv[3])).run()
"""


def test_a_runner_that_is_killed_is_followed_by_another(
    system: System, chief: httpx.Client, run: Callable[..., Runner], token: str, tmp_path: Path
) -> None:
    job_id = ask(chief, kind="probe", address="rtsp://10.9.1.1/").json()["id"]
    command = [sys.executable, "-c", KILLED, system.url, token, str(tmp_path / "jobs-0")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            taken, folder = process.stdout.readline().split()
            assert taken == job_id
            time.sleep(2 * LEASE_S)  # its signs of life keep the job
            assert chief.get(f"/v1/jobs/{job_id}").json()["state"] == "leased"
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert (Path(folder) / "footage.mp4").exists()
    run(Kind("probe", lambda *_: Done({"codec": "h264"}), 60.0))
    job = done(chief, job_id)
    assert (job["attempt"], job["result"]) == (2, {"codec": "h264"})
    assert "No sign of life from jobs" in job["failures"][0]["reason"]
    assert not Path(folder).exists()  # the one who came after it in its folder has tidied up


def test_a_runner_that_stops_gives_its_job_back(chief: httpx.Client, run: Callable[..., Runner]) -> None:
    began = threading.Event()

    def work(_: Task, bench: Bench) -> Done:
        began.set()
        while True:
            bench.progress(0.1, "for ever")
            time.sleep(0.01)

    job_id = ask(chief, kind="probe", address="rtsp://10.9.2.1/").json()["id"]
    runner = run(Kind("probe", work, 60.0))
    assert began.wait(20)
    runner.stop()
    run(Kind("probe", lambda *_: Done({"ok": True}), 60.0))
    job = done(chief, job_id)
    assert [row["reason"] for row in job["failures"]] == ["the worker stops"]
    assert (job["attempt"], job["attempts_max"]) == (2, 4)


def test_a_job_that_is_cancelled_ends_at_the_worker(chief: httpx.Client, run: Callable[..., Runner]) -> None:
    began, ended = threading.Event(), threading.Event()

    def work(_: Task, bench: Bench) -> Done:
        began.set()
        try:
            while True:
                bench.progress(0.1, "for ever")
                time.sleep(0.01)
        finally:
            ended.set()

    job_id = ask(chief, kind="probe", address="rtsp://10.9.3.1/").json()["id"]
    run(Kind("probe", work, 60.0))
    assert began.wait(20)
    assert chief.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    assert ended.wait(10)


def test_what_takes_too_long_is_given_up_and_what_hangs_ends_the_process(
    chief: httpx.Client, system: System, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.jobs.runner.STUCK_GRACE_S", 0.5)
    stuck = threading.Event()

    def slow(_: Task, bench: Bench) -> Done:
        time.sleep(0.3)
        bench.progress(0.5, "late")
        raise AssertionError("it has taken too long")

    def hanging(_: Task, __: Bench) -> Done:
        stuck.wait(20)
        raise JobError("let go by the test")

    for work, limit_s in ((slow, 0.2), (hanging, 0.2)):
        job_id = ask(chief, kind="probe", address=f"rtsp://10.9.4.{limit_s}/{work.__name__}").json()["id"]
        client = JobsClient(system.url, token)
        runner = Runner(client, [Kind("probe", work, limit_s)], tmp_path / "hang", on_stuck=stuck.set)
        thread = threading.Thread(target=runner.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not chief.get(f"/v1/jobs/{job_id}").json()["failures"] and time.monotonic() < deadline:
            time.sleep(0.05)
        runner.stop()
        thread.join(20)
        chief.post(f"/v1/jobs/{job_id}/cancel")
        assert stuck.is_set() == (work is hanging)


def test_an_event_system_that_is_away_is_waited_for(tmp_path: Path) -> None:
    client = JobsClient("http://127.0.0.1:9", "token")
    with pytest.raises(AwayError):
        client.lease(["probe"], [])
    runner = Runner(client, [], tmp_path)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    time.sleep(0.2)
    runner.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_what_is_wrong_is_said_before_it_starts(system: System, token: str, tmp_path: Path) -> None:
    check_events(system.url, token)
    for url, given, says in (
        ("ftp://h", token, "is no address"),
        (system.url, "", "is not set"),
        (system.url, "wrong", "does not accept"),
        (system.url, create_token(system.data_dir, "viewer"), "has role 'viewer'"),
    ):
        with pytest.raises(ConfigError, match=says):
            check_events(url, given)
    with (
        only_one(tmp_path / "jobs"),
        pytest.raises(ConfigError, match="another job runner"),
        only_one(tmp_path / "jobs"),
    ):
        pass
