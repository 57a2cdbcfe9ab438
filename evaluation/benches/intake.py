"""How many incidents an event system takes in within a second: over HTTP, from one worker and from many at once."""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from evaluation.benches.download import cpu_s, peak_mib
from evaluation.benches.events import EventSystem, event_system

RATE_MIN = 300.0
"""Of a city's cameras on a bad morning, all at once after an outage."""
CLIENTS = (1, 4, 16)
BATCH = 50
"""Incidents in a request of a worker that has much to tell."""


def bench_intake(seconds: float = 10.0, database: str | None = None) -> dict[str, Any]:
    """Posts new incidents as fast as they are taken.

    Args:
        seconds: For each number of clients.
        database: An empty PostgreSQL database; None: SQLite.

    Returns:
        `per_s` and `in_batches_per_s` by the number of clients, CPU of the event system by incident, how much its memory grew,
        and whether the bar holds.
    """
    with tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder:
        home = Path(folder) / "events"
        home.mkdir()
        if database is not None:
            (home / "settings.yaml").write_text(yaml.safe_dump({"database": database}), "utf-8")
        with event_system(home) as events:
            [process] = [child for child in multiprocessing.active_children() if child.name == "event-system"]
            _posted(events, "warm", clients=1, seconds=1.0)
            before_mib, before_s = peak_mib(process.pid), cpu_s(process.pid)
            counts = {clients: _posted(events, f"of-{clients}", clients, seconds) for clients in CLIENTS}
            together = {clients: _posted(events, f"in-{clients}", clients, seconds, BATCH) for clients in CLIENTS[:2]}
            each_ms = (cpu_s(process.pid) - before_s) * 1000 / max(1, sum((*counts.values(), *together.values())))
            growth_mib = peak_mib(process.pid) - before_mib
    per_s = _rates(counts, seconds)
    in_batches = _rates(together, seconds)
    return {
        "database": "sqlite" if database is None else "postgresql",
        "seconds": seconds,
        "per_s": per_s,
        "in_batches_per_s": in_batches,
        "cpu_ms_per_incident": round(each_ms, 2),
        "memory_growth_mib": round(growth_mib, 1),
        "fast_enough": max(*per_s.values(), *in_batches.values()) >= RATE_MIN,
    }


def _rates(counts: dict[int, int], seconds: float) -> dict[str, float]:
    return {str(clients): round(count / seconds, 1) for clients, count in counts.items()}


def _posted(events: EventSystem, name: str, clients: int, seconds: float, batch: int = 1) -> int:
    """How many were taken within the time, by clients that wait for each answer."""
    until = time.monotonic() + seconds
    counts = [0] * clients
    threads = [
        threading.Thread(target=_post, args=(events, f"{name}-{number}", until, counts, number, batch))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def _post(events: EventSystem, name: str, until: float, counts: list[int], number: int, batch: int) -> None:
    headers = {"Authorization": f"Bearer {events.worker_token}"}
    with httpx.Client(base_url=events.url, headers=headers, timeout=60.0, trust_env=False) as client:
        while time.monotonic() < until:
            documents = [_document(f"{name}-{counts[number] + place}", f"camera-{number}") for place in range(batch)]
            if batch == 1:
                client.put(f"/v1/incidents/{documents[0]['id']}", json=documents[0]).raise_for_status()
            else:
                answer = client.post("/v1/incidents/batch", json={"incidents": documents}).raise_for_status()
                if {result["status"] for result in answer.json()["results"]} != {httpx.codes.CREATED}:
                    raise RuntimeError(f"not all were taken: {answer.text[:300]}")
            counts[number] += batch


def _document(incident: str, camera: str) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    return {
        "schema": 1, "id": incident, "revision": 1, "state": "confirmed", "camera": camera, "zone": "kerb",
        "type": "illegal_parking", "onset_at": at, "confirmed_at": at, "box": [0.1, 0.1, 0.2, 0.2], "score": 0.5,
        "why": {"summary": "A car stood 60 s of 60 s permitted.", "dwell_s": 60.0},
    }  # fmt: skip
