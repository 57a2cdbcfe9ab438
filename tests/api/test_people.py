"""Accounts and tokens over HTTP: made, changed, closed, renewed; and areas that restrict them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.notices import streaming
from api.provision import create_user
from tests.api.events import System, incident, put
from tests.api.listener import listening
from tests.api.receiver import await_true

KERB = {"id": "kerb", "kind": "no_parking", "polygon": [[0.2, 0.6], [0.8, 0.6], [0.8, 0.9]]}
NEW = {"If-None-Match": "*"}


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


@pytest.fixture(scope="module")
def areas(chief: httpx.Client, worker: httpx.Client) -> None:
    """Cameras `n-1` in the north and `s-1` in the south, each with a case, and one that lies nowhere."""
    for area in ("north", "south"):
        chief.put(f"/v1/registry/area/{area}", json={"name": {"en": area}}, headers=NEW).raise_for_status()
        camera = {"source": f"rtsp://10.0.0.1/{area}", "zones": [KERB], "area": area}
        chief.put(f"/v1/registry/camera/{area[0]}-1", json=camera, headers=NEW).raise_for_status()
    for name in ("n-1", "s-1", "nowhere"):
        put(worker, incident(f"case-{name}", camera=name))


def sign_in(system: System, name: str, password: str) -> httpx.Client:
    client = system.anybody()
    answer = client.post("/v1/session", json={"name": name, "password": password})
    assert answer.status_code == 201, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return client


def make(chief: httpx.Client, name: str, role: str, **said: Any) -> str:
    answer = chief.post("/v1/users", json={"name": name, "role": role, **said})
    assert answer.status_code == 201, answer.text
    password: str = answer.json()["one_time_password"]
    return password


def actions(chief: httpx.Client, what: str) -> list[str]:
    log = chief.get("/v1/audit").text.splitlines()
    return [line.split('"action": "')[1].split('"')[0] for line in log if f'"object": "{what}"' in line]


def test_from_making_to_closing(system: System, chief: httpx.Client) -> None:
    lin = sign_in(system, "lin", make(chief, "lin", "viewer", unit="North office"))
    assert lin.get("/v1/whoami").json()["must_change_password"] is True
    changed = chief.patch("/v1/users/lin", json={"role": "officer"}).json()
    assert (changed["role"], changed["unit"], changed["one_time_password"]) == ("officer", "North office", None)
    assert lin.get("/v1/whoami").status_code == 401  # what it was signed in as, it is no more
    password = chief.post("/v1/users/lin/password").json()["one_time_password"]
    again = sign_in(system, "lin", password)
    told = chief.get("/v1/users/lin").json()
    assert (told["role"], told["areas"], told["one_time_password"]) == ("officer", [], None)
    assert chief.get("/v1/users/nobody").status_code == 404
    assert again.get("/v1/users/lin").status_code == 403
    assert chief.patch("/v1/users/lin", json={"disabled": True}).json()["disabled"] is True
    assert again.get("/v1/whoami").status_code == 401
    refused = system.anybody().post("/v1/session", json={"name": "lin", "password": password})
    assert refused.status_code == 401
    chief.patch("/v1/users/lin", json={"disabled": False})
    assert sign_in(system, "lin", password).get("/v1/whoami").json()["role"] == "officer"
    assert "lin" in [user["name"] for user in chief.get("/v1/users").json()["users"]]
    deeds = ["user.create", "user.change", "user.password", "user.change", "user.change"]
    assert actions(chief, "/v1/users/lin") == deeds
    assert password not in chief.get("/v1/audit").text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": "chief", "role": "viewer"}, "is there already"),
        ({"name": "x", "role": "worker"}, "not a person's"),
        ({"name": "x", "role": "king"}, "role"),
        ({"name": "", "role": "viewer"}, "name"),
        ({"name": "a\x07", "role": "viewer"}, "printable"),
        ({"name": "x", "role": "viewer", "unit": "a\x07"}, "unit"),
        ({"name": "x", "role": "viewer", "areas": ["../x"]}, "areas"),
        ({"name": "x", "role": "viewer", "password": "mine"}, "password"),
    ],
)
def test_wrong_accounts(chief: httpx.Client, said: dict[str, Any], told: str) -> None:
    answer = chief.post("/v1/users", json=said)
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["detail"]


def test_the_last_administrator_stays(system: System, chief: httpx.Client) -> None:
    for change in ({"role": "viewer"}, {"disabled": True}, {"areas": ["north"]}):
        answer = chief.patch("/v1/users/chief", json=change)
        assert (answer.status_code, "last administrator" in answer.json()["detail"]) == (422, True)
    make(chief, "narrow-chief", "administrator", areas=["north"])  # sees a part only: not enough
    assert chief.patch("/v1/users/chief", json={"disabled": True}).status_code == 422
    make(chief, "deputy", "administrator")
    assert chief.patch("/v1/users/deputy", json={"disabled": True}).status_code == 200
    assert chief.patch("/v1/users/nobody", json={"disabled": True}).status_code == 404


def test_only_who_sees_all_may(system: System, chief: httpx.Client, reviewer: httpx.Client, areas: None) -> None:
    narrow = sign_in(system, "part-chief", make(chief, "part-chief", "administrator", areas=["north"]))
    for client in (reviewer, narrow, system.with_token(role="worker")):
        for path in ("/v1/users", "/v1/tokens", "/v1/audit", "/v1/webhooks"):
            assert client.get(path).status_code == 403, path
        assert client.post("/v1/users", json={"name": "y", "role": "viewer"}).status_code == 403
        assert client.post("/v1/tokens", json={"role": "worker"}).status_code == 403


def test_areas_restrict_people(system: System, chief: httpx.Client, areas: None) -> None:
    north = sign_in(system, "nina", make(chief, "nina", "reviewer", areas=["north"]))
    assert north.get("/v1/whoami").json()["cameras"] == ["n-1"]
    assert [row["id"] for row in north.get("/v1/incidents").json()["incidents"]] == ["case-n-1"]
    assert north.get("/v1/incidents/case-n-1").status_code == 200
    for case in ("case-s-1", "case-nowhere"):
        assert north.get(f"/v1/incidents/{case}").status_code in (403, 404)
        assert north.post(f"/v1/cases/{case}/steps", json={"action": "accept"}).status_code in (403, 404)
    assert [row["camera"] for row in north.get("/v1/cameras").json()["cameras"]] == ["n-1"]
    assert {row["data"]["camera"] for row in north.get("/v1/notices").json()["notices"]} == {"n-1"}
    exported = north.get("/v1/exports/cases.csv", params={"purpose": "weekly report"}).text
    assert "case-n-1" in exported
    assert "case-s-1" not in exported
    # A camera that moves into the area is theirs from then on; one whose area has no cameras is nobody's but who sees all.
    moved = {"source": "rtsp://10.0.0.1/south", "zones": [KERB], "area": "north"}
    chief.put("/v1/registry/camera/s-1", json=moved, headers={"If-Match": '"1"'}).raise_for_status()
    assert north.get("/v1/whoami").json()["cameras"] == ["n-1", "s-1"]
    moved["area"] = "south"
    chief.put("/v1/registry/camera/s-1", json=moved, headers={"If-Match": '"2"'}).raise_for_status()
    empty = sign_in(system, "emil", make(chief, "emil", "viewer", areas=["empty"]))
    assert empty.get("/v1/incidents").json()["incidents"] == []
    assert empty.get("/v1/whoami").json()["cameras"] == []


def test_areas_restrict_the_stream(
    system: System, chief: httpx.Client, worker: httpx.Client, areas: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "RECHECK_S", 0.2)
    north = sign_in(system, "nils", make(chief, "nils", "viewer", areas=["north"]))
    with listening(north) as listener:
        for number, camera in enumerate(("s-1", "nowhere", "n-1")):
            put(worker, incident(f"told-{number}", camera=camera))
        await_true(listener.incidents)
        # Also as the areas are now, and not as they were when the stream began.
        moved = {"source": "rtsp://10.0.0.1/north", "zones": [KERB], "area": "south"}
        etag = chief.get("/v1/registry/camera/n-1").headers["etag"]
        changed = chief.put("/v1/registry/camera/n-1", json=moved, headers={"If-Match": etag}).raise_for_status()
        time.sleep(0.5)
        put(worker, incident("told-later", camera="n-1"))
        put(worker, incident("told-last", camera="s-1"))
        time.sleep(0.8)
        assert listener.incidents() == ["told-2"]
        back = {"If-Match": changed.headers["etag"]}
        chief.put("/v1/registry/camera/n-1", json=moved | {"area": "north"}, headers=back).raise_for_status()


def test_areas_restrict_tokens(system: System, chief: httpx.Client, areas: None) -> None:
    north = system.with_token(role="worker", areas=["north"])
    assert north.put("/v1/incidents/by-north", json=incident("by-north", camera="n-1")).status_code == 201
    assert north.put("/v1/incidents/by-north-2", json=incident("by-north-2", camera="s-1")).status_code == 403
    beside = system.with_token(role="worker", areas=["north"], cameras=["nowhere"])
    assert beside.get("/v1/whoami").json()["cameras"] == ["n-1", "nowhere"]
    # A person's token never sees more than the person.
    create_user(system.data_dir, "otto", "reviewer", areas=["north"])
    for said, sees in (({}, ["n-1"]), ({"areas": ["south"]}, []), ({"cameras": ["n-1", "s-1"]}, ["n-1"])):
        token = system.with_token(role="reviewer", user="otto", **said)
        assert token.get("/v1/whoami").json()["cameras"] == sees, said


def test_an_engineer_of_an_area_can_not_give_its_cameras_away(system: System, chief: httpx.Client, areas: None) -> None:
    engineer = sign_in(system, "nora", make(chief, "nora", "engineer", areas=["north"]))
    camera = engineer.get("/v1/registry/camera/n-1")
    seen = {"If-Match": camera.headers["ETag"]}
    document = camera.json()["document"]
    answer = engineer.put("/v1/registry/camera/n-1", json={**document, "area": "south"}, headers=seen)
    assert (answer.status_code, "area" in answer.json()["detail"]) == (403, True)
    assert engineer.put("/v1/registry/camera/n-1", json={**document, "place": "x"}, headers=seen).status_code == 200


def test_an_engineer_of_an_area_sends_its_workers_nowhere_else(
    system: System, chief: httpx.Client, areas: None
) -> None:
    """To another camera's address, which would show it, or to a machine that would be handed a login."""
    engineer = sign_in(system, "nick", make(chief, "nick", "engineer", areas=["north"]))
    camera = engineer.get("/v1/registry/camera/n-1")
    seen = {"If-Match": camera.headers["ETag"]}
    document = camera.json()["document"]
    callout = {"callout": {"url": "http://10.0.0.7/"}}
    for name, change in (
        ("source", {"source": "rtsp://10.0.0.1/south"}),
        ("login_env", {"login_env": "CITY_LOGIN"}),
        ("verify_certificate", {"verify_certificate": False}),
        ("callout", callout),
        ("callout", {"zones": [{**KERB, **callout}]}),
    ):
        answer = engineer.put("/v1/registry/camera/n-1", json={**document, **change}, headers=seen)
        assert (answer.status_code, name in answer.json()["detail"]) == (403, True), name
    for kind in ("probe", "preview"):
        own = {"kind": kind, "camera": "n-1", "address": document["source"]}
        refused = [
            engineer.post("/v1/jobs", json={**own, "address": "rtsp://10.0.0.1/south"}),
            engineer.post("/v1/jobs", json={**own, "login_env": "CITY_LOGIN"}),
        ]
        assert [answer.status_code for answer in refused] == [403] * 2
        assert engineer.post("/v1/jobs", json=own).status_code == 201
    zones = [{**KERB, "polygon": [[0.2, 0.6], [0.7, 0.6], [0.8, 0.9]]}]
    answer = engineer.put("/v1/registry/camera/n-1", json={**document, "zones": zones}, headers=seen)
    assert answer.status_code == 200, answer.text


