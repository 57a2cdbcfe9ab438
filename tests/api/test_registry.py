"""The registry: cameras with their zones, calendars, areas, event codes; every version kept, every change somebody's."""

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from api.registry.documents import _schemas
from api.settings import load_settings
from api.storage.data_folder import connect_database
from api.storage.tables import RegistryVersion
from tests.api.events import System

KERB = {"id": "kerb", "kind": "no_parking", "polygon": [[0.2, 0.6], [0.8, 0.6], [0.8, 0.9], [0.2, 0.9]]}
CAMERA: dict[str, Any] = {"source": "rtsp://10.2.0.7/live", "zones": [KERB], "place": "新华路3号"}
SCHOOL = {"time_zone": "Asia/Shanghai", "weekly": [{"days": ["mon..fri"], "from": "07:00", "until": "09:00"}]}
NEW = {"If-None-Match": "*"}
STARTED = "2026-05-01T08:00:00Z"


@pytest.fixture(scope="module")
def engineer(system: System) -> httpx.Client:
    return system.signed_in("eva", "engineer")


def put(client: httpx.Client, path: str, document: Any, seen: int | None = None) -> httpx.Response:
    headers = NEW if seen is None else {"If-Match": f'"{seen}"'}
    return client.put(f"/v1/registry/{path}", json=document, headers=headers)


def beat(worker: httpx.Client, name: str = "worker-one", **said: Any) -> dict[str, Any]:
    body = {"worker": name, "name": name, "version": "0.1.0", "started_at": STARTED, "capacity": 100, **said}
    answer = worker.post("/v1/worker/beat", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_versions_and_who_made_them(engineer: httpx.Client) -> None:
    first = put(engineer, "camera/v-1", CAMERA)
    assert (first.status_code, first.headers["ETag"], first.json()["changed_by"]) == (201, '"1"', "eva")
    assert put(engineer, "camera/v-1", CAMERA).status_code == 412  # somebody was faster
    moved = {**CAMERA, "place": "新华路5号"}
    assert put(engineer, "camera/v-1", moved, 1).headers["ETag"] == '"2"'
    stale = put(engineer, "camera/v-1", CAMERA, 1)
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert engineer.get("/v1/registry/camera/v-1").json()["document"] == moved
    assert engineer.delete("/v1/registry/camera/v-1", headers={"If-Match": '"2"'}).status_code == 204
    assert engineer.get("/v1/registry/camera/v-1").status_code == 404
    versions = engineer.get("/v1/registry/camera/v-1/history").json()["versions"]
    assert [(row["version"], row["document"]) for row in versions] == [(3, None), (2, moved), (1, CAMERA)]
    assert put(engineer, "camera/v-1", CAMERA).json()["version"] == 4


def test_history_can_not_be_changed(system: System, engineer: httpx.Client) -> None:
    put(engineer, "area/kept", {"name": {"en": "Kept"}})
    database = connect_database(system.data_dir, load_settings(system.data_dir))
    with closing(database):
        for statement in (update(RegistryVersion).values(changed_by="x"), delete(RegistryVersion)):
            with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
                session.execute(statement)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": "file:///etc/passwd"}, "allowed is rtsp://HOST"),
        ({"source": "/etc/passwd"}, "allowed is rtsp://HOST"),
        ({"source": "rtsp://admin:geheim@10.2.0.7/live"}, "carries a login"),
        ({"source": "rtsp://192.168.0.7/live"}, "camera_networks"),
        ({"source": "http://169.254.169.254/latest/meta-data/"}, "camera_networks"),
        ({"source": "http://[::ffff:192.168.0.7]/"}, "camera_networks"),
        ({"source": "rtsp://no-such-name.invalid/"}, "can't be found"),
        ({"callout": {"url": "http://192.168.0.9/"}}, "camera.callout.url"),
        ({"login_env": "STREETWARDEN_TOKEN"}, "login_env"),
        ({"login_file": "/etc/shadow"}, "login_file"),
        ({"ca_file": "/etc/shadow"}, "ca_file"),
        ({"loop": True}, "loop"),
        ({"dwel_s": 3}, "dwel_s"),
        ({"zones": []}, "camera.zones"),
        ({"zones": [KERB, KERB]}, "given twice"),
        ({"zones": [{**KERB, "kind": "no_flying"}]}, "camera.zones.0.kind"),
        ({"zones": [{**KERB, "polygon": [[0.2, 0.6], [1.8, 0.6], [0.8, 0.9]]}]}, "camera.zones.0.polygon.1.0"),
        ({"zones": [{**KERB, "calendar": "nowhere"}]}, "no calendar 'nowhere'"),
        ({"area": "nowhere"}, "no area 'nowhere'"),
        ({"zones": [{**KERB, "dwell_s": 0}]}, "dwell_s"),
    ],
)
def test_what_is_refused(engineer: httpx.Client, changes: dict[str, Any], told: str) -> None:
    answer = put(engineer, "camera/refused", {**CAMERA, **changes})
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["detail"]
    assert engineer.get("/v1/registry/camera/refused").status_code == 404
    assert "geheim" not in answer.text


