"""The thread that delivers webhooks: one in each process, all on one queue.

Many deliveries are under way at once, few to one receiver, so that one that hangs holds up nobody else.
"""

import asyncio
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

import httpx
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from api.clock import now
from api.notices import queue
from api.notices.counters import NoticeMetrics
from api.notices.log import head_of
from api.notices.sending import Check, new_client, send
from api.storage.database import Database
from api.storage.tables import Delivery, Webhook

POLL_S = 0.5
AT_ONCE_EACH = 4
"""Deliveries under way to one subscription, per process."""

PAGES_AT_ONCE = 20
"""Pages of the log that one subscription may catch up on before others have their turn."""

STOP_S = 5.0
"""Deliveries under way may finish within this time when the process stops; the others are tried by the next one."""

RETRY_S = 5.0
"""After an error of the database."""

KEPT = timedelta(days=30)
"""So long it can be looked up how a delivery went."""

SHOW_EVERY = timedelta(seconds=5)
"""The backlog is counted, and counting takes its time when it is long."""

TIDY_EVERY = timedelta(hours=1)
TIDY_ROWS = 1000

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class Dispatcher:
    """Delivers what waits, from `start` to `stop`.

    Args:
        database: Where the log and the queue are.
        metrics: Where deliveries are counted.
        check: Resolves and checks a receiver's address.
        public_url: For links in what is sent.
    """

    def __init__(self, database: Database, metrics: NoticeMetrics, check: Check, public_url: str | None) -> None:
        self._database = database
        self._metrics = metrics
        self._check = check
        self._public_url = public_url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="webhooks", daemon=True)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="webhooks")
        self._under_way: Counter[int] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidied_at: datetime | None = None
        self._shown_at: datetime | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends: nothing new is begun, and what is under way may finish for a moment."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * STOP_S)
        self._pool.shutdown(wait=False)

    async def _main(self) -> None:
        async with new_client() as client:
            while not self._stopping.is_set():
                pause_s = POLL_S
                try:
                    for parcel in await self._in_thread(self._take):
                        self._under_way[parcel.webhook_id] += 1
                        task = asyncio.create_task(self._deliver(client, parcel))
                        self._tasks.add(task)
                        task.add_done_callback(self._tasks.discard)
                except SQLAlchemyError:
                    _LOG.exception("webhooks: the queue can't be read")
                    pause_s = RETRY_S
                await self._rest(pause_s)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_S)
            for task in self._tasks:
                task.cancel()

    async def _rest(self, seconds: float) -> None:
        """Waits, but not longer than until the process stops or a receiver has room again."""
        deadline = asyncio.get_running_loop().time() + seconds
        before = self._under_way.total()
        while asyncio.get_running_loop().time() < deadline and not self._stopping.is_set():
            await asyncio.sleep(0.05)
            if self._under_way.total() < before:
                return

    async def _deliver(self, client: httpx.AsyncClient, parcel: queue.Parcel) -> None:
        try:
            outcome = await send(client, parcel, self._check)
            state = await self._in_thread(lambda: self._finish(parcel, outcome))
            self._metrics.deliveries.labels(_label(state)).inc()
            self._metrics.delivery_s.observe(outcome.took_s)
        except SQLAlchemyError:
            _LOG.exception(
                "webhooks: delivery %d: its outcome can't be kept; it is tried once more", parcel.delivery_id
            )
            self._metrics.deliveries.labels("unknown").inc()
        finally:
            self._under_way[parcel.webhook_id] -= 1

    def _take(self) -> list[queue.Parcel]:
        """Makes deliveries of what is new in the log, and leases those that are due and that there is room for."""
        moment = now()
        with self._database.read() as session:
            head = head_of(session)
            enabled = session.execute(select(Webhook.id, Webhook.reached).where(Webhook.enabled)).all()
            if self._shown_at is None or moment - self._shown_at > SHOW_EVERY:
                self._shown_at = moment
                self._metrics.show_backlog(queue.backlog(session))
        for webhook_id, reached in enabled:
            if reached < head:
                self._catch_up(webhook_id, head, moment)
        parcels: list[queue.Parcel] = []
        for webhook_id in self._due(moment) if enabled else ():
            room = AT_ONCE_EACH - self._under_way[webhook_id]
            if room > 0:
                with self._database.write(about=_about(webhook_id)) as session:
                    parcels += queue.claim(session, webhook_id, room, moment, self._public_url)
        self._tidy(moment)
        return parcels

    def _catch_up(self, webhook_id: int, head: int, moment: datetime) -> None:
        for _ in range(PAGES_AT_ONCE):
            with self._database.write(about=_about(webhook_id)) as session:
                if queue.fan_out(session, webhook_id, head, moment) == 0:
                    return

    def _due(self, moment: datetime) -> list[int]:
        with self._database.read() as session:
            return list(session.scalars(queue.due_webhooks(moment)))

    def _finish(self, parcel: queue.Parcel, outcome: queue.Outcome) -> str:
        chance = random.random()  # noqa: S311 - spreads retries, guards nothing
        with self._database.write(about=f"delivery {parcel.delivery_id}") as session:
            return queue.finish(session, parcel, outcome, now(), chance)

    def _tidy(self, moment: datetime) -> None:
        """Forgets deliveries that nobody looks up any more."""
        if self._tidied_at is not None and moment - self._tidied_at < TIDY_EVERY:
            return
        self._tidied_at = moment
        old = select(Delivery.id).where(Delivery.state != queue.WAITING, Delivery.finished_at < moment - KEPT)
        with self._database.read() as session:
            found = session.scalars(old.limit(TIDY_ROWS)).all()
        if found:
            with self._database.write(about="webhook log") as session:
                session.execute(delete(Delivery).where(Delivery.id.in_(found)))
            self._tidied_at = None

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _about(webhook_id: int) -> str:
    return f"webhook {webhook_id}"


def _label(state: str) -> str:
    return "retried" if state == queue.WAITING else state
