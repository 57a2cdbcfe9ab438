"""Sends call-outs, from a thread of its own that the watch never waits for."""

import asyncio
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import httpx

from detector.delivery.callout import Blocked, CallOut
from streams.source.address import redact

log = logging.getLogger(__name__)

QUEUE_MAX = 16
"""Call-outs that may wait; what comes when it is full is dropped and counted: the older ones are the more urgent."""
TIMEOUT_S = 5.0
TRIES = 2
RETRY_AFTER_S = 1.0
LATE_S = 60.0
"""A call-out that had to wait this long is left out: a voice that speaks to nobody makes the next one unheard."""
TOLD_MAX = 1000
"""Incidents whose call-out is remembered, so that no later revision speaks again."""
TOO_MANY = 429


class Outcome(StrEnum):
    """What became of a call-out."""

    ASKED = "asked"
    FAILED = "failed"
    LATE = "late"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class _Waiting:
    to: CallOut
    told: Blocked
    offered_s: float


class CallOuts:
    """Sends call-outs from a thread of its own: `start`, any number of `offer`, `stop`. `offer` never waits."""

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, retry_after_s: float = RETRY_AFTER_S
    ) -> None:
        self._waiting: queue.Queue[_Waiting] = queue.Queue(QUEUE_MAX)
        self._told: dict[str, None] = {}
        self._counts: dict[str, Counter[Outcome]] = {}
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._retry_after_s = retry_after_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="call-outs", daemon=True)

    def start(self) -> None:
        """Begins to send."""
        for library in ("httpx", "httpcore"):  # they log whole URLs
            logging.getLogger(library).setLevel(logging.WARNING)
        self._thread.start()

    def stop(self) -> None:
        """Lets the one that is being sent come to its end, and leaves the rest."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=TRIES * TIMEOUT_S + self._retry_after_s)

    def offer(self, to: CallOut, told: Blocked) -> None:
        """Takes a call-out if there is room; once for each incident, however often it is offered."""
        with self._lock:
            if told.incident in self._told:
                return
            self._told[told.incident] = None
            if len(self._told) > TOLD_MAX:
                del self._told[next(iter(self._told))]
        try:
            self._waiting.put_nowait(_Waiting(to, told, self._monotonic()))
        except queue.Full:
            self._count(told, Outcome.DROPPED)
            log.warning("camera %s: call-out dropped: %d wait already for %s", told.camera, QUEUE_MAX, to)

    def counts(self, camera: str) -> dict[str, int]:
        """What became of a camera's call-outs so far; empty as long as there was none."""
        with self._lock:
            return {outcome.value: count for outcome, count in sorted(self._counts.get(camera, Counter()).items())}

    def _count(self, told: Blocked, outcome: Outcome) -> None:
        with self._lock:
            self._counts.setdefault(told.camera, Counter())[outcome] += 1

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                waiting = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._count(waiting.told, self._sent(waiting))

    def _sent(self, waiting: _Waiting) -> Outcome:
        told = waiting.told
        if self._monotonic() - waiting.offered_s > LATE_S:
            log.warning("incident %s: call-out left out: it waited longer than %g s", told.incident, LATE_S)
            return Outcome.LATE
        why = ""
        for number in range(TRIES):
            if number and self._stopping.wait(self._retry_after_s):
                break
            why, again = self._try(waiting)
            if not why:
                log.info("incident %s: %s was asked to speak", told.incident, waiting.to)
                return Outcome.ASKED
            if not again:
                break
        log.warning("incident %s: call-out to %s failed: %s", told.incident, waiting.to, redact(why))
        return Outcome.FAILED

    def _try(self, waiting: _Waiting) -> tuple[str, bool]:
        """Why it failed, empty when it did not; and whether another try may help."""
        body = waiting.told.body()
        headers = waiting.to.headers(waiting.told.incident, int(time.time()), body)
        try:
            status = asyncio.run(_posted(waiting.to.url, body, headers))
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s", True
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return str(error) or type(error).__name__, True
        if httpx.codes.is_success(status):
            return "", False
        if httpx.codes.is_redirect(status):
            return f"it answers {status}: redirects are not followed", False
        return f"it answers {status}", status == TOO_MANY or httpx.codes.is_server_error(status)


async def _posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; what else it holds is not read. httpx limits each read, and one that trickles has many."""
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer.status_code
