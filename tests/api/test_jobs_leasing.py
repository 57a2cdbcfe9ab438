"""The queue over HTTP: leases that wait and race, lists, bounds, figures."""

import threading
import time

import httpx
import pytest

from tests.api.events import System
from tests.api.job_steps import ask, empty_queue, lease, tell
from tests.api.whole_case import put_whole_case

REDACTED = {"kind": "redaction", "incident": "jobbed", "name": "clip-arrival.mp4"}
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    put_whole_case(system.with_token(name="camera worker"), "jobbed")
    return system.signed_in("chief", "administrator")


@pytest.fixture(autouse=True)
def no_other_jobs(system: System, chief: httpx.Client) -> None:
    empty_queue(system)


def test_pages_and_filters(chief: httpx.Client) -> None:
    asked = [ask(chief, kind="probe", address=f"rtsp://10.0.0.{n}/live").json()["id"] for n in range(5)]
    ask(chief, **REDACTED)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = chief.get("/v1/jobs", params={"kind": "probe", "limit": 2, **cursor}).json()
        seen += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == asked[::-1]
    assert len(chief.get("/v1/jobs", params={"incident": "jobbed"}).json()["jobs"]) == 1
    assert len(chief.get("/v1/jobs", params={"camera": "gate-3", "state": "done"}).json()["jobs"]) == 0
    assert chief.get("/v1/jobs", params={"cursor": NOBODY}).status_code == 422


def test_too_much_at_once_is_429(chief: httpx.Client) -> None:
    answers = [ask(chief, kind="probe", address=f"rtsp://10.0.1.{n}/live").status_code for n in range(21)]
    assert answers == [201] * 20 + [429]


def test_a_worker_that_waits_gets_the_job_as_it_comes(worker: httpx.Client, chief: httpx.Client) -> None:
    began = time.monotonic()
    assert lease(worker, wait_s=0.3).status_code == 204
    assert 0.25 < time.monotonic() - began < 5
    timer = threading.Timer(0.5, lambda: ask(chief, kind="probe", address="rtsp://10.0.0.5/live"))
    timer.start()
    began = time.monotonic()
    assert lease(worker, wait_s=15).json()["kind"] == "probe"
    assert time.monotonic() - began < 10
    timer.join()


def test_two_workers_that_race_never_get_one_job_twice(system: System, chief: httpx.Client) -> None:
    for number in range(20):
        ask(chief, kind="probe", address=f"rtsp://10.0.2.{number}/live")
    workers = [system.with_token(name=f"racer-{number}") for number in range(4)]
    taken: list[str] = []

    def work(client: httpx.Client) -> None:
        while (found := lease(client)).status_code == 200:
            job = found.json()
            taken.append(job["id"])
            assert tell(client, job, "result", result={"codec": "h264"}).status_code == 200

    threads = [threading.Thread(target=work, args=(client,)) for client in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(set(taken))) == (20, 20)


def test_what_waits_is_counted(worker: httpx.Client, chief: httpx.Client, system: System) -> None:
    for number in range(3):
        ask(chief, kind="probe", address=f"rtsp://10.0.3.{number}/live")
    tell(worker, lease(worker).json(), "result", result={})
    text = system.anybody().get("/metrics").text
    assert 'streetwarden_jobs_open{kind="probe",state="waiting"} 2.0' in text
    assert 'streetwarden_jobs_oldest_waiting_seconds{kind="probe"}' in text
    assert 'streetwarden_jobs_done_total{kind="probe"}' in text
