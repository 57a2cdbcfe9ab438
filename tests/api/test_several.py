"""Several event systems on one storage, each in a process of its own: nobody can tell which one has answered."""

import concurrent.futures
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from tests.api.events import System, incident, put, put_file

PROCESSES = 3


@pytest.fixture(scope="module")
def systems(data_dir: Path) -> Iterator[list[System]]:
    """They start at once, on storage that nobody has migrated."""
    command = [sys.executable, "-c", "from api.commands import serve; serve()", "--data", str(data_dir), "--port", "0"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    try:
        addresses = [process.stdout.readline().split()[-1] for process in processes if process.stdout]
        running = [System(data_dir, address) for address in addresses]
        yield running
        for system in running:
            system.close()
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=20)


@pytest.fixture(scope="module")
def workers(systems: list[System]) -> list[httpx.Client]:
    """One token, known to all of them."""
    first = systems[0].with_token(name="worker-1")
    return [system.anybody(headers={"Authorization": first.headers["authorization"]}) for system in systems]


def at_once(calls: list[tuple[object, ...]]) -> list[httpx.Response]:
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call[0](*call[1:]), calls))  # type: ignore[operator]


def codes(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


@pytest.mark.parametrize("round_", range(5))
def test_of_racing_writers_one_wins(workers: list[httpx.Client], round_: int) -> None:
    """Nine different revisions 1, three to each process: one 201, eight 409. Then the same revision 2: all 200."""
    name = f"race-{round_}"
    nine = [incident(name, camera=f"new-{round_}", score=number / 10) for number in range(1, 10)]
    turns = cycle(workers)
    assert codes(at_once([(put, next(turns), document) for document in nine])) == [201] + [409] * 8
    same = incident(name, camera=f"new-{round_}", revision=2)
    assert set(codes(at_once([(put, next(turns), same) for _ in range(9)]))) == {200}
    history = workers[0].get(f"/v1/incidents/{name}/history").json()["history"]
    assert [event["revision"] for event in history if event["event"] == "revision"] == [1, 2]


@pytest.mark.parametrize("round_", range(3))
def test_many_incidents_of_one_new_camera(workers: list[httpx.Client], round_: int) -> None:
    """All register the camera; each is new."""
    turns = cycle(workers)
    documents = [incident(f"many-{round_}-{number}", camera=f"crowded-{round_}") for number in range(12)]
    assert codes(at_once([(put, next(turns), document) for document in documents])) == [201] * 12
    listed = workers[1].get("/v1/incidents", params={"camera": f"crowded-{round_}"}).json()["incidents"]
    assert len(listed) == 12


def test_of_racing_uploads_one_wins(workers: list[httpx.Client]) -> None:
    put(workers[0], incident("files"))
    contents = [b"\xff\xd8\xff" + bytes([number]) * 1000 for number in range(6)]
    turns = cycle(workers)
    answers = at_once([(put_file, next(turns), "files", "raced.jpg", content) for content in contents])
    assert codes(answers) == [201] + [409] * 5
    won = contents[[answer.status_code for answer in answers].index(201)]
    for worker in workers:
        assert worker.get("/v1/incidents/files/evidence/raced.jpg").content == won
    turns = cycle(workers)
    same = at_once([(put_file, next(turns), "files", "same.jpg", contents[0]) for _ in range(6)])
    assert codes(same) == [200] * 5 + [201]


def test_a_session_counts_everywhere(systems: list[System]) -> None:
    first = systems[0].signed_in("anna", "reviewer")
    for system in systems[1:]:
        elsewhere = system.anybody(cookies=first.cookies, headers={"X-CSRF-Token": first.headers["x-csrf-token"]})
        assert elsewhere.get("/v1/whoami").json()["name"] == "anna"
    assert elsewhere.delete("/v1/session").status_code == 204
    assert first.get("/v1/whoami").status_code == 401


def test_a_guesser_gains_nothing_by_asking_another(systems: list[System]) -> None:
    """Nine guesses at once over three processes: five are looked at (401), four have to wait (429)."""
    systems[0].signed_in("gus", "viewer")
    turns = cycle([system.anybody() for system in systems])

    def guess(client: httpx.Client) -> httpx.Response:
        return client.post("/v1/session", json={"name": "gus", "password": "wrong"})

    assert Counter(codes(at_once([(guess, next(turns)) for _ in range(9)]))) == {401: 5, 429: 4}
