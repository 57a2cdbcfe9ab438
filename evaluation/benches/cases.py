"""What lists cost an event system that holds very many cases: every filter, first pages and deep ones, over HTTP."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml

from api.provision import create_token, create_user
from api.settings import load_settings
from api.storage.data_folder import open_database
from evaluation.benches.download import cpu_s, peak_mib
from evaluation.benches.events import EventSystem, event_system
from evaluation.benches.many_cases import CAMERAS, EVERY_S, fill
from evaluation.errors import EvaluationError

PAGE_MS = 50.0
"""What a person who pages through a list does not notice."""
PAGES = 5
"""Of each list: the first ones, one after the other."""
PAGES_EACH = 40
"""Of each list, so that one slow page in twenty shows and a single one does not: short lists are read more often."""
SCOPES = {
    f"{count} cameras": tuple(f"camera-{number}" for number in range(0, CAMERAS, CAMERAS // count))
    for count in (20, 100)
}
"""What narrowed tokens see: some cameras, busy ones and quiet ones."""
ORDERS = ("newest", "queue")


def bench_cases(count: int = 1_000_000, database: str | None = None) -> dict[str, Any]:
    """Fills an event system with cases, and asks it for pages.

    Args:
        count: How many cases.
        database: An empty PostgreSQL database, as `settings.yaml` names one; None: SQLite.

    Returns:
        `page_ms` (median, p95 and worst over all pages), `worst_lists` by their p95, CPU of the event system by page, how much
        its memory grew, and whether the bar holds for every single list.

    Raises:
        EvaluationError: The database is not empty.
    """
    with tempfile.TemporaryDirectory(prefix="streetwarden-bench-") as folder:
        home = Path(folder) / "events"
        home.mkdir()
        if database is not None:
            (home / "settings.yaml").write_text(yaml.safe_dump({"database": database}), "utf-8")
        now, began = datetime.now(UTC), time.monotonic()
        _fill(home, count, now)
        filled_s = time.monotonic() - began
        create_user(home, "anna", "reviewer")
        tokens = {
            "everything": create_token(home, "reviewer", user="anna"),
            **{name: create_token(home, "reviewer", cameras=scope, user="anna") for name, scope in SCOPES.items()},
        }
        with event_system(home) as events:
            [process] = [child for child in multiprocessing.active_children() if child.name == "event-system"]
            before_mib, before_s = peak_mib(process.pid), cpu_s(process.pid)
            took = _measured(events, tokens, now, count)
            asked = sum(len(times) for times in took.values())
            each_ms = (cpu_s(process.pid) - before_s) * 1000 / asked
            growth_mib = peak_mib(process.pid) - before_mib
    every = sorted(ms for times in took.values() for ms in times)
    by_list = sorted(((_share(times, 0.95), name) for name, times in took.items()), reverse=True)
    return {
        "cases": count,
        "database": "sqlite" if database is None else "postgresql",
        "filled_s": round(filled_s, 1),
        "lists": len(took),
        "pages": asked,
        "page_ms": {"median": _share(every, 0.5), "p95": _share(every, 0.95), "worst": every[-1]},
        "cpu_ms_per_page": round(each_ms, 2),
        "worst_lists": {name: p95 for p95, name in by_list[:8]},
        "memory_growth_mib": round(growth_mib, 1),
        "quick_enough": by_list[0][0] <= PAGE_MS,
    }


def filters_of(now: datetime, count: int) -> list[dict[str, str]]:
    """What people ask for; the stretch of time lies in the middle of all there is."""
    middle = now - timedelta(seconds=count * EVERY_S / 2)
    day = {"from": middle.isoformat(), "until": (middle + timedelta(days=1)).isoformat()}
    return [
        {}, {"review": "none"}, {"review": "reject"}, {"type": "dumping"}, {"state": "candidate"}, {"state": "confirmed"},
        {"camera": "camera-0"}, {"camera": "camera-475"}, {"camera": "camera-0", "review": "none"},
        {"camera": "camera-475", "type": "dumping", "state": "ended"}, {"zone": "gate", "type": "street_vending"},
        {"step": "dispatched"}, {"step": "handled", "type": "dumping"}, {"step": "merged"}, {"assignee": "officer-7"},
        {"assignee": "officer-7", "step": "dispatched"}, {"assignee": "me", "overdue": "true"},
        {"assignee": "none", "review": "none"}, {"overdue": "true"}, {"overdue": "true", "step": "accepted"},
        {"overdue": "true", "camera": "camera-0"}, {"overdue": "false"}, {"tag": "rare"},
        {"tag": "rare", "step": "rejected"}, {"tag": "none-such"}, {"hold": "true"}, {"hold": "false", "review": "none"},
        day, day | {"review": "none"},
    ]  # fmt: skip


def _fill(home: Path, count: int, now: datetime) -> None:
    database = open_database(home, load_settings(home))
    try:
        with database.read() as session:
            if session.connection().exec_driver_sql("SELECT count(*) FROM cameras").scalar():
                raise EvaluationError("the database holds cameras already: allowed is an empty one")
        fill(database, count, until=now)
        if not database.is_sqlite:
            # As its autovacuum does by itself, a minute later.
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        database.close()


def _measured(events: EventSystem, tokens: dict[str, str], now: datetime, count: int) -> dict[str, list[float]]:
    """Milliseconds of each page, by who asked for which list in which order."""
    took: dict[str, list[float]] = {}
    with httpx.Client(base_url=events.url, timeout=60.0, trust_env=False) as client:
        for (who, token), filters, order in product(tokens.items(), filters_of(now, count), ORDERS):
            client.headers["Authorization"] = f"Bearer {token}"
            name = f"{who}, {order}, {' '.join(f'{key}={value[:10]}' for key, value in filters.items()) or 'all'}"
            took[name] = []
            while len(took[name]) < PAGES_EACH:
                took[name] += _pages(client, filters | {"order": order})
    return took


def _pages(client: httpx.Client, query: dict[str, str]) -> Iterator[float]:
    cursor: str | None = None
    for _ in range(PAGES):
        began = time.perf_counter()
        answer = client.get("/v1/incidents", params=query | ({"cursor": cursor} if cursor else {}))
        yield round((time.perf_counter() - began) * 1000, 2)
        cursor = answer.raise_for_status().json()["next"]
        if cursor is None:
            return


def _share(values: list[float], share: float) -> float:
    """The least value that so large a share of all does not exceed."""
    return float(np.quantile(values, share, method="inverted_cdf"))
