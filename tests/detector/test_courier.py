"""The courier against a real HTTP server on 127.0.0.1."""

import base64
import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from detector.delivery import courier as courier_module
from detector.delivery import outbox as outbox_module
from detector.delivery.courier import Courier
from detector.delivery.outbox import Message, Outbox
from detector.errors import ConfigError
from tests.detector.event_system import Answer, EventSystem, Request

PICTURE = b"a picture"
PATIENCE_S = 15.0


def accept(_: Request) -> Answer:
    return 201, b"{}"


@pytest.fixture
def events() -> Iterator[EventSystem]:
    system = EventSystem(accept)
    system.start()
    yield system
    system.stop()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "state")
    yield box
    box.close()


@pytest.fixture
def courier_to(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Courier]]:
    """Couriers that try again sooner than in the field; stopped also when the test fails."""
    monkeypatch.setattr(courier_module, "BACKOFF_FIRST_S", 0.05)
    monkeypatch.setattr(courier_module, "BACKOFF_MAX_S", 0.2)
    monkeypatch.setattr(courier_module, "POLL_S", 0.02)
    made: list[Courier] = []

    def make(url: str) -> Courier:
        made.append(Courier(outbox, url, "worker-token"))
        return made[-1]

    yield make
    for courier in made:
        courier.stop()


