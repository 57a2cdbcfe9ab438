"""One open stream: reads the log for one client, for as long as the client may see it, and not faster than it takes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.identity.principals import Principal
from api.notices.cloudevents import body_of, event_of
from api.notices.counters import NoticeMetrics
from api.notices.going_out import GoingOut
from api.notices.log import head_of, read, visible_to
from api.parts import Parts
from api.problems import Problem
from api.storage.tables import Notice

HEARTBEAT_S = 15
"""Below the minute after which proxies give up a silent connection."""

RECHECK_S = 5.0
"""A stream ends this soon after the session, token or account behind it has."""

SEND_S = 20.0
"""A client that has taken nothing for so long is cut; it comes back with the number it has got to."""

RETRY_MS = 3000
STREAMS_MAX = 300
STREAMS_EACH = 20
"""Open streams of one process, and of one account or token in it."""

Identify = Callable[[Session], Principal | None]
"""Asks anew who is at the other end; None: nobody any more."""


@dataclass(frozen=True)
class Asked:
    """What a client wants to see.

    Attributes:
        after: The number it has got to; None: from now on.
        conditions: What notices have to be.
    """

    after: int | None
    conditions: tuple[ColumnElement[bool], ...]


class NoticeStream:
    """The events of one client.

    Args:
        parts: The application's.
        going_out: Whose end of the log wakes it.
        identify: Who is at the other end.
        asked: What they want.
    """

    def __init__(self, parts: Parts, going_out: GoingOut, identify: Identify, asked: Asked) -> None:
        self._parts = parts
        self._going_out = going_out
        self._identify = identify
        self._asked = asked

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """What is sent: `ready`, then a `notice` per notice, and `end` with a reason."""
        reached, was_reset = await run_in_threadpool(self._begin)
        yield ServerSentEvent("", event="reset" if was_reset else "ready", id=str(reached), retry=RETRY_MS)
        tail = self._going_out.tail
        while True:
            if self._going_out.ending.is_set():
                yield self._end("restart")
                return
            changed = tail.changed
            try:
                page = await run_in_threadpool(self._next, reached)
            except SQLAlchemyError:
                yield self._end("outage")
                return
            if page is None:
                yield self._end("signed_out")
                return
            for notice in page:
                reached = notice.sequence
                yield self._event(notice)
            if not page:
                await self._wait(changed)

    async def _wait(self, changed: asyncio.Event) -> None:
        """Until something has come, the process ends, or it is time to look who is there."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RECHECK_S
        while not changed.is_set() and not self._going_out.ending.is_set() and loop.time() < deadline:
            try:
                await asyncio.wait_for(changed.wait(), 0.5)
            except TimeoutError:
                continue

    def _begin(self) -> tuple[int, bool]:
        """Where to begin; and whether the client has seen more than there is, as after a restored backup."""
        with self._parts.database.read() as session:
            head = head_of(session)
        after = self._asked.after
        return (head, after is not None) if after is None or after > head else (after, False)

    def _next(self, reached: int) -> list[Notice] | None:
        with self._parts.database.read() as session:
            principal = self._identify(session)
            if principal is None:
                return None
            return list(read(session, reached, *self._asked.conditions, *visible_to(principal)))

    def _event(self, notice: Notice) -> ServerSentEvent:
        event = event_of(notice, self._parts.settings.public_url)
        return ServerSentEvent(body_of(event), event="notice", id=str(notice.sequence))

    def _end(self, reason: str) -> ServerSentEvent:
        self._parts.metrics.notices.streams_closed.labels(reason).inc()
        return ServerSentEvent(reason, event="end")


class StreamResponse(EventSourceResponse):
    """Counts a stream while it is open, and cuts a client that takes nothing.

    Args:
        stream: What is sent.
        who: Whose it is.
        watchers: The streams that are open, by whom.
        metrics: Where it is counted.

    Raises:
        Problem: 429 for too many of one account or token; 503 when there is no room.
    """

    def __init__(self, stream: NoticeStream, who: str, watchers: Counter[str], metrics: NoticeMetrics) -> None:
        if watchers[who] >= STREAMS_EACH:
            raise Problem(429, f"{who} has {STREAMS_EACH} streams open; close one.", headers={"Retry-After": "60"})
        if watchers.total() >= STREAMS_MAX:
            raise Problem(503, f"{STREAMS_MAX} streams are open here. Try again.", headers={"Retry-After": "60"})
        super().__init__(stream.events(), ping=HEARTBEAT_S, send_timeout=SEND_S, sep="\n")
        self._who = who
        self._watchers = watchers
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until one side ends it."""
        self._watchers[self._who] += 1
        self._metrics.streams.inc()
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._metrics.streams_closed.labels("slow").inc()
        finally:
            self._metrics.streams.dec()
            self._watchers[self._who] -= 1
            if self._watchers[self._who] <= 0:
                del self._watchers[self._who]
