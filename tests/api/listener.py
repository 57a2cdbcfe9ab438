"""A program that listens to the stream of what happens."""

import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.api.receiver import await_true


class Listener:
    """Reads a stream in a thread."""

    def __init__(self, client: httpx.Client, **asked: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.status: queue.Queue[int] = queue.Queue()
        self.ended = threading.Event()
        self._asked = asked
        self._client = client
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            with self._client.stream("GET", "/v1/stream", timeout=60, **self._asked) as response:
                self._response = response
                self.status.put(response.status_code)
                event: dict[str, Any] = {}
                for line in response.iter_lines():
                    name, _, value = line.partition(": ")
                    if line == "" and event:
                        self.events.append(event)
                        event = {}
                    elif name:
                        event[name] = value
        except (httpx.HTTPError, httpx.StreamError):
            pass
        finally:
            self.ended.set()

    def notices(self) -> list[dict[str, Any]]:
        return [json.loads(event["data"]) for event in list(self.events) if event.get("event") == "notice"]

    def incidents(self) -> list[str]:
        return [notice["data"]["incident"] for notice in self.notices() if "created" in notice["type"]]

    def await_ready(self) -> "Listener":
        await_true(lambda: self.events)
        return self

    @property
    def ending(self) -> str | None:
        """Why it ended, if it did."""
        return self.events[-1]["data"] if self.events[-1].get("event") == "end" else None


@contextmanager
def listening(client: httpx.Client, **asked: Any) -> Iterator[Listener]:
    own = httpx.Client(base_url=client.base_url, headers=client.headers, cookies=client.cookies)
    listener = Listener(own, **asked)
    try:
        yield listener.await_ready()
    finally:
        if listener._response is not None:
            listener._response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        listener.ended.wait(10)
        own.close()
