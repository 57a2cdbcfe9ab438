"""Workers over HTTP: signs of life, leases, what they leave for each other, and how cameras do."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.events import System, incident, put

STARTED = "2026-05-01T08:00:00Z"
REGISTERED = {
    "source": "rtsp://10.2.0.7/live",
    "zones": [{"id": "kerb", "kind": "no_parking", "polygon": [[0.2, 0.6], [0.8, 0.6], [0.8, 0.9]]}],
}


def beat(worker: httpx.Client, name: str, **said: Any) -> httpx.Response:
    body = {"worker": name, "name": f"{name}'s machine", "version": "0.1.0", "started_at": STARTED, **said}
    return worker.post("/v1/worker/beat", json=body)


@pytest.fixture(scope="module")
def other(system: System) -> httpx.Client:
    return system.with_token(name="worker-2")


def test_one_watches_and_the_other_stands_by(worker: httpx.Client, other: httpx.Client) -> None:
    first = beat(worker, "worker-aaaa", cameras=["by-1", "by-2"]).json()
    assert [lease["camera"] for lease in first["leases"]] == ["by-1", "by-2"]
    assert (first["elsewhere"], first["configuration"]) == ([], None)
    second = beat(other, "worker-bbbb", cameras=["by-1"]).json()
    assert (second["leases"], [row["worker"] for row in second["elsewhere"]]) == ([], ["worker-aaaa"])
    assert beat(worker, "worker-aaaa", cameras=["by-1", "by-2"], leaving=True).json()["leases"] == []
    (taken,) = beat(other, "worker-bbbb", cameras=["by-1"]).json()["leases"]
    assert (taken["camera"], taken["epoch"]) == ("by-1", 2)


def test_who_leaves_in_good_order_is_not_silent(system: System, worker: httpx.Client) -> None:
    chief = system.signed_in("chief", "administrator")

    def told() -> tuple[bool, bool]:
        (row,) = [row for row in chief.get("/v1/workers").json()["workers"] if row["worker"] == "worker-gone"]
        return row["left_at"] is not None, 'id="worker-gone"' in httpx.get(
            f"{system.url}/metrics", trust_env=False
        ).text

    beat(worker, "worker-gone", cameras=[])
    assert told() == (False, True)
    beat(worker, "worker-gone", cameras=[], leaving=True)
    assert told() == (True, False)
    beat(worker, "worker-gone", cameras=[])
    assert told() == (False, True)


def test_a_stale_holders_writes_are_refused(worker: httpx.Client, other: httpx.Client) -> None:
    beat(worker, "worker-aaaa", cameras=["stale"])
    put(worker, incident("stale-1", camera="stale"))
    beat(worker, "worker-aaaa", cameras=[])
    beat(other, "worker-bbbb", cameras=["stale"])
    revision = incident("stale-1", camera="stale", revision=2)
    refused = worker.put("/v1/incidents/stale-1", json=revision, headers={"Lease-Epoch": "1"})
    assert (refused.status_code, refused.json()["epoch"]) == (409, 2)
    assert worker.put("/v1/incidents/stale-1", json=revision).status_code == 409  # leased to another token
    batch = worker.post("/v1/incidents/batch", json={"incidents": [revision], "epochs": {"stale": 1}})
    assert [row["status"] for row in batch.json()["results"]] == [409]
    # What nobody has seen since, since it was over before the camera changed hands, is welcome: nothing gets lost.
    seen_before = incident("stale-2", camera="stale")
    assert worker.put("/v1/incidents/stale-2", json=seen_before, headers={"Lease-Epoch": "1"}).status_code == 201
    later = incident("stale-3", camera="stale", confirmed_at="2099-01-01T00:00:00Z")
    assert worker.put("/v1/incidents/stale-3", json=later, headers={"Lease-Epoch": "1"}).status_code == 409
    # The same as is stored does no harm, whoever says it.
    stored = incident("stale-1", camera="stale")
    assert worker.put("/v1/incidents/stale-1", json=stored, headers={"Lease-Epoch": "1"}).status_code == 200
    assert other.put("/v1/incidents/stale-1", json=revision, headers={"Lease-Epoch": "2"}).status_code == 200
    # An epoch is no secret: the refusal itself says it. Whoever names it, or one to come, is no holder for that.
    refreshed = incident("stale-1", camera="stale", revision=3)
    for named in ("2", "3"):
        assert worker.put("/v1/incidents/stale-1", json=refreshed, headers={"Lease-Epoch": named}).status_code == 409
    for wrong in ("0", "x", "99999999999"):
        assert worker.put("/v1/incidents/stale-1", json=revision, headers={"Lease-Epoch": wrong}).status_code == 422


def test_a_camera_that_all_name_at_once_becomes_known_once(
    system: System, worker: httpx.Client, other: httpx.Client
) -> None:
    chief = system.signed_in("chief-of-cameras", "administrator")

    def name_it(number: int) -> list[int]:
        camera = f"at-once-{number}"
        names = [
            lambda: beat(worker, "worker-aaaa", cameras=[camera]),
            lambda: worker.put(f"/v1/incidents/{camera}", json=incident(camera, camera=camera)),
            lambda: chief.put(f"/v1/registry/camera/{camera}", json=REGISTERED, headers={"If-None-Match": "*"}),
        ]
        with ThreadPoolExecutor(len(names)) as pool:
            return [answer.status_code for answer in pool.map(lambda ask: ask(), names)]

    for number in range(15):
        assert name_it(number) == [200, 201, 201]


def test_what_is_left_for_the_next_one(worker: httpx.Client, other: httpx.Client) -> None:
    beat(worker, "worker-aaaa", cameras=["left"])
    path, cases = "/v1/worker/cameras/left/handover", {"schema_": 1, "cases": [{"incident": "x"}]}
    kept = worker.put(path, params={"epoch": 1}, json=cases)
    assert kept.status_code == 200
    assert other.put(path, params={"epoch": 1}, json={}).status_code == 409
    assert other.get(path, params={"epoch": 1}).status_code == 409
    beat(worker, "worker-aaaa", cameras=[])
    (lease,) = beat(other, "worker-bbbb", cameras=["left"]).json()["leases"]
    assert (lease["handover"], lease["handover_epoch"], lease["epoch"]) == (kept.json()["sha256"], 1, 2)
    got = other.get(path, params={"epoch": 2}).json()
    assert (got["document"], got["epoch"]) == (cases, 1)
    assert worker.put(path, params={"epoch": 1}, json={}).status_code == 409
    assert other.put(path, params={"epoch": 2}, json={"much": "x" * 950_000}).status_code == 413
    assert worker.get("/v1/worker/cameras/never/handover", params={"epoch": 1}).status_code == 409


def test_how_cameras_do(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    report = {"camera": "does-1", "state": "live", "last_packet_age_s": 0.2, "fps": 25.0, "gop_s": 2.0}
    wrong = {"camera": "does-2", "state": "waiting", "last_packet_age_s": 200, "last_error": "rtsp://a:geheim@h/: no"}
    beat(worker, "worker-cccc", cameras=["does-1", "does-2"], reports=[report, wrong], outbox={"waiting": 3})
    rows = {row["camera"]: row for row in reviewer.get("/v1/cameras").json()["cameras"]}
    assert (rows["does-1"]["condition"], rows["does-1"]["report"]["fps"]) == ("ok", 25.0)
    assert (rows["does-2"]["condition"], rows["does-2"]["worker"]) == ("down", "worker-cccc's machine")
    assert rows["does-2"]["report"]["last_error"] == "rtsp://***@h/: no"
    down = reviewer.get("/v1/cameras", params={"condition": "down"}).json()["cameras"]
    assert "does-2" in [row["camera"] for row in down]
    assert "does-1" not in [row["camera"] for row in down]
    told = [row for row in reviewer.get("/v1/notices").json()["notices"] if row["subject"] == "cameras/does-2"]
    assert [row["type"] for row in told] == ["io.streetwarden.camera.down.v1"]
    narrow = system.with_token(role="viewer", cameras=["does-1"])
    assert [row["camera"] for row in narrow.get("/v1/cameras").json()["cameras"]] == ["does-1"]
    engineer = system.signed_in("eva", "engineer")
    (row,) = [row for row in engineer.get("/v1/workers").json()["workers"] if row["worker"] == "worker-cccc"]
    assert (row["cameras"], row["outbox"]["waiting"]) == (2, 3)
    assert reviewer.get("/v1/workers").status_code == 403


def test_who_may_beat(system: System, worker: httpx.Client, reviewer: httpx.Client, other: httpx.Client) -> None:
    assert beat(reviewer, "worker-dddd", cameras=[]).status_code == 403
    narrow = system.with_token(cameras=["mine"])
    assert beat(narrow, "worker-eeee", cameras=["mine"]).status_code == 200
    assert beat(narrow, "worker-eeee", cameras=["yours"]).status_code == 403
    beat(worker, "worker-ffff", cameras=[])
    assert beat(other, "worker-ffff", cameras=[]).status_code == 409  # somebody else's id
    for wrong in ({"cameras": ["../x"]}, {"reports": [{"camera": "x"}]}, {"started_at": "yesterday"}):
        assert beat(worker, "worker-ffff", **wrong).status_code == 422
    assert beat(worker, "x").status_code == 422