def test_tokens_from_making_to_revoking(system: System, chief: httpx.Client) -> None:
    made = chief.post("/v1/tokens", json={"role": "worker", "name": "gate", "cameras": ["g-1"]}).json()
    client = system.anybody(headers={"Authorization": f"Bearer {made['secret']}"})
    who = client.get("/v1/whoami").json()
    assert (who["name"], who["cameras"]) == ("gate", ["g-1"])
    listed = {row["id"]: row for row in chief.get("/v1/tokens").json()["tokens"]}
    assert (listed[made["id"]]["name"], listed[made["id"]]["secret"]) == ("gate", None)
    assert made["secret"] not in system.dump()
    assert chief.delete(f"/v1/tokens/{made['id']}").status_code == 204
    assert client.get("/v1/whoami").status_code == 401
    assert chief.post(f"/v1/tokens/{made['id']}/rotate", json={}).status_code == 404
    assert actions(chief, f"/v1/tokens/{made['id']}") == ["token.create", "token.revoke"]
    for wrong in (
        {"role": "officer"},
        {"role": "officer", "user": "nobody"},
        {"role": "worker", "expires_at": "2020-01-01T00:00:00Z"},
        {"role": "worker", "expires_at": "tomorrow"},
        {"role": "worker", "secret": "mine"},
    ):
        assert chief.post("/v1/tokens", json=wrong).status_code == 422, wrong
    assert chief.delete("/v1/tokens/99999").status_code == 404


