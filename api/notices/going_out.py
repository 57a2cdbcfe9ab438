"""All that runs beside the requests of a process so that notices go out."""

import threading

from starlette.concurrency import run_in_threadpool

from api.notices.dispatcher import Dispatcher
from api.notices.mqtt import Publisher
from api.notices.receivers import new_check
from api.notices.tail import Tail
from api.parts import Parts


class GoingOut:
    """Webhooks, MQTT where it is configured, and the end of the log for streams.

    Args:
        parts: The application's.

    Attributes:
        tail: For the streams.
        ending: Set when the process is about to end: streams then end themselves, which nobody else could.
    """

    def __init__(self, parts: Parts) -> None:
        settings, metrics = parts.settings, parts.metrics.notices
        self.tail = Tail(parts.database)
        self.ending = threading.Event()
        self._dispatcher = Dispatcher(parts.database, metrics, new_check(settings), settings.public_url)
        self._publisher = (
            Publisher(parts.database, settings.mqtt, metrics, settings.public_url) if settings.mqtt else None
        )

    def start(self) -> None:
        """Begins, on the running loop."""
        self.tail.start()
        self._dispatcher.start()
        if self._publisher is not None:
            self._publisher.start()

    async def stop(self) -> None:
        """Ends in order."""
        self.ending.set()
        await self.tail.stop()
        await run_in_threadpool(self._dispatcher.stop)
        if self._publisher is not None:
            await run_in_threadpool(self._publisher.stop)
