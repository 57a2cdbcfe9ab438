"""Processes that run for long: one for a folder, and started again when they crash."""

import contextlib
import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path

from detector.errors import ConfigError

log = logging.getLogger(__name__)

RESTART_S = (1.0, 5.0, 15.0, 60.0)
"""Waits before a process that crashed is started again."""
HEALTHY_S = 300.0
"""What has run this long has recovered: the next crash counts as the first."""


@contextlib.contextmanager
def only_one(folder: Path, who: str) -> Iterator[None]:
    """Keeps a state folder to one process.

    Args:
        folder: Made if it is not there.
        who: What uses it, for people.

    Raises:
        ConfigError: Another one has it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"--state {folder}: another {who} uses it: give each {who} a folder of its own") from None
        yield


class Supervised:
    """A process that is started again, after a while, when it has ended by itself.

    Args:
        name: For people.
        launch: Starts it.
        may_finish: Whether it is done when it ends without an error; else that is as bad as a crash.
    """

    def __init__(self, name: str, launch: Callable[[], SpawnProcess], *, may_finish: bool) -> None:
        self._name, self._launch, self._may_finish = name, launch, may_finish
        self._crashes = 0
        self._restart_at_s: float | None = None
        self._started_s = time.monotonic()
        self.process = launch()
        self.finished = False

    def mind(self) -> None:
        """Looks after it. Call it now and then."""
        now_s = time.monotonic()
        if self._restart_at_s is not None:
            if now_s >= self._restart_at_s:
                self._restart_at_s, self._started_s = None, now_s
                self.process = self._launch()
        elif not self.finished and self.process.exitcode is not None:
            self._has_ended(now_s)

    def _has_ended(self, now_s: float) -> None:
        if self.process.exitcode == 0 and self._may_finish:
            self.finished = True
            return
        self._crashes = 1 if now_s - self._started_s > HEALTHY_S else self._crashes + 1
        wait_s = RESTART_S[min(self._crashes, len(RESTART_S)) - 1]
        log.error("%s exited with %s: started again in %.0f s", self._name, self.process.exitcode, wait_s)
        self._restart_at_s = now_s + wait_s

    def join(self, within_s: float) -> None:
        """Waits for one that has been told to stop; after the time it is ended."""
        self.process.join(within_s)
        if self.process.exitcode is None:
            log.error("%s did not stop within %.0f s: it is ended", self._name, within_s)
            self.process.kill()
            self.process.join()
