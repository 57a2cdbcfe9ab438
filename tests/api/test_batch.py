"""Many incidents in one request: each for itself, and as safe as alone."""

import json
from typing import Any

import httpx
import pytest

from tests.api.events import System, incident, put


def post(worker: httpx.Client, *documents: object) -> httpx.Response:
    return worker.post("/v1/incidents/batch", json={"incidents": list(documents)})


def test_each_is_taken_for_itself(system: System, worker: httpx.Client) -> None:
    put(worker, incident("old", revision=2))
    narrow = system.with_token(cameras=["gate-3"])
    answer = post(
        narrow,
        incident("new"),
        incident("old", revision=2),
        incident("old", revision=3),
        incident("old", revision=1),
        incident("elsewhere", camera="gate-4"),
        incident("wrong", score=2),
        incident("nul", zone="a\u0000b"),
        "nothing",
        incident("last"),
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(it["id"], it["status"], it["outcome"]) for it in results] == [
        ("new", 201, "created"),
        ("old", 200, "unchanged"),
        ("old", 200, "updated"),
        ("old", 409, None),
        ("elsewhere", 403, None),
        ("wrong", 422, None),
        ("nul", 422, None),
        (None, 422, None),
        ("last", 201, "created"),
    ]
    assert "incidents.5.score" in results[5]["detail"]
    alone = put(worker, incident("new"))
    assert (alone.status_code, alone.json()["digest"]) == (200, results[0]["digest"])
    assert worker.get("/v1/incidents/old").json()["revision"] == 3
    for name in ("elsewhere", "wrong"):
        assert worker.get(f"/v1/incidents/{name}").status_code == 404


UNKEEPABLE: dict[str, dict[str, Any]] = {
    "a-number-without-end": {"why": {"looks": float("inf")}},
    "dwell-nan": {"dwell_s": "nan"},
    "onset-as-a-number": {"onset_at": 1772438400},
    "onset-as-digits": {"onset_at": "1772438400"},
    "before-the-calendar": {"confirmed_at": "0001-01-01T00:00:00+14:00"},
    "behind-the-calendar": {"ended_at": "9999-12-31T23:59:59-14:00"},
}


def test_what_no_database_can_keep_is_refused_by_itself(worker: httpx.Client) -> None:
    documents = [incident(name, **wrong) for name, wrong in UNKEEPABLE.items()]
    text = json.dumps({"incidents": [incident("before-it"), *documents, incident("behind-it")]}).replace(
        "Infinity", "1e999"
    )
    answer = worker.post("/v1/incidents/batch", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert [it["status"] for it in answer.json()["results"]] == [201, *[422] * len(UNKEEPABLE), 201]
    for document in documents:
        alone = worker.put(f"/v1/incidents/{document['id']}", content=json.dumps(document).replace("Infinity", "1e999"))
        assert (alone.status_code, alone.headers["content-type"]) == (422, "application/problem+json")


def test_a_batch_sent_again_changes_nothing(system: System, worker: httpx.Client) -> None:
    documents = [incident(f"again-{number}") for number in range(20)]
    first = post(worker, *documents).json()["results"]
    before = system.dump()
    second = post(worker, *documents).json()["results"]
    assert {it["outcome"] for it in first} == {"created"}
    assert {it["outcome"] for it in second} == {"unchanged"}
    assert [it["digest"] for it in first] == [it["digest"] for it in second]
    assert system.dump() == before


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"incidents": []}', b'{"incidents": {}}', b'{"incidents": [{}], "more": 1}', b"{", b"\xff",
     b'{"incidents": [' + b",".join([b"{}"] * 101) + b"]}"],
)  # fmt: skip
def test_what_is_no_batch_is_422(worker: httpx.Client, body: bytes) -> None:
    answer = worker.post("/v1/incidents/batch", content=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_log_is_whole_after_refusals_in_between(system: System, worker: httpx.Client) -> None:
    post(worker, incident("b-1"), incident("b-2", score=3), incident("b-3"))
    chief = system.signed_in("chief-of-batch", "administrator")
    assert chief.get("/v1/audit/verify").json()["intact"] is True
