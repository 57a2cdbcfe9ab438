"""Looks now and then whether every camera has a worker, since a worker that has died says nothing."""

import asyncio
import contextlib
import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from api.clock import now
from api.fleet.health import find_unwatched, unwatched
from api.fleet.leases import SUBJECT
from api.parts import Parts

EVERY_S = 15.0

_LOG = logging.getLogger(__name__)


class FleetWatch:
    """Runs beside the requests of a process; several processes may do so side by side.

    Args:
        parts: The application's.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await run_in_threadpool(self._look)
            except SQLAlchemyError as error:  # an outage passes, and then it looks again
                _LOG.warning("cameras without a worker can't be looked for: %s", type(error).__name__)

    def _look(self) -> None:
        database, down_after_s = self._parts.database, self._parts.settings.fleet.down_after_s
        with database.read() as session:
            if not unwatched(session, now(), down_after_s):
                return
        with database.write(about=SUBJECT) as session:
            found = find_unwatched(session, now(), down_after_s)
        if found:
            _LOG.warning("%d cameras have lost their worker", found)
