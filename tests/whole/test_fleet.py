"""Several workers, and a registry: who dies is followed, and what is changed applies while they run."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.provision import create_token, create_user
from tests.whole.house import cameras_file, cut_film, kill_whole, running, wait_for

pytestmark = pytest.mark.timeout(240)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_killed_workers_incidents_stay_one_with_its_successor(
    sample: Any, tmp_path: Path, rtsp_server: Any, event_system: Any
) -> None:
    # The bus stands from 12 to 52 s. The camera shows 14 to 50 s of it, and the same again to the worker that comes after.
    server = rtsp_server(cut_film(sample, 14, 50, tmp_path / "standing.mp4"))
    system = event_system(fleet={"lease_s": 5, "down_after_s": 60})
    cameras = cameras_file(tmp_path / "cameras.yaml", server.url, {"told": 8.0, "waiting": 26.0}, sample.zone)
    token = {"STREETWARDEN_TOKEN": system.worker_token}
    first_log, second_log = tmp_path / "first.log", tmp_path / "second.log"

    def worker(name: str, log: Path) -> Any:
        arguments = ("worker", cameras, "--events", system.url, "--state", tmp_path / name, "--no-jobs")
        return running(*arguments, env=token, log=log)

    with worker("first", first_log) as first:
        wait_for(lambda: "watching 1 cameras" in first_log.read_text(), 30, "the first watches", first_log)
        with worker("second", second_log) as second:
            wait_for(lambda: "standing by" in second_log.read_text(), 30, "the second stands by", second_log)
            wait_for(system.events.incidents, 30, "the short dwell is confirmed", first_log)
            (told,) = system.events.incidents()
            time.sleep(2.5)  # what a successor needs is left within a second or two
            kill_whole(first)
            wait_for(lambda: "goes on with what" in second_log.read_text(), 12, "the second takes over", second_log)
            wait_for(lambda: len(system.events.incidents()) == 2, 45, "the long dwell is confirmed", second_log)
            time.sleep(3)  # time enough for the same stay to be told anew, if it were
            found = {row["zone"]: row for row in system.events.incidents()}
            assert second.poll() is None
    assert sorted(found) == ["told", "waiting"]
    assert len(system.events.incidents()) == 2
    assert found["told"]["id"] == told["id"]
    assert found["told"]["revision"] > told["revision"]
    # Not begun anew: the dwell of the second zone counts from the first worker's first picture.
    assert moment(found["waiting"]["seen_from_at"]) < moment(told["confirmed_at"])
    stood_s = (moment(found["waiting"]["confirmed_at"]) - moment(found["waiting"]["seen_from_at"])).total_seconds()
    assert 25.5 <= stood_s <= 40


def test_the_registry_applies_while_the_worker_runs(
    sample: Any, tmp_path: Path, rtsp_server: Any, event_system: Any
) -> None:
    server = rtsp_server(cut_film(sample, 14, 50, tmp_path / "standing.mp4"))
    system = event_system(camera_networks=["127.0.0.0/8"], fleet={"lease_s": 5, "down_after_s": 60})
    create_user(system.data, "eva", "engineer")
    token = create_token(system.data, "engineer", user="eva")
    log = tmp_path / "worker.log"
    zone = {"id": "kerb", "kind": "no_parking", "polygon": [list(corner) for corner in sample.zone], "dwell_s": 300}
    street = {"source": server.url, "zones": [zone], "place": "新华路3号"}
    arguments = ("worker", "--events", system.url, "--state", tmp_path / "state", "--no-jobs", "--shards", "1")
    with (
        httpx.Client(base_url=system.url, headers={"Authorization": f"Bearer {token}"}) as engineer,
        running(*arguments, env={"STREETWARDEN_TOKEN": system.worker_token}, log=log) as worker,
    ):

        def put(name: str, document: dict[str, Any], seen: int | None = None) -> None:
            headers = {"If-None-Match": "*"} if seen is None else {"If-Match": f'"{seen}"'}
            engineer.put(f"/v1/registry/camera/{name}", json=document, headers=headers).raise_for_status()

        def condition(name: str) -> str | None:
            rows = {row["camera"]: row for row in engineer.get("/v1/cameras").json()["cameras"]}
            return rows[name]["condition"] if name in rows else None

        wait_for(lambda: "watching 0 cameras" in log.read_text(), 30, "it waits for cameras", log)
        put("street", street)
        put("wrong", {**street, "zones": [{**zone, "classes": ["dragon"]}]})
        wait_for(lambda: condition("street") == "ok", 20, "the camera is watched", log)
        wait_for(lambda: condition("wrong") == "misconfigured", 10, "what can't be watched is told", log)
        assert "dragon" in log.read_text()
        put("street", {**street, "zones": [{**zone, "dwell_s": 8}]}, seen=1)
        wait_for(system.events.incidents, 40, "the new dwell counts", log)
        (incident,) = system.events.incidents()
        assert (incident["camera"], incident["place"]) == ("street", "新华路3号")
        engineer.delete("/v1/registry/camera/street", headers={"If-Match": '"2"'}).raise_for_status()
        wait_for(lambda: log.read_text().count("is not watched here any more") == 2, 15, "it is given up", log)
        assert worker.poll() is None
    assert worker.returncode == 0
