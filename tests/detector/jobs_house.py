"""A real event system with jobs, and runners that do them, for tests."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.provision import create_token, create_user
from api.server import EmbeddedServer
from detector.jobs.client import JobsClient
from detector.jobs.process import JobsSpec, make_runner
from detector.jobs.runner import Runner
from detector.jobs.task import Kind
from detector.zoning.cameras_file import read_cameras
from tests.api.conftest import CAMERA_NETWORKS, write_settings
from tests.api.events import System, entry, incident, put, put_file

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
    jobs = {"lease_s": LEASE_S, "active_per_requester": 100}
    write_settings(folder, camera_networks=CAMERA_NETWORKS, jobs=jobs)
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