def post(outbox: Outbox, folder: Path, incident: str, number: int = 1, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(PICTURE)
    evidence = [{"name": name, "sha256": hashlib.sha256(PICTURE).hexdigest()} for name in names]
    revision: dict[str, Any] = {"id": incident, "revision": number, "evidence": evidence}
    outbox.post(revision, folder)


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {PATIENCE_S} s"
        time.sleep(0.01)


def test_a_revision_goes_before_its_files_with_token_and_digest(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    post(outbox, folder, "x", 1, "a.jpg")
    courier = courier_to(events.url)
    courier.start()
    assert courier.stop(PATIENCE_S) == 0
    revision, file = events.requests
    assert events.puts == ["x", "x/evidence/a.jpg"]
    assert {request.headers["authorization"] for request in events.requests} == {"Bearer worker-token"}
    assert b'"revision": 1' in revision.body
    assert file.body == PICTURE
    digest = base64.b64encode(hashlib.sha256(PICTURE).digest()).decode()
    assert file.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert file.headers["content-length"] == str(len(PICTURE))
    assert not (folder / "a.jpg").exists()  # acknowledged, so freed
    assert (courier.delivered, courier.refused) == (2, 0)


def test_503_and_then_back(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = lambda _: (503, b"maintenance")
    folder = tmp_path / "files"
    post(outbox, folder, "x", 1, "a.jpg")
    courier = courier_to(events.url)
    courier.start()
    until(lambda: len(events.requests) >= 3)
    assert outbox.counts() == {"waiting": 2, "sent": 0, "dead": 0}
    assert (folder / "a.jpg").exists()
    assert set(events.puts) == {"x"}  # the file does not overtake its revision
    events.answers = accept
    assert courier.stop(PATIENCE_S) == 0
    assert outbox.counts() == {"waiting": 0, "sent": 2, "dead": 0}


def test_a_message_that_a_proxy_cuts_off_does_not_stop_the_others(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = lambda request: (504, b"too slow") if request.path.endswith("big.mp4") else (201, b"{}")
    post(outbox, tmp_path / "first", "x", 1, "big.mp4", "then.jpg")
    for number in range(5):
        post(outbox, tmp_path / f"other{number}", f"y{number}", 1, "a.jpg")
    courier_to(events.url).start()
    until(lambda: outbox.counts()["sent"] == 1 + 5 * 2)
    assert outbox.counts() == {"waiting": 2, "sent": 11, "dead": 0}
    assert "x/evidence/then.jpg" not in events.puts  # an incident's order stays
    events.answers = accept
    until(lambda: outbox.counts()["sent"] == 13)


def test_an_answer_that_cannot_be_read_is_no_end_of_delivery(
    outbox: Outbox, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    broken = threading.Event()
    broken.set()

    class Proxy(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(502 if broken.is_set() else 201)
            if broken.is_set():
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            broken.clear()

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        post(outbox, tmp_path, "x")
        courier_to(f"http://127.0.0.1:{proxy.server_port}").start()
        try:
            until(lambda: outbox.counts()["sent"] == 1)
        finally:
            proxy.shutdown()


def test_what_nobody_foresaw_is_said_and_tried_again(
    outbox: Outbox,
    events: EventSystem,
    courier_to: Callable[[str], Courier],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = outbox.sent
    failures = iter([sqlite3.DatabaseError("malformed")])

    def fails_once(message: Message) -> None:
        for error in failures:
            raise error
        sent(message)

    monkeypatch.setattr(outbox, "sent", fails_once)
    post(outbox, tmp_path, "x")
    courier_to(events.url).start()
    until(lambda: outbox.counts()["sent"] == 1)
    assert "a round of deliveries has failed" in caplog.text


def test_connection_refused_and_then_back(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.stop()
    post(outbox, tmp_path / "files", "x")
    courier = courier_to(events.url)
    courier.start()
    until(lambda: outbox.next_messages(1)[0].attempts >= 2)
    events.start()  # on the same port
    assert courier.stop(PATIENCE_S) == 0
    assert courier.delivered == 1


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
def test_what_is_refused_for_good_is_sent_once_and_kept(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path, status: int
) -> None:
    events.answers = lambda request: (status, b"no") if request.path.endswith("/x") else (201, b"{}")
    folder = tmp_path / "files"
    post(outbox, folder, "x", 1)
    post(outbox, folder, "y", 1)
    courier = courier_to(events.url)
    courier.start()
    assert courier.stop(PATIENCE_S) == 0
    assert events.puts.count("x") == 1
    assert outbox.counts() == {"waiting": 0, "sent": 1, "dead": 1}
    assert (courier.delivered, courier.refused) == (1, 1)
    with sqlite3.connect(tmp_path / "state" / "outbox.db") as db:
        assert db.execute("SELECT incident, reason FROM messages WHERE state = 'dead'").fetchall() == [
            ("x", f"{status} no")
        ]
    db.close()


def test_403_is_tried_again_before_it_is_given_up(
    outbox: Outbox,
    events: EventSystem,
    courier_to: Callable[[str], Courier],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(courier_module, "HELD_FIRST_S", 0.01)
    events.answers = lambda _: (403, b"scope")
    post(outbox, tmp_path / "files", "x")
    courier = courier_to(events.url)
    courier.start()
    until(lambda: outbox.counts()["dead"] == 1)
    assert len(events.requests) == courier_module.RETRY_MAX + 1


def test_401_while_running_is_waited_out(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = lambda _: (401, b"token expired")
    post(outbox, tmp_path / "files", "x")
    courier = courier_to(events.url)
    courier.start()
    until(lambda: len(events.requests) >= 8)
    assert outbox.counts()["dead"] == 0
    events.answers = accept
    assert courier.stop(PATIENCE_S) == 0


def test_a_file_that_is_no_longer_there_is_a_dead_letter(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    post(outbox, folder, "x", 1, "a.jpg")
    (folder / "a.jpg").unlink()
    courier = courier_to(events.url)
    courier.start()
    assert courier.stop(PATIENCE_S) == 0
    assert outbox.counts() == {"waiting": 0, "sent": 1, "dead": 1}


def test_stopping_says_what_is_left(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = lambda _: (503, b"")
    post(outbox, tmp_path / "files", "x", 1, "a.jpg")
    courier = courier_to(events.url)
    courier.start()
    started_s = time.monotonic()
    assert courier.stop(0.3) == 2
    assert time.monotonic() - started_s < 5


def answering(status: int, content: bytes) -> Callable[[Request], Answer]:
    return lambda _: (status, content)


def test_check_token_takes_a_worker(events: EventSystem, courier_to: Callable[[str], Courier]) -> None:
    events.answers = answering(200, b'{"role": "worker"}')
    courier_to(events.url).check_token()
    assert events.requests[0].path == "/v1/whoami"


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (401, b"", "STREETWARDEN_TOKEN: .* does not accept this token"),
        (200, b'{"role": "reviewer"}', "STREETWARDEN_TOKEN: has role 'reviewer': allowed is 'worker'"),
    ],
)
def test_check_token_refuses(
    events: EventSystem, courier_to: Callable[[str], Courier], status: int, content: bytes, said: str
) -> None:
    events.answers = answering(status, content)
    with pytest.raises(ConfigError, match=said):
        courier_to(events.url).check_token()


def test_check_token_says_nothing_about_an_event_system_that_is_away(
    events: EventSystem, courier_to: Callable[[str], Courier]
) -> None:
    events.stop()
    courier_to(events.url).check_token()


def test_check_token_refuses_another_web_server(events: EventSystem, courier_to: Callable[[str], Courier]) -> None:
    events.answers = answering(200, b"<html>It works!</html>")
    try:
        courier_to(events.url).check_token()
    except ConfigError as error:
        assert "--events" in str(error)  # noqa: PT017 - its base class is what raises today
    else:
        pytest.fail("accepted")


def test_one_message_that_always_fails_does_not_hold_up_the_others(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = lambda request: (500, b"") if request.path.endswith("/x") else (201, b"{}")
    post(outbox, tmp_path / "files", "x")
    post(outbox, tmp_path / "files", "y")
    courier = courier_to(events.url)
    courier.start()
    until(lambda: "y" in events.puts)
    until(lambda: events.puts.count("x") >= 3)  # it is tried again all the same


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_database_that_is_busy_for_a_moment_does_not_end_the_courier(
    outbox: Outbox,
    events: EventSystem,
    courier_to: Callable[[str], Courier],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "BUSY_S", 0.05)
    post(outbox, tmp_path / "files", "x")
    writer = sqlite3.connect(tmp_path / "state" / "outbox.db", isolation_level=None)
    courier = courier_to(events.url)
    try:
        writer.execute("BEGIN IMMEDIATE")
        courier.start()
        until(lambda: len(events.requests) >= 1)
        time.sleep(0.3)
        writer.execute("ROLLBACK")
    finally:
        writer.close()
    assert courier.stop(2.0) == 0
