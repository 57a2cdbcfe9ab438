"""How an incident's revisions get out: the newest one is told, or remembered as untold until it could be.

The disk may be full, or its database locked, for a second or for a day. What has been decided meanwhile stays decided, with its
times: it is told once there is room again.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

AGAIN_S = 2.0
"""Tries are this far apart, as looks are: each costs a write, and a camera that is away is ticked more often."""


@dataclass
class Telling:
    """Whether the newest revision of one incident has been told."""

    untold: bool = False
    _failed: bool = field(default=False, init=False)
    _again_s: float = field(default=-math.inf, init=False)

    def tell(self, incident: str, write: Callable[[], None], failures: Counter[str]) -> None:
        """Writes; what fails is logged, once until it succeeds, and is due again.

        Args:
            incident: Its id.
            write: Keeps and posts its newest revision.
            failures: Counts, by cause.
        """
        self.untold = True
        try:
            write()
        except Exception:
            failures["told later"] += not self._failed
            if not self._failed:
                log.exception("incident %s: can't be told for now: it is tried again", incident)
            self._failed = True
            return
        if self._failed:
            log.info("incident %s: is told at last", incident)
        self.untold = self._failed = False

    def due(self, now_s: float) -> bool:
        """Whether to try again now."""
        if not self.untold or now_s < self._again_s:
            return False
        self._again_s = now_s + AGAIN_S
        return True