def test_a_token_ends_by_itself(system: System, chief: httpx.Client) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    made = chief.post("/v1/tokens", json={"role": "worker", "expires_at": ends.isoformat()}).json()
    client = system.anybody(headers={"Authorization": f"Bearer {made['secret']}"})
    assert client.get("/v1/whoami").status_code == 200
    system.execute(f"UPDATE tokens SET expires_at = '2020-01-01 00:00:00' WHERE id = {made['id']}")
    assert client.get("/v1/whoami").status_code == 401


def test_a_worker_renews_its_token(system: System, chief: httpx.Client) -> None:
    worker = system.with_token(role="worker", name="renews")
    renewed = worker.post("/v1/token/rotate", json={"overlap_hours": 1}).json()
    fresh = system.anybody(headers={"Authorization": f"Bearer {renewed['secret']}"})
    for client in (worker, fresh):  # the one before is good for a while
        assert client.get("/v1/whoami").json()["name"] == "renews"
    # Whoever has found the old secret can't take the token over with it.
    assert worker.post("/v1/token/rotate", json={"overlap_hours": 0}).status_code == 403
    assert fresh.get("/v1/whoami").status_code == 200
    system.execute("UPDATE former_secrets SET expires_at = '2020-01-01 00:00:00'")
    assert worker.get("/v1/whoami").status_code == 401
    assert fresh.get("/v1/whoami").status_code == 200
    assert chief.post(f"/v1/tokens/{renewed['id']}/rotate", json={"overlap_hours": 1}).status_code == 200
    assert fresh.get("/v1/whoami").status_code == 200
    at_once = chief.post(f"/v1/tokens/{renewed['id']}/rotate", json={"overlap_hours": 0}).json()
    assert fresh.get("/v1/whoami").status_code == 401  # at once is at once, also for the one before the one before
    assert at_once["secret"] not in chief.get("/v1/audit").text
    assert chief.post("/v1/token/rotate", json={}).status_code == 403  # a session is no token
    assert worker.post("/v1/token/rotate", json={"overlap_hours": 999}).status_code in (401, 422)


