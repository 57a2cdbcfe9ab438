"""The courier takes messages from the outbox to the event system, in order per incident, until they are acknowledged."""

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from urllib.parse import quote

import httpx

from detector.delivery.batch import UNKNOWN_HERE, answers_of, camera_of, revisions_for_batch, send_batch
from detector.delivery.outbox import Message, Outbox
from detector.delivery.signing_in import check_token
from detector.delivery.tracing import delivering, has_arrived
from detector.delivery.upload import send_file

log = logging.getLogger(__name__)

POLL_S = 0.3
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0
JITTER = 0.2
BATCH = 16
REFUSED = frozenset({400, 403, 404, 409, 413, 415, 422})
"""Answers that will be the same next time. 401 is none: a token can be renewed while the worker runs."""
ALL_REFUSED = frozenset({401, 429, 502, 503, 504})
"""Answers that have nothing to do with the message: there is no use in trying others."""
HELD_FIRST_S = 0.5
HELD_MAX_S = 300.0
"""A message that the event system chokes on is tried again at least this often; its incident's others wait behind it."""
RETRY_REFUSED = frozenset({403})
"""A scope can be widened, too: tried again this often before the message is given up."""
RETRY_MAX = 5


class Outcome(Enum):
    """What became of a message."""

    DONE = "delivered, or refused for good"
    LATER = "this one is tried again; others may go first"
    AWAY = "nobody takes anything for now"


