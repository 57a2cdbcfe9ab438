"""How the evidence of a long stay grows: which later stills are due when."""

import math
from dataclasses import dataclass

LATER_EVERY_MIN_S, LATER_EVERY_MAX_S = 300.0, 3600.0
"""A still whenever it has lasted twice as long, within these bounds."""


@dataclass
class Growth:
    """The stills that were taken after the alarm's."""

    count: int = 0
    newest_s: float = 0.0
    failed_s: float = -math.inf
    """When one could not be taken; the next try is one interval later."""

    @property
    def next_name(self) -> str:
        """What the next one is called."""
        return f"later-{self.count + 1}" if self.count else "later"

    def taken(self, time_s: float, *, made: bool) -> None:
        """Remembers one, or that it could not be made."""
        if made:
            self.count, self.newest_s = self.count + 1, time_s
        else:
            self.failed_s = time_s

    def due(self, now_s: float, since_s: float, alarm_s: float, dwell_s: float) -> bool:
        """The first is due when it has stood for the permitted time once more, the others ever more seldom.

        Args:
            now_s: In media time, as all moments.
            since_s: Since when it has stood there.
            alarm_s: When that was told.
            dwell_s: What is permitted.
        """
        if now_s < self.failed_s + LATER_EVERY_MIN_S:
            return False
        if not self.count:
            return now_s >= alarm_s + dwell_s
        apart_s = max(LATER_EVERY_MIN_S, min(LATER_EVERY_MAX_S, self.newest_s - since_s))
        return now_s >= self.newest_s + apart_s
