"""The runner as a process of its own: beside a worker's shards, and as a command."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.provision import create_token, create_user
from api.server import EmbeddedServer
from detector.jobs.process import JobProcess, JobsSpec
from tests.api.conftest import CAMERA_NETWORKS, write_settings
from tests.api.events import System
from tests.api.job_steps import ask

WAIT_S = 60.0
COMMAND = [sys.executable, "-m", "streetwarden", "jobs", "run"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("events") / "data"
    write_settings(folder, camera_networks=CAMERA_NETWORKS)
    with EmbeddedServer(folder) as server:
        running = System(folder, server.url)
        yield running
        running.close()


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    create_user(system.data_dir, "chief", "administrator")
    return system.with_token(role="administrator", user="chief")


def until(true: Callable[[], bool], process: JobProcess | None = None) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        if process is not None:
            process.mind()
        time.sleep(0.1)


def is_done(chief: httpx.Client, job_id: str) -> bool:
    return bool(chief.get(f"/v1/jobs/{job_id}").json()["state"] == "done")


def test_it_is_started_again_when_it_dies_and_stops_with_the_worker(
    system: System, chief: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.processes.RESTART_S", (0.1,))
    others = {child.pid for child in multiprocessing.active_children()}

    def own() -> list[int]:
        return [child.pid or 0 for child in multiprocessing.active_children() if child.pid not in others]

    context = multiprocessing.get_context("spawn")
    spec = JobsSpec(system.url, create_token(system.data_dir, "worker"), tmp_path / "jobs")
    running = JobProcess(context, spec)
    try:
        first = ask(chief, kind="probe", address="rtsp://127.0.0.1:9/a").json()["id"]
        until(lambda: is_done(chief, first), running)
        (before,) = own()
        os.kill(before, signal.SIGKILL)
        second = ask(chief, kind="probe", address="rtsp://127.0.0.1:9/b").json()["id"]
        until(lambda: is_done(chief, second), running)
        (after,) = own()
        assert after != before
    finally:
        running.stop()
    assert own() == []


def test_the_command_does_jobs_until_it_is_told_to_stop(system: System, chief: httpx.Client, tmp_path: Path) -> None:
    token = create_token(system.data_dir, "worker")
    job = ask(chief, kind="probe", address="rtsp://127.0.0.1:9/c").json()["id"]
    arguments = ["--events", system.url, "--state", str(tmp_path / "jobs")]
    environment = {**os.environ, "STREETWARDEN_TOKEN": token}
    with subprocess.Popen([*COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: is_done(chief, job))
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "1 jobs done, 0 failed" in said
    assert token not in said


@pytest.mark.parametrize(
    ("token", "says"), [("wrong", "does not accept this token"), ("", "STREETWARDEN_TOKEN: is not set")]
)
def test_wrong_input_is_one_line_and_exit_code_2(system: System, tmp_path: Path, token: str, says: str) -> None:
    arguments = ["--events", system.url, "--state", str(tmp_path / "jobs")]
    environment = {**os.environ, "STREETWARDEN_TOKEN": token}
    done = subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