class Courier:
    """One thread that delivers; `start`, then `stop`."""

    def __init__(
        self, outbox: Outbox, events_url: str, token: str, epoch_of: Callable[[str], int | None] = lambda _: None
    ) -> None:
        self._epoch_of = epoch_of
        self.delivered = 0
        self.refused = 0
        self._outbox = outbox
        self._client = httpx.Client(
            base_url=events_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30.0, connect=5.0),
            trust_env=False,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._away_since_s: float | None = None
        self._attempt = 0
        self._held_until_s: dict[str, float] = {}
        self._takes_batches = True

    def check_token(self) -> None:
        """Asks the event system whether it takes the token; when it is away, nothing is known and nothing is wrong.

        Raises:
            ConfigError: The token is refused, or is not a worker's.
        """
        check_token(self._client)

    def start(self) -> None:
        """Begins to deliver."""
        self._thread.start()

    def stop(self, drain_s: float = 0.0) -> int:
        """Waits up to `drain_s` until all has been delivered, then stops; gives the number of messages left."""
        deadline_s = time.monotonic() + drain_s
        while self._outbox.counts()["waiting"] and time.monotonic() < deadline_s and self._thread.is_alive():
            time.sleep(POLL_S)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=35.0)
        self._client.close()
        return self._outbox.counts()["waiting"]

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait_s = self._round()
            except sqlite3.OperationalError as error:  # busy, or its disk is full: neither lasts for ever
                log.warning("the outbox can't be used for now: %s", error)
                wait_s = self._backoff_s()
            except Exception:
                # Nothing is delivered without this thread: whatever it is, it is said, and tried again.
                log.exception("a round of deliveries has failed")
                wait_s = self._backoff_s()
            self._stopping.wait(wait_s)
        self._outbox.close()

    def _round(self) -> float:
        """Delivers what is waiting; gives the seconds to wait before the next round."""
        now_s = time.monotonic()
        self._held_until_s = {incident: until for incident, until in self._held_until_s.items() if until > now_s}
        messages = self._outbox.next_messages(BATCH, skip=self._held_until_s)
        batch = revisions_for_batch(messages)
        together = self._deliver_together(batch, now_s)
        if together is None:
            self._let_others_try(batch[0])
            return self._backoff_s()
        for message in messages:
            if self._stopping.is_set():
                return 0.0
            if message.seq in together:
                continue
            outcome = self._deliver(message)
            if outcome is Outcome.AWAY:
                self._let_others_try(message)
                return self._backoff_s()
            if outcome is Outcome.LATER:
                self._hold(message, now_s)
        return 0.0 if messages else POLL_S

    def _hold(self, message: Message, now_s: float, max_s: float = HELD_MAX_S) -> None:
        wait_s = min(max_s, HELD_FIRST_S * 2.0 ** min(message.attempts, 10))
        self._held_until_s[message.incident] = now_s + wait_s

    def _let_others_try(self, message: Message) -> None:
        """Nobody takes anything, or nobody takes this one: from its second try on, the next probe is another incident's."""
        if message.attempts > 0:
            self._hold(message, time.monotonic(), BACKOFF_MAX_S)

    def _deliver_together(self, batch: Sequence[Message], now_s: float) -> set[int] | None:
        """Sends revisions in one request; gives which have been dealt with. None: nobody takes anything for now."""
        if not batch or not self._takes_batches:
            return set()
        try:
            answer = send_batch(self._client, batch, self._epoch_of)
        except httpx.RequestError as error:
            self._outbox.failed(batch[0])
            self._went_away(str(error) or type(error).__name__)
            return None
        if answer.status_code in ALL_REFUSED:
            self._outbox.failed(batch[0])
            self._went_away(f"{answer.status_code} {answer.text[:300]}")
            return None
        results = answers_of(answer, len(batch)) if answer.is_success else None
        if results is None:
            # An event system that is older than batches; or something about them as a whole: alone, each will tell.
            self._takes_batches = answer.status_code not in UNKNOWN_HERE
            return set()
        self._came_back()
        for message, result in zip(batch, results, strict=True):
            if result.status in (httpx.codes.OK, httpx.codes.CREATED):
                self._has_arrived(message)
            elif self._not_taken(message, result.status, result.said) is not Outcome.DONE:
                self._hold(message, now_s)
        return {message.seq for message in batch}

    def _backoff_s(self) -> float:
        wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self._attempt, 10))
        self._attempt += 1
        return wait_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, hides nothing

    def _deliver(self, message: Message) -> Outcome:
        try:
            with delivering(message) as trace:
                answer = self._send(message, trace)
        except httpx.RequestError as error:
            self._outbox.failed(message)
            self._went_away(str(error) or type(error).__name__)
            return Outcome.AWAY
        except OSError as error:
            self._give_up(message, f"its file can't be read: {error}")
            return Outcome.DONE
        if answer.is_success:
            self._came_back()
            self._has_arrived(message)
            return Outcome.DONE
        return self._not_taken(message, answer.status_code, f"{answer.status_code} {answer.text[:300]}")

    def _not_taken(self, message: Message, status: int, said: str) -> Outcome:
        if status in REFUSED and not (status in RETRY_REFUSED and message.attempts < RETRY_MAX):
            self._give_up(message, said)
            return Outcome.DONE
        self._outbox.failed(message)
        if status in ALL_REFUSED:
            self._went_away(said)
            return Outcome.AWAY
        log.warning(
            "incident %s, %s %s: not taken, tried again: %s", message.incident, message.kind, message.name, said
        )
        return Outcome.LATER

    def _has_arrived(self, message: Message) -> None:
        self._outbox.sent(message)
        self.delivered += 1
        has_arrived(message)

    def _send(self, message: Message, trace: Mapping[str, str]) -> httpx.Response:
        if message.kind == "revision":
            where = f"/v1/incidents/{quote(message.incident, safe='')}"
            epoch = self._epoch_of(camera_of(message))
            lease = {} if epoch is None else {"Lease-Epoch": str(epoch)}
            content = (message.body or "").encode()
            return self._client.put(
                where, content=content, headers={"Content-Type": "application/json", **lease, **trace}
            )
        return send_file(self._client, message, trace)

    def _give_up(self, message: Message, why: str) -> None:
        self._outbox.refused(message, why)
        self.refused += 1
        log.error("incident %s, %s %s: refused for good: %s", message.incident, message.kind, message.name, why)

    def _went_away(self, why: str) -> None:
        if self._away_since_s is None:
            self._away_since_s = time.monotonic()
            log.warning("the event system does not take messages (%s): they are kept and sent later", why)

    def _came_back(self) -> None:
        self._attempt = 0
        if self._away_since_s is not None:
            log.info("the event system is back after %.0f s", time.monotonic() - self._away_since_s)
            self._away_since_s = None
