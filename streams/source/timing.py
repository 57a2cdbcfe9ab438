"""The clocks that a feed lives by, in one place, so that a test can make a day pass in a minute."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol

SHORT_S = 0.25
"""Waiting for an event costs some 40 us, 1 ms of every second for a recording that is paced; a sleep costs a fifth."""


class Timing(Protocol):
    """What tells the time and waits."""

    def monotonic_s(self) -> float:
        """A clock that nobody sets."""
        ...

    def now(self) -> datetime:
        """The wall clock, in UTC; may be set at any time."""
        ...

    def wait(self, closed: threading.Event, wait_s: float) -> bool:
        """Waits, but no longer than until `closed` is set; tells whether it is."""
        ...


class SystemTiming:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        """As `time.monotonic`."""
        return time.monotonic()

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def wait(self, closed: threading.Event, wait_s: float) -> bool:
        """As `threading.Event.wait`, but for the time between two pictures cheaper: a sleep nobody can cut short."""
        if wait_s > SHORT_S:
            return closed.wait(wait_s)
        if wait_s > 0:
            time.sleep(wait_s)
        return closed.is_set()