def test_what_is_missing_or_wrong_around_it(engineer: httpx.Client) -> None:
    path = "/v1/registry/camera/around"
    assert engineer.put(path, json=CAMERA).status_code == 428
    assert engineer.put(path, json=CAMERA, headers={"If-Match": "x"}).status_code == 422
    assert engineer.put(path, json=CAMERA, headers={"If-None-Match": "1"}).status_code == 422
    assert engineer.put(path, json=[1], headers=NEW).status_code == 422
    assert engineer.delete(path, headers={"If-Match": '"1"'}).status_code == 404
    assert put(engineer, "camera/UPPER", CAMERA).status_code == 422
    assert put(engineer, "wall/x", CAMERA).status_code == 422
    assert put(engineer, "event_codes/other", {"no_parking": "0503"}).status_code == 422


def test_who_may(system: System, engineer: httpx.Client, reviewer: httpx.Client, worker: httpx.Client) -> None:
    put(engineer, "camera/mine", CAMERA)
    put(engineer, "camera/others", CAMERA)
    for client in (reviewer, worker):
        assert client.get("/v1/registry/camera").status_code == 403
        assert put(client, "camera/new", CAMERA).status_code == 403
    narrow = system.with_token(role="engineer", user="eva", cameras=["mine"])
    assert [row["name"] for row in narrow.get("/v1/registry/camera").json()["entries"]] == ["mine"]
    assert narrow.get("/v1/registry/camera/others").status_code == 403
    assert put(narrow, "camera/others", CAMERA, 1).status_code == 403
    assert put(narrow, "camera/mine", CAMERA, 1).status_code == 200
    assert put(narrow, "area/all", {"name": {"en": "All"}}).status_code == 403
    assert system.anybody().get("/v1/registry/camera").status_code == 401


def test_pages(engineer: httpx.Client) -> None:
    for number in range(5):
        put(engineer, f"area/p-{number}", {"name": {"en": f"Part {number}"}})
    seen, after = [], None
    while True:
        page = engineer.get("/v1/registry/area", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [row["name"] for row in page["entries"]]
        after = page["next"]
        if after is None:
            break
    assert [name for name in seen if name.startswith("p-")] == [f"p-{number}" for number in range(5)]
    assert len(seen) == len(set(seen))


def test_changes_are_audited(engineer: httpx.Client, system: System) -> None:
    put(engineer, "area/audited", {"name": {"en": "Old"}})
    put(engineer, "area/audited", {"name": {"en": "New"}}, 1)
    engineer.delete("/v1/registry/area/audited", headers={"If-Match": '"2"'})
    log = system.signed_in("chief-audit", "administrator").get("/v1/audit").text.splitlines()
    deeds = [row for row in map(json.loads, log) if row["object"] == "/v1/registry/area/audited"]
    assert [(row["action"], row["who"], row["reason"]) for row in deeds] == [
        ("registry.set", "eva", "version 1"),
        ("registry.set", "eva", "version 2"),
        ("registry.remove", "eva", "version 3"),
    ]


def test_what_is_named_stays(engineer: httpx.Client) -> None:
    put(engineer, "calendar/school", SCHOOL)
    put(engineer, "area/north", {"name": {"en": "North", "zh": "北区"}, "grid_code": "370203"})
    put(engineer, "camera/names", {**CAMERA, "area": "north", "zones": [{**KERB, "calendar": "school"}]})
    for path in ("calendar/school", "area/north"):
        answer = engineer.delete(f"/v1/registry/{path}", headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json()["cameras"]) == (409, ["names"])


def test_a_worker_fetches_what_it_watches(system: System, engineer: httpx.Client) -> None:
    worker = system.with_token(name="fetcher", cameras=["fetch-1", "fetch-2"])
    put(engineer, "calendar/market", SCHOOL)
    put(engineer, "event_codes/default", {"no_parking": "0599"})
    put(engineer, "camera/fetch-1", {**CAMERA, "zones": [{**KERB, "calendar": "market"}]})
    answer = beat(worker, "fetch-worker")
    assert [(lease["camera"], lease["epoch"]) for lease in answer["leases"]] == [("fetch-1", 1)]
    path = "/v1/worker/configuration"
    got = worker.get(path, params={"worker": "fetch-worker"})
    assert got.headers["ETag"] == f'"{answer["configuration"]}"'
    camera = {"id": "fetch-1", **CAMERA, "zones": [{**KERB, "calendar": SCHOOL}]}
    assert got.json() == {"cameras": [camera], "event_codes": {"no_parking": "0599"}}
    unchanged = {"If-None-Match": got.headers["ETag"]}
    assert worker.get(path, params={"worker": "fetch-worker"}, headers=unchanged).status_code == 304
    put(engineer, "camera/fetch-2", CAMERA)  # a new one, and the calendar of the first changes
    put(engineer, "calendar/market", {**SCHOOL, "time_zone": "Europe/Berlin"}, 1)
    later = beat(worker, "fetch-worker")
    assert later["configuration"] != answer["configuration"]
    changed = worker.get(path, params={"worker": "fetch-worker"}, headers=unchanged)
    assert [camera["id"] for camera in changed.json()["cameras"]] == ["fetch-1", "fetch-2"]
    assert changed.json()["cameras"][0]["zones"][0]["calendar"]["time_zone"] == "Europe/Berlin"
    engineer.delete("/v1/registry/camera/fetch-2", headers={"If-Match": '"1"'})
    assert [lease["camera"] for lease in beat(worker, "fetch-worker")["leases"]] == ["fetch-1"]


def test_the_schemas_are_those_of_the_cameras_file(engineer: httpx.Client) -> None:
    command = [sys.executable, "-m", "streetwarden", "cameras", "schema"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == _schemas(), "stale: streetwarden cameras schema > api/registry/schemas.json"
    assert engineer.get("/v1/registry/camera/schema").json() == json.loads(told)["camera"]
