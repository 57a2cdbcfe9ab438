"""A sign that must last before it counts, and must stay away before it counts no more."""

from dataclasses import dataclass

LOOKS_MIN = 5
"""A fault must show in this many looks, however far apart they are: one picture can be anything."""
CLEAR_S = 10.0
"""And must be gone for this long, and so many looks, before it is over."""
CLEAR_LOOKS = 3
LAPSE_LOOKS = 2
"""A sign that has not lasted yet is forgotten after this many looks without it: one may be a lorry's side."""


@dataclass(slots=True)
class Lasting:
    """Follows one kind of sign over the looks of one camera."""

    lasts_s: float
    """Seconds for which it must show."""
    raised: bool = False
    since_s: float = 0.0
    """Media time of the first look that showed it; means something while it shows."""
    _looks: int = 0
    _away_looks: int = 0
    _away_since_s: float = 0.0

    @property
    def showing(self) -> bool:
        """True from the first look that shows it until it is over."""
        return self._looks > 0

    def look(self, *, shows: bool, time_s: float, began_s: float | None = None) -> None:
        """Takes a look that can tell whether the sign shows; leave out those that can't.

        Args:
            shows: Whether it does.
            time_s: Media time of the look.
            began_s: When the sign began, if that is known to be earlier.
        """
        if shows:
            if self._looks == 0:
                self.since_s = time_s if began_s is None else began_s
            self._looks += 1
            self._away_looks = 0
            self.raised = self.raised or (self._looks >= LOOKS_MIN and time_s - self.since_s >= self.lasts_s)
            return
        if self._away_looks == 0:
            self._away_since_s = time_s
        self._away_looks += 1
        over = self._away_looks >= CLEAR_LOOKS and time_s - self._away_since_s >= CLEAR_S
        if over if self.raised else self._away_looks >= LAPSE_LOOKS:
            self.raised, self._looks = False, 0
