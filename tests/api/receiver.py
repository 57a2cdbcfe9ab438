"""A receiver of webhooks on a real port, which answers as a test wants."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

WAIT_S = 15.0


@dataclass(frozen=True)
class Taken:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: str
    at_s: float

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    def verified_by(self, secret: str) -> dict[str, Any]:
        """Checks the signature as a receiver does, with the library."""
        event: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return event


Answer = Callable[[BaseHTTPRequestHandler, Taken], None]


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _taken: Taken) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@dataclass
class Receiver:
    """What came, and how it answers."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: say(204))
    ending: threading.Event = field(default_factory=threading.Event)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The events that came, in their order; `kind` is the middle of a type."""
        return [t.event for t in list(self.taken) if kind is None or t.event["type"] == f"io.streetwarden.{kind}.v1"]

    def await_events(self, count: int, kind: str | None = None) -> list[dict[str, Any]]:
        await_true(lambda: len(self.events(kind)) >= count)
        return self.events(kind)

    def hang(self, _handler: BaseHTTPRequestHandler, _taken: Taken) -> None:
        """Never answers."""
        self.ending.wait(60)


def await_true(condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            taken = Taken(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic())
            receiver.taken.append(taken)
            receiver.answer(self, taken)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass  # a sender may hang up

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield receiver
        receiver.ending.set()
        server.shutdown()
        thread.join()
