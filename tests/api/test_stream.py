"""The stream: what happens arrives within a second, to whoever may see it, for as long as they may; nothing is skipped."""

import json
import socket
import time
from pathlib import Path

import httpx
import pytest

from api.notices import streaming
from api.server import EmbeddedServer
from tests.api.events import System, incident, put
from tests.api.listener import Listener, listening
from tests.api.receiver import await_true


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "RECHECK_S", 0.5)


def test_what_happens_arrives(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    put(worker, incident("before"))
    with listening(reviewer) as listener:
        began = time.monotonic()
        put(worker, incident("during"))
        await_true(lambda: len(listener.notices()) >= 2)
        assert time.monotonic() - began < 2
        assert listener.incidents() == ["during"]
        assert listener.events[0]["event"] == "ready"
        assert listener.events[0]["retry"] == "3000"
        reached = listener.events[-1]["id"]
    put(worker, incident("away"))
    with listening(reviewer, headers={"Last-Event-ID": reached}) as again:
        await_true(lambda: len(again.notices()) >= 2)
        assert again.incidents() == ["away"]
    with listening(reviewer, params={"after": 0, "types": "io.streetwarden.incident.created.v1"}) as everything:
        await_true(lambda: "away" in everything.incidents())
        assert everything.incidents() == ["before", "during", "away"]
        assert {notice["type"] for notice in everything.notices()} == {"io.streetwarden.incident.created.v1"}


def test_nobody_sees_more_than_they_may(system: System, worker: httpx.Client) -> None:
    narrow = system.with_token(role="viewer", cameras=["mine"])
    with listening(narrow) as listener:
        put(worker, incident("theirs-1", camera="theirs"))
        put(worker, incident("mine-1", camera="mine"))
        await_true(listener.incidents)
        time.sleep(0.6)
        assert listener.incidents() == ["mine-1"]


def test_it_ends_with_the_session(system: System, worker: httpx.Client) -> None:
    person = system.signed_in("stream-1", "reviewer")
    with listening(person) as listener:
        assert person.delete("/v1/session").status_code == 204
        put(worker, incident("after-sign-out"))
        assert listener.ended.wait(5)
        assert listener.ending == "signed_out"
        assert listener.notices() == []


@pytest.mark.parametrize("how", ["revoked", "disabled", "expired"])
def test_it_ends_with_what_let_it_in(system: System, worker: httpx.Client, how: str) -> None:
    person = system.signed_in(f"stream-{how}", "reviewer")
    client = system.with_token(role="reviewer", user=f"stream-{how}") if how == "revoked" else person
    moment = "'2020-01-01 00:00:00'"
    with listening(client) as listener:
        if how == "revoked":
            system.execute(f"UPDATE tokens SET revoked_at = {moment} WHERE name = 'stream-revoked'")
        elif how == "disabled":
            system.execute(f"UPDATE users SET disabled_at = {moment} WHERE name = 'stream-disabled'")
        else:
            system.execute(
                f"UPDATE user_sessions SET expires_at = {moment} "
                "WHERE user_id = (SELECT id FROM users WHERE name = 'stream-expired')"
            )
        assert listener.ended.wait(5)
        assert listener.ending == "signed_out"


def test_what_is_refused(system: System, reviewer: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert system.anybody().get("/v1/stream").status_code == 401
    for wrong in ("x", "-1", "9" * 30, "１"):
        answer = reviewer.get("/v1/stream", headers={"Last-Event-ID": wrong.encode()})
        assert answer.status_code == 422, wrong
    assert reviewer.get("/v1/stream", params={"types": "x"}).status_code == 422
    with listening(reviewer, headers={"Last-Event-ID": "99999999"}) as listener:
        assert listener.events[0]["event"] == "reset"
    monkeypatch.setattr(streaming, "STREAMS_EACH", 1)
    with listening(reviewer):
        assert reviewer.get("/v1/stream").status_code == 429
    await_true(lambda: "streetwarden_streams 0.0" in reviewer.get("/metrics").text)


def test_who_takes_nothing_is_cut(
    system: System, worker: httpx.Client, reviewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that stops reading while everything is sent to it again and again; others go on."""
    monkeypatch.setattr(streaming, "SEND_S", 0.3)
    monkeypatch.setattr(streaming, "body_of", lambda event: json.dumps(event) + " " * 500_000)
    for number in range(20):
        put(worker, incident(f"slow-{number}", camera="slow"))
    host, port = system.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        token = system.with_token(role="viewer").headers["authorization"]
        slow.sendall(f"GET /v1/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
        await_true(lambda: 'streetwarden_streams_closed_total{reason="slow"} 1.0' in reviewer.get("/metrics").text)


def test_it_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        system = System(tmp_path / "data", server.url)
        listener = Listener(system.with_token(role="viewer")).await_ready()
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 5
        assert listener.ended.wait(5)
        assert listener.ending == "restart"
        system.close()
