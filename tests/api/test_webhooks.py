"""Webhooks: what goes out, signed, in order, at least once, and to nobody twice at the same time."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from standardwebhooks import Webhook, WebhookVerificationError

from api.notices import backoff
from api.server import EmbeddedServer
from tests.api.conftest import write_settings
from tests.api.events import System, entry, incident, put, put_file
from tests.api.receiver import Receiver, Taken, await_true, receiving, say

JPEG = b"\xff\xd8\xff\xe0" + b"w" * 50


@pytest.fixture(scope="module")
def data_dir(data_dir: Path) -> Path:
    """Receivers of these tests are on this machine, which an operator has to allow."""
    path = data_dir / "settings.yaml"
    known = yaml.safe_load(path.read_text()) if path.exists() else {}
    write_settings(data_dir, **known, webhook_networks=["127.0.0.0/8"], public_url="https://events.example")
    return data_dir


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT_S", 0.3)
    monkeypatch.setattr(backoff, "GROWTH", 1.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def subscribe(chief: httpx.Client) -> Iterator[Any]:
    """Makes subscriptions that are gone after the test."""
    made: list[int] = []

    def make(url: str, **said: Any) -> dict[str, Any]:
        answer = chief.post("/v1/webhooks", json={"name": "city", "url": url, **said})
        assert answer.status_code == 201, answer.text
        webhook: dict[str, Any] = answer.json()
        made.append(webhook["id"])
        return webhook

    yield make
    for webhook_id in made:
        chief.delete(f"/v1/webhooks/{webhook_id}")


def deliveries(chief: httpx.Client, webhook: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chief.get(f"/v1/webhooks/{webhook['id']}/deliveries", params=asked).json()[
        "deliveries"
    ]
    return found


def first_try(chief: httpx.Client, webhook: dict[str, Any]) -> dict[str, Any]:
    """How the first try of the oldest delivery went."""

    def tries() -> list[dict[str, Any]]:
        return [tried for item in deliveries(chief, webhook)[-1:] for tried in item["tries"]]

    await_true(tries)
    return tries()[0]


def test_a_case_is_told_from_end_to_end(
    system: System, worker: httpx.Client, reviewer: httpx.Client, receiver: Receiver, subscribe: Any
) -> None:
    webhook = subscribe(f"{receiver.url}/in?from=streetwarden", cameras=["told"])
    why = {"latitude": 39.9, "longitude": 116.4}
    document = incident("told", camera="told", state="candidate", confirmed_at=None, place="新华路3号", why=why)
    put(worker, document)
    put(worker, incident("elsewhere", camera="elsewhere"))
    files = {"place": "新华路3号", "why": why, "subjects": [{"role": "vehicle", "class": "car", "plate": "京A12345"}]}
    files["evidence"] = [entry("snapshot-alarm.jpg", JPEG)]  # type: ignore[list-item]
    put(worker, incident("told", camera="told", revision=2, **files))
    put_file(worker, "told", "snapshot-alarm.jpg", JPEG)
    put_file(worker, "told", "snapshot-alarm.jpg", JPEG)  # once more: nothing new
    reviewer.post("/v1/cases/told/steps", json={"action": "accept", "note": "Plate 京A12345 is legible."})
    events = receiver.await_events(5)
    assert [event["type"].removeprefix("io.streetwarden.") for event in events] == [
        "incident.created.v1",
        "incident.confirmed.v1",
        "evidence.complete.v1",
        "case.confirmed.v1",
        "case.accepted.v1",
    ]
    taken = receiver.taken[1]
    event = taken.verified_by(webhook["secret"])
    assert taken.path == "/in?from=streetwarden"
    assert taken.headers["content-type"].startswith("application/cloudevents+json")
    assert taken.headers["webhook-id"] == event["id"]
    assert (event["specversion"], event["source"]) == ("1.0", "https://events.example")
    assert event["subject"] == "incidents/told"
    assert event["dataschema"] == "https://events.example/v1/notices/schemas/incident"
    assert event["data"]["latitude"] == 39.9
    assert event["data"]["place"] == "新华路3号"
    assert event["data"]["links"]["incident"] == "https://events.example/v1/incidents/told"
    sequences = [event["sequence"] for event in events]
    assert sequences == sorted(sequences)
    everything = "".join(taken.body for taken in receiver.taken)
    assert "京A12345" not in everything  # neither the plate nor what somebody wrote
    assert "anna" not in everything


def test_signatures(receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client) -> None:
    webhook = subscribe(receiver.url, cameras=["signed"])
    put(worker, incident("signed-1", camera="signed"))
    receiver.await_events(2)
    first = receiver.taken[0]
    assert first.verified_by(webhook["secret"])["data"]["incident"] == "signed-1"
    forged = Taken(first.path, first.headers, first.body.replace("signed-1", "signed-2"), 0)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        forged.verified_by(webhook["secret"])
    old = datetime.now(UTC) - timedelta(minutes=6)
    stale = {**first.headers, "webhook-timestamp": str(int(old.timestamp()))}
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(webhook["secret"]).verify(first.body, stale)
    rotated = chief.post(f"/v1/webhooks/{webhook['id']}/secret", json={"overlap_hours": 1}).json()
    assert rotated["secret"] != webhook["secret"]
    put(worker, incident("signed-3", camera="signed"))
    receiver.await_events(4)
    for secret in (webhook["secret"], rotated["secret"]):
        assert receiver.taken[-1].verified_by(secret)
    again = chief.post(f"/v1/webhooks/{webhook['id']}/secret", json={"overlap_hours": 0}).json()
    put(worker, incident("signed-4", camera="signed"))
    receiver.await_events(6)
    assert receiver.taken[-1].verified_by(again["secret"])
    with pytest.raises(WebhookVerificationError):
        receiver.taken[-1].verified_by(rotated["secret"])
    assert "secret" not in {key for key, value in chief.get(f"/v1/webhooks/{webhook['id']}").json().items() if value}


def test_a_failing_receiver_gets_it_again_in_order(
    receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client
) -> None:
    """The first try of all fails: what is behind it of the same case waits, another case does not."""
    webhook = subscribe(receiver.url, cameras=["retry"])
    receiver.answer = say(500, "später\x1b[31m ".encode() * 100)
    put(worker, incident("retry-1", camera="retry"))  # two notices: created, confirmed
    receiver.await_events(2)
    assert {event["type"] for event in receiver.events()} == {"io.streetwarden.incident.created.v1"}
    receiver.answer = say(200, b"ok")
    put(worker, incident("retry-2", camera="retry"))
    await_true(lambda: all(item["state"] == "delivered" for item in deliveries(chief, webhook)))
    of_first = [event["type"] for event in receiver.events() if event["subject"] == "incidents/retry-1"]
    assert of_first[-1].endswith("confirmed.v1")
    assert of_first.count("io.streetwarden.incident.confirmed.v1") == 1
    ids = {taken.headers["webhook-id"] for taken in receiver.taken}
    assert len(ids) == 4
    log = deliveries(chief, webhook)[-1]["tries"]
    assert log[0]["status"] == 500
    assert log[0]["took_ms"] >= 0
    assert len(log[0]["answer"]) == 200
    assert log[0]["answer"].startswith("später [31m ")
    assert log[-1]["status"] == 200


def test_410_ends_it(receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client) -> None:
    webhook = subscribe(receiver.url, cameras=["gone"])
    receiver.answer = say(410)
    put(worker, incident("gone-1", camera="gone"))
    await_true(lambda: not chief.get(f"/v1/webhooks/{webhook['id']}").json()["enabled"])
    assert "410" in chief.get(f"/v1/webhooks/{webhook['id']}").json()["disabled_why"]
    count = len(receiver.taken)
    put(worker, incident("gone-2", camera="gone"))
    # Switched on again, what happened meanwhile comes.
    receiver.answer = say(200)
    assert len(receiver.taken) == count
    assert chief.patch(f"/v1/webhooks/{webhook['id']}", json={"enabled": True}).json()["disabled_why"] is None
    await_true(lambda: "incidents/gone-2" in {event["subject"] for event in receiver.events()})


def test_dead_letters_and_replay(
    receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "TRIES_MAX", 2)
    webhook = subscribe(receiver.url, cameras=["dead"])
    path = f"/v1/webhooks/{webhook['id']}"
    receiver.answer = say(503)
    before = datetime.now(UTC) - timedelta(seconds=1)
    put(worker, incident("dead-1", camera="dead"))
    await_true(lambda: len(deliveries(chief, webhook, state="dead")) == 2)
    dead = deliveries(chief, webhook, state="dead")
    assert [len(item["tries"]) for item in dead] == [2, 2]
    assert chief.get(path).json()["dead"] == 2
    receiver.answer = say(200)
    receiver.taken.clear()
    one = chief.post(f"{path}/replay", json={"ids": [dead[0]["notice"]]})
    assert (one.status_code, one.json()) == (202, {"queued": 1})
    assert receiver.await_events(1)[0]["id"] == dead[0]["notice"]
    span = {"from": before.isoformat(), "until": (before + timedelta(hours=1)).isoformat()}
    assert chief.post(f"{path}/replay", json=span).json() == {"queued": 2}
    assert len({event["id"] for event in receiver.await_events(3)}) == 2
    for wrong in ({}, {"ids": []}, {"ids": ["x"], "from": before.isoformat()}, {"until": before.isoformat()}):
        assert chief.post(f"{path}/replay", json=wrong).status_code == 422


def test_a_ping(receiver: Receiver, subscribe: Any, chief: httpx.Client) -> None:
    webhook = subscribe(receiver.url, types=["io.streetwarden.case.accepted.v1"])
    assert chief.post(f"/v1/webhooks/{webhook['id']}/ping").status_code == 202
    (event,) = receiver.await_events(1)
    assert (event["type"], event["data"]) == ("io.streetwarden.webhook.ping.v1", {"webhook": webhook["id"]})
    receiver.taken[0].verified_by(webhook["secret"])
    await_true(lambda: deliveries(chief, webhook)[0]["state"] == "delivered")


def test_who_hangs_holds_up_nobody(subscribe: Any, worker: httpx.Client, system: System) -> None:
    with ExitStack() as stack:
        hanging, quick = (stack.enter_context(receiving()) for _ in range(2))
        hanging.answer = hanging.hang
        for _ in range(3):
            subscribe(hanging.url, cameras=["hang"])
        subscribe(quick.url, cameras=["hang"])
        for number in range(12):
            put(worker, incident(f"hang-{number}", camera="hang"))
        quick.await_events(24)
        assert len(hanging.taken) <= 12  # 4 at once to each of the three
        text = system.anybody().get("/metrics").text
        assert 'streetwarden_webhook_deliveries_total{outcome="delivered"}' in text


@pytest.mark.parametrize("status", [302, 308])
def test_redirects_are_not_followed(
    status: int, receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client
) -> None:
    with receiving() as elsewhere:
        receiver.answer = say(status, Location=f"{elsewhere.url}/secret")
        webhook = subscribe(receiver.url, cameras=[f"redirect-{status}"])
        put(worker, incident(f"redirect-{status}", camera=f"redirect-{status}"))
        tried = first_try(chief, webhook)
        assert (tried["status"], tried["error"]) == (status, "Redirects are not followed.")
        assert elsewhere.taken == []


def test_a_huge_answer_is_cut(receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client) -> None:
    """It sends for ever; 4 KiB are read, and that it was taken is known by its status."""

    def flood(handler: Any, _taken: Taken) -> None:
        handler.send_response(200)
        handler.end_headers()
        sent = 0
        while sent < 200_000_000:
            sent += handler.wfile.write(b"x" * 65_536)
        handler.server.flooded = True

    receiver.answer = flood
    webhook = subscribe(receiver.url, cameras=["flood"])
    put(worker, incident("flood", camera="flood"))
    await_true(lambda: [item["state"] for item in deliveries(chief, webhook)] == ["delivered"] * 2)
    assert deliveries(chief, webhook)[0]["tries"][0]["answer"] == "x" * 200


def test_what_breaks_off_was_not_taken(
    receiver: Receiver, subscribe: Any, worker: httpx.Client, chief: httpx.Client
) -> None:
    def break_off(handler: Any, _taken: Taken) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    receiver.answer = break_off
    webhook = subscribe(receiver.url, cameras=["broken"])
    put(worker, incident("broken", camera="broken"))
    assert first_try(chief, webhook)["status"] is None
    receiver.answer = say(204)
    await_true(lambda: [item["state"] for item in deliveries(chief, webhook)] == ["delivered"] * 2)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1/\r\nX-Injected: 1"}, "url"),
        ({"url": "http://127.0.0.1/ x"}, "url"),
        ({"url": "http://no-such-host.invalid/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "http://0.0.0.0/"}, "url"),
        ({"url": "http://127.0.0.1/" + "x" * 2000}, "url"),
        ({"name": "a\r\nX-Injected: 1"}, "name"),
        ({"name": ""}, "name"),
        ({"types": ["io.streetwarden.nothing.v1"]}, "types"),
        ({"types": ["io.streetwarden.case.accepted.v1"] * 1000}, "types"),
        ({"cameras": [f"camera-{number}" for number in range(1001)]}, "cameras"),
        ({"cameras": ["../x"]}, "cameras"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_is_refused(chief: httpx.Client, said: dict[str, Any], told: str) -> None:
    answer = chief.post("/v1/webhooks", json={"name": "city", "url": "http://127.0.0.1:9/", **said})
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["detail"]


def test_only_administrators_who_see_all(system: System, reviewer: httpx.Client, chief: httpx.Client) -> None:
    narrow = system.with_token(role="administrator", user="chief", cameras=["gate-3"])
    for client in (reviewer, narrow, system.with_token(role="worker")):
        assert client.get("/v1/webhooks").status_code == 403
        assert client.post("/v1/webhooks", json={"name": "x", "url": "http://127.0.0.1/"}).status_code == 403
    assert system.anybody().get("/v1/webhooks").status_code == 401
    for path in ("/v1/webhooks/999", "/v1/webhooks/999/deliveries"):
        assert chief.get(path).status_code == 404


def test_deeds_are_audited(worker: httpx.Client, chief: httpx.Client, receiver: Receiver, subscribe: Any) -> None:
    webhook = subscribe(receiver.url, cameras=["audited"])
    path = f"/v1/webhooks/{webhook['id']}"
    put(worker, incident("audited-1", camera="audited"))
    notice = receiver.await_events(1)[0]["id"]
    for route, said in (("secret", {"overlap_hours": 1}), ("ping", None), ("replay", {"ids": [notice]})):
        chief.post(f"{path}/{route}", json=said).raise_for_status()
    chief.delete(path).raise_for_status()
    log = [yaml.safe_load(line) for line in chief.get("/v1/audit").text.splitlines()]
    deeds = [line["action"] for line in log if line["object"] == path]
    assert deeds == [f"webhook.{deed}" for deed in ("create", "secret", "ping", "replay", "delete")]


def test_what_waits_survives_a_restart(tmp_path: Path) -> None:
    """The receiver is away, the event system is stopped, started again: then it is told."""
    write_settings(tmp_path, webhook_networks=["127.0.0.0/8"])
    with receiving() as receiver:
        with EmbeddedServer(tmp_path) as server:
            system = System(tmp_path, server.url)
            chief, worker = system.signed_in("chief", "administrator"), system.with_token()
            receiver.answer = say(503)
            chief.post("/v1/webhooks", json={"name": "city", "url": receiver.url})
            put(worker, incident("kept"))
            receiver.await_events(1)
            system.close()
        receiver.answer = say(200)
        receiver.taken.clear()
        with EmbeddedServer(tmp_path):
            assert receiver.await_events(2)[-1]["type"] == "io.streetwarden.incident.confirmed.v1"
