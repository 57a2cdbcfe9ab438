"""A few at a time: what is costly is done by so many at once, some more wait for a turn, the rest is told to come back."""

import threading
from collections.abc import Generator
from contextlib import contextmanager


class NoTurnError(Exception):
    """Too many are at it or wait already."""


class Turns:
    """Gives turns.

    Args:
        at_once: So many have one at the same time.
        in_line: So many may wait for one, each in a thread that others need as well.
        wait_s: For how long.
    """

    def __init__(self, at_once: int, in_line: int, wait_s: float) -> None:
        self._places = threading.BoundedSemaphore(at_once + in_line)
        self._turns = threading.BoundedSemaphore(at_once)
        self._wait_s = wait_s

    @contextmanager
    def turn(self) -> Generator[None]:
        """Waits for a turn, which lasts as long as the block.

        Raises:
            NoTurnError: The line is too long, or did not move.
        """
        if not self._places.acquire(blocking=False):
            raise NoTurnError
        try:
            if not self._turns.acquire(timeout=self._wait_s):
                raise NoTurnError
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()
