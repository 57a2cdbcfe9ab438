"""What is done to a case beside its steps: assignee, comments, tags, lock, hold, photos, merging; and finding it again."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.storage.data_folder import open_database
from tests.api.events import System, entry, incident, put, put_file, repr_digest
from tests.api.test_cases import case_of, done, step

JPEG = b"\xff\xd8\xff\xe0" + b"what was done " * 100


@pytest.fixture(scope="module")
def officer(system: System) -> httpx.Client:
    return system.signed_in("olga", "officer")


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


def past_the_system(system: System, statement: str) -> None:
    database = open_database(system.data_dir)
    with database.write() as session:
        session.execute(text(statement))
    database.close()


def ids(client: httpx.Client, **filters: str) -> list[str]:
    answer = client.get("/v1/incidents", params=filters)
    assert answer.status_code == 200, answer.text
    return sorted(found["id"] for found in answer.json()["incidents"])


def test_comments_and_tags(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, system: System) -> None:
    put(worker, incident("talked-of"))
    path = "/v1/cases/talked-of"
    assert reviewer.post(f"{path}/comments", json={"text": "  who owns it? "}).status_code == 201
    assert reviewer.post(f"{path}/comments", json={"text": "  "}).status_code == 422
    assert worker.post(f"{path}/comments", json={"text": "beep"}).status_code == 403
    for tag in ("屡犯", "night", "night"):
        assert officer.put(f"{path}/tags/{tag}").status_code == 204
    assert officer.put(f"{path}/tags/{'x' * 41}").status_code == 422
    assert officer.put(f"{path}/tags/-x").status_code == 422
    case = case_of(reviewer, "talked-of")
    assert case["case"]["tags"] == ["night", "屡犯"]
    told = [(event["action"], event["note"] or event["value"], event["who"]) for event in case["events"]]
    assert told == [("comment", "who owns it?", "anna"), ("tag", "屡犯", "olga"), ("tag", "night", "olga")]
    assert ids(worker, tag="屡犯") == ["talked-of"]
    for _ in range(2):
        assert officer.delete(f"{path}/tags/屡犯").status_code == 204
    assert ids(worker, tag="屡犯") == []
    for number in range(19):
        officer.put(f"{path}/tags/t{number}")
    assert officer.put(f"{path}/tags/one-more").status_code == 409


def test_whose_case_it_is(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    for name in ("mine", "nobodys"):
        put(worker, incident(name, zone="assigned"))
    assert reviewer.put("/v1/cases/mine/assignee", json={"name": "olga"}).status_code == 204
    assert reviewer.put("/v1/cases/mine/assignee", json={"name": "anna"}).status_code == 422
    assert reviewer.put("/v1/cases/mine/assignee", json={}).status_code == 422
    assert ids(worker, zone="assigned", assignee="olga") == ids(officer, zone="assigned", assignee="me") == ["mine"]
    assert ids(worker, zone="assigned", assignee="none") == ["nobodys"]
    assert ids(worker, zone="assigned", assignee="stranger") == ids(reviewer, zone="assigned", assignee="me") == []
    assert "olga" in [one["name"] for one in reviewer.get("/v1/assignees").json()["assignees"]]
    assert ids(worker, zone="assigned", assignee="me") == []  # a token that acts for nobody has no cases
    assert worker.get("/v1/assignees").status_code == 403
    assert reviewer.put("/v1/cases/mine/assignee", json={"name": None}).status_code == 204
    assert ids(worker, zone="assigned", assignee="olga") == []


def test_a_lock_keeps_others_out_until_it_runs_out(
    system: System, worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, chief: httpx.Client
) -> None:
    put(worker, incident("locked"))
    path = "/v1/cases/locked"
    for _ in range(2):  # staying is taking it once more
        lock = reviewer.put(f"{path}/lock")
        assert (lock.status_code, lock.json()["lock"]["by"]) == (200, "anna")
    refused = [
        officer.put(f"{path}/lock"),
        officer.delete(f"{path}/lock"),
        step(officer, "locked", "accept"),
        officer.put(f"{path}/tags/x"),
        officer.put(f"{path}/assignee", json={"name": "olga"}),
    ]
    assert [answer.status_code for answer in refused] == [409] * 5
    assert refused[2].json()["lock"]["by"] == "anna"
    assert officer.post(f"{path}/comments", json={"text": "waiting"}).status_code == 201
    assert worker.get("/v1/incidents/locked").json()["case"]["lock"]["by"] == "anna"
    assert chief.delete(f"{path}/lock").status_code == 204
    assert officer.put(f"{path}/lock").status_code == 200
    assert step(reviewer, "locked", "accept").status_code == 409
    # Five minutes pass by setting the lock's clock back.
    past_the_system(
        system, "UPDATE case_locks SET expires_at = '2026-01-01 00:00:00.000000' WHERE incident_id = 'locked'"
    )
    assert worker.get("/v1/incidents/locked").json()["case"]["lock"] is None
    assert done(step(reviewer, "locked", "accept")) == "accepted"


def test_a_hold_is_the_administrators(worker: httpx.Client, reviewer: httpx.Client, chief: httpx.Client) -> None:
    put(worker, incident("held", zone="holding"))
    assert reviewer.put("/v1/cases/held/hold", json={"reason": "court"}).status_code == 403
    assert chief.put("/v1/cases/held/hold", json={"reason": " "}).status_code == 422
    assert chief.put("/v1/cases/held/hold", json={"reason": "court 12/2026"}).status_code == 204
    assert worker.get("/v1/incidents/held").json()["case"]["hold"] == "court 12/2026"
    assert (ids(worker, zone="holding", hold="true"), ids(worker, zone="holding", hold="false")) == (["held"], [])
    assert chief.delete("/v1/cases/held/hold").status_code == 204
    assert [event["action"] for event in case_of(chief, "held")["events"]] == ["hold", "release"]


def test_merge_and_split(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    for name in ("lead", "part", "other"):
        put(worker, incident(name, zone="twins"))
    done(step(reviewer, "part", "accept"))
    merge = {"incident": "part", "note": "the same lorry"}
    assert officer.post("/v1/cases/lead/merged", json=merge).status_code == 403
    assert reviewer.post("/v1/cases/lead/merged", json={"incident": "lead"}).status_code == 422
    assert reviewer.post("/v1/cases/lead/merged", json={"incident": "none"}).status_code == 404
    assert reviewer.post("/v1/cases/lead/merged", json=merge).status_code == 204
    # Into a part, a part once more, or a lead into another: refused, and each says why.
    for lead, part in (("part", "other"), ("other", "part"), ("other", "lead")):
        assert reviewer.post(f"/v1/cases/{lead}/merged", json={"incident": part}).status_code == 409, (lead, part)
    assert worker.get("/v1/incidents/lead").json()["case"]["merged"] == ["part"]
    assert worker.get("/v1/incidents/part").json()["case"]["merged_into"] == "lead"
    answer = step(reviewer, "part", "dispatch", assignee="olga")
    assert (answer.status_code, answer.json()["merged_into"], answer.json()["allowed"]) == (409, "lead", [])
    # In no queue any more, but in the list, as the contract has it.
    assert ids(worker, zone="twins", order="queue") == ["lead", "other"]
    assert ids(worker, zone="twins", order="queue", step="merged") == ["part"]
    assert ids(worker, zone="twins") == ["lead", "other", "part"]
    assert reviewer.delete("/v1/cases/other/merged/part").status_code == 404
    assert reviewer.delete("/v1/cases/lead/merged/part", params={"note": "another lorry"}).status_code == 204
    assert (
        case_of(reviewer, "part")["case"] | {"step": "accepted", "merged_into": None}
        == case_of(reviewer, "part")["case"]
    )
    assert [event["action"] for event in case_of(reviewer, "lead")["events"]] == ["merge", "split"]


def test_a_part_keeps_its_hold_and_its_lock_when_it_is_split(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, chief: httpx.Client
) -> None:
    for name in ("held-lead", "held-part"):
        put(worker, incident(name))
    assert reviewer.post("/v1/cases/held-lead/merged", json={"incident": "held-part"}).status_code == 204
    assert chief.put("/v1/cases/held-lead/hold", json={"reason": "court order 7"}).is_success
    assert officer.put("/v1/cases/held-part/lock").is_success
    assert reviewer.delete("/v1/cases/held-lead/merged/held-part").status_code == 409
    assert officer.delete("/v1/cases/held-part/lock").is_success
    assert reviewer.delete("/v1/cases/held-lead/merged/held-part").status_code == 204
    assert case_of(reviewer, "held-part")["case"]["hold"] == "court order 7"


@pytest.mark.parametrize(("verdict", "target"), [("confirm", "accepted"), ("reject", "rejected"), (None, "discovered")])
def test_a_verdict_on_a_part_counts_when_it_is_split(
    worker: httpx.Client, reviewer: httpx.Client, verdict: str | None, target: str
) -> None:
    lead, part = f"lead-{target}", f"part-{target}"
    put(worker, incident(lead))
    put(worker, incident(part))
    assert reviewer.post(f"/v1/cases/{lead}/merged", json={"incident": part}).status_code == 204
    if verdict:
        said = {"verdict": verdict, "reason": "loading" if verdict == "reject" else None}
        assert reviewer.post(f"/v1/incidents/{part}/review", json=said).status_code == 201
    assert case_of(reviewer, part)["case"]["step"] == "merged"
    assert reviewer.delete(f"/v1/cases/{lead}/merged/{part}").status_code == 204
    assert case_of(reviewer, part)["case"]["step"] == target


def photo(client: httpx.Client, case: str, name: str, content: bytes, **headers: str) -> httpx.Response:
    given = {"Repr-Digest": repr_digest(content), **headers}
    return client.put(f"/v1/cases/{case}/photos/{name}", content=content, headers=given)


def test_photos_of_what_was_done(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    declared = [entry("photo-camera.jpg", b"\xff\xd8\xff other", kind="snapshot")]
    put(worker, incident("pictured", evidence=declared))
    assert photo(officer, "pictured", "photo-1.jpg", JPEG).status_code == 409  # nobody has been sent
    done(step(reviewer, "pictured", "accept"))
    done(step(reviewer, "pictured", "dispatch", assignee="olga"))
    wrong: list[tuple[httpx.Response, int]] = [
        (photo(reviewer, "pictured", "photo-1.jpg", JPEG), 403),
        (photo(officer, "pictured", "snapshot-1.jpg", JPEG), 422),
        (photo(officer, "pictured", "photo-1.mp4", JPEG), 422),
        (photo(officer, "pictured", "photo-1.jpg", b"<html><script>alert(1)</script>"), 415),
        (photo(officer, "pictured", "photo-1.jpg", b""), 415),
        (photo(officer, "pictured", "photo-1.png", JPEG), 415),  # a JPEG under another name
        (photo(officer, "pictured", "photo-1.jpg", JPEG, **{"Repr-Digest": repr_digest(b"x")}), 400),
        (photo(officer, "pictured", "photo-camera.jpg", JPEG), 409),
        (photo(officer, "nowhere", "photo-1.jpg", JPEG), 404),
    ]
    assert [answer.status_code for answer, _ in wrong] == [status for _, status in wrong]
    assert case_of(officer, "pictured")["photos"] == []
    big = JPEG * 1000  # 1.4 MB: more than any other request may have
    assert [photo(officer, "pictured", "photo-1.jpg", big).status_code for _ in range(2)] == [201, 200]
    assert photo(officer, "pictured", "photo-1.jpg", JPEG).status_code == 409
    case = case_of(officer, "pictured")
    assert [(item["name"], item["by"], item["stored"]) for item in case["photos"]] == [("photo-1.jpg", "olga", True)]
    assert [event["action"] for event in case["events"]].count("photo") == 1
    assert officer.get(case["photos"][0]["href"]).content == big
    pack = officer.get("/v1/incidents/pictured/package", params={"purpose": "fine"}).content
    assert b"photo-1.jpg" in pack
    assert b"taken by olga" in pack


def dispatched(worker: httpx.Client, reviewer: httpx.Client, case: str) -> None:
    put(worker, incident(case))
    done(step(reviewer, case, "accept"))
    done(step(reviewer, case, "dispatch", assignee="olga"))


def test_a_photo_is_there_with_who_took_it_or_not_at_all(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatched(worker, reviewer, "cut-off")

    def crash(*_given: object) -> None:
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr("api.routers.photos.add_photo", crash)
        assert photo(officer, "cut-off", "photo-1.jpg", JPEG).status_code == 500
    assert officer.get("/v1/incidents/cut-off/evidence/photo-1.jpg").status_code == 404
    assert photo(officer, "cut-off", "photo-1.jpg", JPEG).status_code == 201
    assert [item["by"] for item in case_of(officer, "cut-off")["photos"]] == ["olga"]


def test_a_photo_that_comes_while_its_case_is_closed_is_refused(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    dispatched(worker, reviewer, "overtaken")

    def slowly() -> Iterator[bytes]:
        yield JPEG[:100]
        time.sleep(1)  # until then the server has let it begin
        done(step(reviewer, "overtaken", "reject", reason="loading"))
        yield JPEG[100:]

    answer = officer.put(
        "/v1/cases/overtaken/photos/photo-1.jpg", content=slowly(), headers={"Repr-Digest": repr_digest(JPEG)}
    )
    assert (answer.status_code, "overtaken is rejected" in answer.json()["detail"]) == (409, True)
    assert officer.get("/v1/incidents/overtaken/evidence/photo-1.jpg").status_code == 404


def test_a_file_of_the_worker_is_no_photo(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    put(worker, incident("spoofed"))
    put_file(worker, "spoofed", "photo-1.jpg", JPEG)
    done(step(reviewer, "spoofed", "accept"))
    done(step(reviewer, "spoofed", "dispatch", assignee="olga"))
    assert photo(officer, "spoofed", "photo-1.jpg", JPEG).status_code == 409
    assert case_of(officer, "spoofed")["photos"] == []


def test_filters_by_step_and_time(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    for name in ("late", "early", "new"):
        put(worker, incident(name, zone="steps"))
    done(step(reviewer, "late", "accept"))
    done(step(reviewer, "early", "accept"))
    past_the_system(system, "UPDATE incidents SET due_at = '2026-01-01 00:00:00.000000' WHERE id = 'late'")
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"step": "accepted"}, ["early", "late"]),
        ({"step": "discovered"}, ["new"]),
        ({"overdue": "true"}, ["late"]),
        ({"overdue": "false"}, ["early", "new"]),
        ({"step": "accepted", "overdue": "false", "order": "queue"}, ["early"]),
        ({"step": "", "overdue": "", "assignee": "", "tag": "", "hold": ""}, ["early", "late", "new"]),
    ]
    for filters, expected in wanted:
        assert ids(worker, zone="steps", **filters) == expected, filters
    assert worker.get("/v1/incidents/late").json()["case"]["overdue"] is True
    for filters in ({"step": "lost"}, {"overdue": "maybe"}, {"tag": "x" * 41}):
        assert worker.get("/v1/incidents", params=filters).status_code == 422
