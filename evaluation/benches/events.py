"""A real event system in a process of its own, and a reader that notices when an incident can be read there."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import httpx

START_S = 60.0
"""The first start makes the database; on a busy machine that takes its time."""
POLL_S = 0.05
"""How finely the moment is told at which an incident can be read."""


@dataclass
class EventSystem:
    """Where it is reached, and what lets one in."""

    url: str
    worker_token: str
    reader_token: str
    cpu_s: float | None = None
    """Of its process, once it has ended."""


@contextmanager
def event_system(folder: Path) -> Iterator[EventSystem]:
    """Serves from a fresh data folder while the block lasts.

    Raises:
        RuntimeError: it did not start.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(folder, theirs), name="event-system", daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(START_S):
            raise RuntimeError(f"the event system did not start within {START_S:g} s")
        events = EventSystem(*ours.recv())
        yield events
        ours.send("end")
        events.cpu_s = ours.recv() if ours.poll(START_S) else None
    finally:
        ours.close()
        process.join(START_S)
        process.kill()


def _serve(folder: Path, pipe: Pipe) -> None:
    from api.provision import create_token  # noqa: PLC0415 - so that only this process carries the event system
    from api.server import EmbeddedServer  # noqa: PLC0415

    tokens = [create_token(folder, role, name=f"bench {role}") for role in ("worker", "viewer")]
    with EmbeddedServer(folder) as server:
        pipe.send((server.url, *tokens))
        try:
            pipe.recv()
        except EOFError:  # whoever started it is gone
            return
        pipe.send(time.process_time())


@dataclass
class IncidentReader:
    """Asks again and again which incidents are confirmed, as a console would."""

    events: EventSystem
    seen_s: dict[str, float] = field(default_factory=dict)
    """By id: the moment of the monotonic clock at which the first answer that has it was there."""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Asks in a thread of its own while the block lasts."""
        ended = threading.Event()
        thread = threading.Thread(target=self._read, args=(ended,), name="incident-reader", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _read(self, ended: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {self.events.reader_token}"}
        with httpx.Client(base_url=self.events.url, headers=headers, timeout=30.0, trust_env=False) as client:
            while not ended.wait(POLL_S):
                answer = client.get("/v1/incidents", params={"state": "confirmed"}).raise_for_status()
                now_s = time.monotonic()
                for incident in answer.json()["incidents"]:
                    self.seen_s.setdefault(incident["id"], now_s)
