"""What becomes of the incidents that workers send: the contract's status codes, one by one."""

import concurrent.futures
import json
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest

from api.identity import gate
from api.schema import content_digest
from tests.api.events import BEGAN as AT
from tests.api.events import System, incident, put, text_of


def test_new_same_and_newer(worker: httpx.Client) -> None:
    first = incident("story")
    answers = [put(worker, document) for document in (first, first, incident("story", revision=2, score=0.95))]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert [answer.json()["outcome"] for answer in answers] == ["created", "unchanged", "updated"]
    assert answers[0].json()["digest"] == content_digest(first)
    read = worker.get("/v1/incidents/story").json()
    assert (read["revision"], read["score"], read["review"]) == (2, 0.95, None)


@pytest.mark.parametrize(
    ("revision", "changes", "latest"),
    [
        (3, {}, "same"),  # 3 is stored: the same again is welcome
        (3, {"score": 0.1}, "conflict"),  # the same number with other content
        (2, {}, "conflict"),  # older, even though it is stored just like that
        (1, {}, "conflict"),  # older, and never seen
        (4, {"camera": "other"}, "conflict"),  # newer, but an incident keeps its camera
    ],
)
def test_order_of_revisions(worker: httpx.Client, revision: int, changes: dict[str, Any], latest: str) -> None:
    for stored in (2, 3):
        put(worker, incident("ordered", revision=stored))
    answer = put(worker, incident("ordered", revision=revision, **changes))
    assert answer.status_code == {"same": 200, "conflict": 409}[latest], answer.text
    if latest == "conflict" and "camera" not in changes:
        assert answer.json()["latest_revision"] == 3


def test_digest_does_not_depend_on_the_order_of_keys(worker: httpx.Client) -> None:
    document = incident("keys")
    backwards = dict(reversed(document.items()))
    assert put(worker, document).status_code == 201
    assert put(worker, backwards).status_code == 200


def test_unknown_keys_are_kept_and_counted(system: System, worker: httpx.Client) -> None:
    before = metric(system, "streetwarden_unknown_keys_total")
    subjects = [{"role": "vehicle", "class": "car", "colour": "blue"}]
    put(worker, incident("newer", schema=2, weather="rain", subjects=subjects))
    read = worker.get("/v1/incidents/newer").json()
    assert (read["weather"], read["subjects"][0]["colour"], read["schema"]) == ("rain", "blue", 2)
    assert metric(system, "streetwarden_unknown_keys_total") - before == 2  # weather, colour


def metric(system: System, name: str) -> float:
    lines = system.anybody().get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def test_scope_of_cameras(system: System) -> None:
    narrow = system.with_token(cameras=["north", "south"])
    wide = system.with_token()
    assert put(narrow, incident("in-scope", camera="north")).status_code == 201  # unknown camera, registered
    assert put(narrow, incident("out-of-scope", camera="west")).status_code == 403
    assert put(wide, incident("others", camera="west")).status_code == 201
    # Neither taking over another camera's incident, nor seeing it.
    assert put(narrow, incident("others", camera="north", revision=2)).status_code == 403
    assert narrow.get("/v1/incidents/others").status_code == 404
    assert {found["camera"] for found in narrow.get("/v1/incidents").json()["incidents"]} == {"north"}
    assert narrow.get("/v1/whoami").json()["cameras"] == ["north", "south"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"id": "another"}, "another"),
        ({"type": "jaywalking"}, "body.type"),
        ({"box": [0.5, 0.1, 0.4, 0.2]}, "box"),
        ({"box": [0.1, 0.1, 0.2, 1.5]}, "body.box"),
        ({"revision": 0}, "body.revision"),
        ({"onset_at": "2026-03-02T08:00:00"}, "body.onset_at"),  # no zone
        ({"confirmed_at": None}, "confirmed_at"),
        ({"state": "ended"}, "ended_at"),
        ({"camera": "../etc"}, "body.camera"),
    ],
)
def test_wrong_incidents(worker: httpx.Client, changes: dict[str, Any], where: str) -> None:
    answer = worker.put("/v1/incidents/wrong", json=incident("wrong") | changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert where in answer.json()["detail"]
    assert worker.get("/v1/incidents/wrong").status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"score": NaN}', b'"\\ud800"', b"\xff\xfe", b"[" * 100_000])
def test_bodies_that_are_no_json_object(worker: httpx.Client, body: bytes) -> None:
    assert worker.put("/v1/incidents/wrong", content=body).status_code == 422


def test_huge_body(worker: httpx.Client) -> None:
    document = incident("huge", why={"summary": "x" * 1_100_000})
    assert worker.put("/v1/incidents/huge", content=json.dumps(document)).status_code == 413


@pytest.mark.parametrize("known", [False, True], ids=["nobody", "a worker"])
def test_an_endless_body_ends_with_the_answer(
    system: System, worker: httpx.Client, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of it is read, so that the sender can read the answer; then the connection is closed."""
    monkeypatch.setattr(gate, "DRAIN_BYTES", 2_000_000)
    host, port = system.url.removeprefix("http://").split(":")
    token = worker.headers["authorization"] if known else "Bearer nobody"
    head = f"PUT /v1/incidents/x HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode())
        sent = 0
        with suppress(ConnectionError):
            while sent < 200_000_000:
                connection.sendall(chunk)
                sent += len(chunk)
    assert 1_900_000 < sent < 50_000_000  # what the sockets hold comes on top


def test_only_workers_send(reviewer: httpx.Client) -> None:
    assert put(reviewer, incident("by-hand")).status_code == 403


def test_of_racing_writers_one_wins(worker: httpx.Client) -> None:
    """Eight different revisions 1 at once: one 201, seven 409. Then the same revision 2 eight times: all 200."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        different = [incident("race", score=number / 10) for number in range(1, 9)]
        codes = sorted(pool.map(lambda document: put(worker, document).status_code, different))
        assert codes == [201] + [409] * 7
        same = [incident("race", revision=2)] * 8
        assert {answer.status_code for answer in pool.map(lambda document: put(worker, document), same)} == {200}
    history = worker.get("/v1/incidents/race/history").json()["history"]
    assert [event["revision"] for event in history] == [1, 2]


def test_still_there_comes_first_in_the_queue(worker: httpx.Client) -> None:
    ended = {"state": "ended", "ended_at": text_of(AT.replace(hour=9))}
    put(worker, incident("q-gone", zone="queue", score=0.9, **ended))  # 3600 s of 60 s: 0.9 * (1 + log2 16) = 4.5
    put(worker, incident("q-weak", zone="queue", score=0.3))  # 10 + 0.3 * (1 + log2 1)
    put(worker, incident("q-strong", zone="queue", score=0.8))  # 10 + 0.8
    put(worker, incident("q-maybe", zone="queue", state="candidate"))  # not in the queue
    found = worker.get("/v1/incidents", params={"zone": "queue", "order": "queue"}).json()["incidents"]
    assert [case["id"] for case in found] == ["q-strong", "q-weak", "q-gone"]
