"""A runner and a real event system: two that race, one that is killed, one that is refused."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from api.provision import create_token
from detector.errors import ConfigError
from detector.jobs.client import AwayError, JobsClient
from detector.jobs.runner import Runner
from detector.jobs.task import Bench, Done, JobError, Kind, Task
from detector.processes import only_one
from tests.api.events import System
from tests.api.job_steps import ask
from tests.detector.jobs_house import LEASE_S, chief, done, run, short_waits, system, token

__all__ = ["chief", "run", "short_waits", "system", "token"]


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
        job_id = ask(chief, kind="probe", address=f"rtsp://10.9.4.1/{work.__name__}").json()["id"]
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
    with closing(JobsClient(system.url, token)) as client:
        client.check_token()
    for given, says in (
        ("wrong", "does not accept"),
        (create_token(system.data_dir, "viewer"), "has role 'viewer'"),
    ):
        with closing(JobsClient(system.url, given)) as client, pytest.raises(ConfigError, match=says):
            client.check_token()
    with (
        only_one(tmp_path / "jobs", "job runner"),
        pytest.raises(ConfigError, match="another job runner"),
        only_one(tmp_path / "jobs", "job runner"),
    ):
        pass
