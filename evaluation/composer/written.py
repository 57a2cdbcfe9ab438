"""What everything that people write in a recipe is made of."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

DURATION_MIN_S: Final = 1.0
DURATION_MAX_S: Final = 1800.0  # longer films are no other test than more films

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,60}$")]
File = Annotated[str, StringConstraints(pattern=r"^[^/\\]+$")]
Seconds = Annotated[float, Field(ge=0, le=DURATION_MAX_S)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Point = tuple[float, float]
"""x, y in fractions of the frame; outside 0…1 is out of sight."""
Outline = Annotated[list[Point], Field(min_length=3)]
STRICT: Final = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
"""What is not known is refused."""