def test_a_case_elsewhere_is_not_named_where_it_was_merged(
    system: System, chief: httpx.Client, worker: httpx.Client, areas: None
) -> None:
    norman = sign_in(system, "norman", make(chief, "norman", "reviewer", areas=["north"]))
    sonja = sign_in(system, "sonja", make(chief, "sonja", "reviewer", areas=["south"]))
    for name, camera in (("n-lead", "n-1"), ("s-hidden", "s-1"), ("n-other", "n-1"), ("n-part", "n-1")):
        put(worker, incident(name, camera=camera))
    for part in ("s-hidden", "n-part"):
        merge = {"incident": part, "note": f"the van of {part}"}
        assert chief.post("/v1/cases/n-lead/merged", json=merge).status_code == 204

    def texts(client: httpx.Client, case: str) -> str:
        paths = [f"/v1/cases/{case}", f"/v1/incidents/{case}", f"/v1/incidents/{case}/history", "/v1/incidents"]
        answers = [client.get(path) for path in [*paths, "/v1/notices", "/v1/exports/cases.json?purpose=count"]]
        assert {answer.status_code for answer in answers} == {200}
        return "".join(answer.text for answer in answers)

    seen = texts(norman, "n-lead")
    assert "s-hidden" not in seen
    assert '"merged":["n-part"]' in seen
    assert "the van of n-part" in seen
    assert "n-lead" not in texts(sonja, "s-hidden")
    assert "the van of" not in texts(sonja, "s-hidden")
    assert "the van of s-hidden" in texts(chief, "s-hidden")
    refused = [
        norman.post("/v1/cases/n-other/merged", json={"incident": "n-lead"}),
        sonja.post("/v1/cases/s-hidden/merged", json={"incident": "case-s-1"}),
        sonja.post("/v1/cases/s-hidden/steps", json={"action": "accept"}),
    ]
    assert [answer.status_code for answer in refused] == [409] * 3
    assert "n-part" in refused[0].json()["detail"]
    assert "s-hidden" not in refused[0].text
    assert all("n-lead" not in answer.text for answer in refused[1:])
    assert norman.delete("/v1/cases/n-lead/merged/s-hidden").status_code == 404


