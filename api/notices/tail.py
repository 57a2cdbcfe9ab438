"""The end of the log, watched once for all streams of a process."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from api.notices.log import head_of
from api.storage.database import Database

POLL_S = 0.5
"""Other processes write, too, so that the database has to be asked."""

_LOG = logging.getLogger(__name__)


class Tail:
    """Says when there is something new.

    Args:
        database: Where the log is.

    Attributes:
        changed: Set when something has come; take it before you read, and wait for it when you found nothing.
        watchers: How many wait at the moment, by whom; nobody asks the database for nobody.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()
        self.watchers: Counter[str] = Counter()

    def start(self) -> None:
        """Begins, on the running loop."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        seen = -1
        while True:
            await asyncio.sleep(POLL_S)
            if not self.watchers:
                continue
            try:
                head = await run_in_threadpool(self._head)
            except SQLAlchemyError:
                _LOG.exception("the log of notices can't be read")
                continue
            if head != seen:
                seen, before = head, self.changed
                self.changed = asyncio.Event()
                before.set()

    def _head(self) -> int:
        with self._database.read() as session:
            return head_of(session)
