"""Call-outs, against a real server on this machine."""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from detector.delivery import callout_sender
from detector.delivery.callout import Blocked, CallOut
from detector.delivery.callout_sender import QUEUE_MAX, CallOuts

AT = datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)


def blocked(incident: str = "gate-1", camera: str = "gate") -> Blocked:
    return Blocked(incident, camera, "lane", "illegal_parking", AT, "car", "人民路")


@dataclass
class Platform:
    """What a camera's platform hears, and how it answers: the next of its answers, the last one for ever."""

    answers: list[int] = field(default_factory=lambda: [204])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    """It answers once this is set."""
    moved_to: str = ""
    url: str = ""


@pytest.fixture
def platform() -> Iterator[Platform]:
    known = Platform()
    known.held.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            known.held.wait(10)
            self.send_response(known.answers.pop(0) if len(known.answers) > 1 else known.answers[0])
            if known.moved_to:
                self.send_header("Location", known.moved_to)
            self.end_headers()

        def do_GET(self) -> None:  # what a redirect would be followed with
            known.heard.append(({}, b"followed"))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.url = f"http://127.0.0.1:{server.server_port}/speak"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield known
        known.held.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def sender() -> Iterator[CallOuts]:
    calls = CallOuts(retry_after_s=0.01)
    yield calls
    calls.stop()


def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_what_is_told_and_how_it_is_signed(platform: Platform, sender: CallOuts) -> None:
    sender.start()
    sender.offer(CallOut(platform.url, "s3cret"), blocked())
    until(lambda: sender.counts("gate") == {"asked": 1})
    ((headers, body),) = platform.heard
    assert json.loads(body) == {
        "schema": 1, "incident": "gate-1", "camera": "gate", "zone": "lane", "type": "illegal_parking", "subject": "car",
        "confirmed_at": "2026-03-02T08:15:30.000Z", "place": "人民路", "sentence": "fire_lane_keep_clear",
    }  # fmt: skip
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "gate-1"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = b"gate-1." + headers["webhook-timestamp"].encode() + b"." + body
    expected = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_without_a_secret_there_is_no_signature(platform: Platform, sender: CallOuts) -> None:
    sender.start()
    sender.offer(CallOut(platform.url), blocked())
    until(lambda: sender.counts("gate") == {"asked": 1})
    assert "webhook-signature" not in platform.heard[0][0]


def test_a_secret_in_base64() -> None:
    # The example of the specification of Standard Webhooks, 1.0.0.
    call = CallOut("http://platform/speak", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert call.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)["webhook-signature"] == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    ("answers", "heard", "counted"),
    [
        ([200], 1, "asked"),
        ([503, 200], 2, "asked"),
        ([429, 204], 2, "asked"),
        ([500], 2, "failed"),  # two tries and no more
        ([404], 1, "failed"),  # the same next time
        ([401], 1, "failed"),
    ],
)
def test_tries(platform: Platform, sender: CallOuts, answers: list[int], heard: int, counted: str) -> None:
    platform.answers = answers
    sender.start()
    sender.offer(CallOut(platform.url), blocked())
    until(lambda: sender.counts("gate") == {counted: 1})
    assert len(platform.heard) == heard
    assert len({headers["webhook-id"] for headers, _ in platform.heard}) == 1  # so that nobody speaks twice


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(platform: Platform, sender: CallOuts, status: int) -> None:
    platform.answers, platform.moved_to = [status], platform.url + "/elsewhere"
    sender.start()
    sender.offer(CallOut(platform.url, "s3cret"), blocked())
    until(lambda: sender.counts("gate") == {"failed": 1})
    assert len(platform.heard) == 1


def test_one_incident_speaks_once_whatever_its_revisions(platform: Platform, sender: CallOuts) -> None:
    sender.start()
    for _ in range(3):
        sender.offer(CallOut(platform.url), blocked())
    sender.offer(CallOut(platform.url), blocked("gate-2"))
    until(lambda: sender.counts("gate") == {"asked": 2})
    assert len(platform.heard) == 2