def test_a_case_goes_to_whoever_may_see_it(
    system: System, chief: httpx.Client, worker: httpx.Client, areas: None
) -> None:
    """Whoever gets a case that is hidden from them can't open it, and it waits for nobody."""
    north = sign_in(system, "nadia", make(chief, "nadia", "officer", areas=["north"]))
    make(chief, "simon", "officer", areas=["south"])
    make(chief, "wanda", "officer")
    put(worker, incident("for-north", camera="n-1"))

    def offered(client: httpx.Client, **asked: str) -> set[str]:
        told = client.get("/v1/assignees", params=asked).json()["assignees"]
        return {"nadia", "simon", "wanda"} & {one["name"] for one in told}

    assert offered(chief) == {"nadia", "simon", "wanda"}
    assert offered(north) == offered(chief, incident="for-north") == {"nadia", "wanda"}
    assert offered(chief, incident="case-nowhere") == {"wanda"}
    assert north.get("/v1/assignees?incident=case-s-1").status_code == 404
    chief.post("/v1/cases/for-north/steps", json={"action": "accept"}).raise_for_status()
    refused = [
        chief.put("/v1/cases/for-north/assignee", json={"name": "simon"}),
        chief.post("/v1/cases/for-north/steps", json={"action": "dispatch", "assignee": "simon"}),
    ]
    assert [answer.status_code for answer in refused] == [422] * 2
    assert all("may see camera n-1" in answer.text for answer in refused)
    dispatch = {"action": "dispatch", "assignee": "nadia"}
    assert chief.post("/v1/cases/for-north/steps", json=dispatch).status_code == 201