def test_what_is_remembered_has_an_end(sender: CallOuts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callout_sender, "TOLD_MAX", 3)
    for number in range(10):
        sender.offer(CallOut("http://127.0.0.1:9/"), blocked(f"gate-{number}"))
    assert [*sender._told] == ["gate-7", "gate-8", "gate-9"]


def test_a_platform_that_hangs_holds_up_nobody(platform: Platform, sender: CallOuts) -> None:
    platform.held.clear()
    sender.start()
    began_s = time.monotonic()
    sender.offer(CallOut(platform.url), blocked("gate-0"))
    until(lambda: len(platform.heard) == 1)  # taken from the queue: now it has room for all that it holds
    for number in range(1, QUEUE_MAX + 4):
        sender.offer(CallOut(platform.url), blocked(f"gate-{number}"))
    assert time.monotonic() - began_s < 2.0
    assert sender.counts("gate") == {"dropped": 3}
    platform.held.set()
    until(lambda: sender.counts("gate") == {"asked": QUEUE_MAX + 1, "dropped": 3})
    told = [json.loads(body)["incident"] for _, body in platform.heard]
    assert told == [f"gate-{number}" for number in range(QUEUE_MAX + 1)]  # the newest were dropped


def test_no_answer_in_time_is_a_failure(
    platform: Platform, sender: CallOuts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(callout_sender, "TIMEOUT_S", 0.2)
    platform.held.clear()
    sender.start()
    with caplog.at_level(logging.INFO):
        sender.offer(CallOut(platform.url), blocked())
        until(lambda: sender.counts("gate") == {"failed": 1})
    assert len(platform.heard) == 2
    assert "failed: " in caplog.text


def test_what_waited_too_long_is_left_out(platform: Platform) -> None:
    now_s = 0.0
    sender = CallOuts(monotonic=lambda: now_s)
    sender.offer(CallOut(platform.url), blocked())
    now_s = 60.1
    sender.start()
    until(lambda: sender.counts("gate") == {"late": 1})
    sender.stop()
    assert platform.heard == []


def test_an_address_that_no_name_can_be_made_of_silences_no_other(platform: Platform, sender: CallOuts) -> None:
    sender.start()
    sender.offer(CallOut("http://xn--a.local/"), blocked())
    until(lambda: sender.counts("gate") == {"failed": 1})
    sender.offer(CallOut(platform.url), blocked("gate-2"))
    until(lambda: sender.counts("gate") == {"failed": 1, "asked": 1})


def test_nobody_there_is_said_without_credentials(sender: CallOuts, caplog: pytest.LogCaptureFixture) -> None:
    url = "http://operator:s3cret@127.0.0.1:9/speak?token=s3cret"
    with caplog.at_level(logging.DEBUG):
        sender.start()
        sender.offer(CallOut(url, "s3cret"), blocked())
        until(lambda: sender.counts("gate") == {"failed": 1})
    assert "call-out to http://***@127.0.0.1:9/speak?token=*** failed: " in caplog.text
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(CallOut(url, "s3cret"))


def test_a_secret_in_the_address_shows_in_no_log(
    platform: Platform, sender: CallOuts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sender.start()
        sender.offer(CallOut(platform.url + "?token=s3cret", "s3cret"), blocked())
        until(lambda: sender.counts("gate") == {"asked": 1})
    assert "was asked to speak" in caplog.text
    assert "s3cret" not in caplog.text


def test_counts_are_of_each_camera(platform: Platform, sender: CallOuts) -> None:
    sender.start()
    sender.offer(CallOut(platform.url), blocked("a-1", "a"))
    until(lambda: sender.counts("a") == {"asked": 1})
    assert sender.counts("b") == {}


@pytest.mark.parametrize(
    "url",
    ["speak", "ftp://host/x", "http://", "http:///speak", "http://host:port/", "http://host:99999/", "http://a b/"],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="is no address: allowed is http://HOST"):
        CallOut(url)


def test_secrets_that_are_none() -> None:
    with pytest.raises(ValueError, match="the secret is empty"):
        CallOut("http://host/", "")
    with pytest.raises(ValueError, match="is no base64"):
        CallOut("http://host/", "whsec_###")
