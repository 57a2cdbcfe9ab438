"""The values that a sweep goes through, as a person writes them."""

from __future__ import annotations

import math
from typing import Final

from evaluation.errors import EvaluationError

VALUES_MAX: Final = 200
"""More rows than this nobody reads."""
DWELLS_MAX: Final = 20
"""Each dwell is a zone of its own while the film is watched."""
DWELL_MAX_S: Final = 86_400.0
_DIGITS: Final = 6  # 0.3 + 3 * 0.05 is 0.45


def score_values(text: str) -> tuple[float, ...]:
    """Scores from `FROM:TO:STEP`, both ends in it, or from a list.

    Examples:
        >>> score_values("0.3:0.5:0.1")
        (0.3, 0.4, 0.5)
        >>> score_values("0.7, 0.5")
        (0.5, 0.7)

    Raises:
        EvaluationError: it is neither, or a score lies outside 0…1.
    """
    values = _range(text) if ":" in text else _list(text, "--score", "FROM:TO:STEP or a list such as 0.5,0.6")
    if not all(0 <= value <= 1 for value in values):
        raise EvaluationError(f"--score {text}: allowed are scores from 0 to 1")
    return values


def dwell_values(text: str) -> tuple[float, ...]:
    """Seconds from a list.

    Examples:
        >>> dwell_values("10,20.5")
        (10.0, 20.5)

    Raises:
        EvaluationError: it is none, or one of them is no possible dwell of a zone.
    """
    values = _list(text, "--dwell", "a list of seconds such as 10,20,60")
    if not all(0 < value <= DWELL_MAX_S for value in values) or len(values) > DWELLS_MAX:
        raise EvaluationError(f"--dwell {text}: allowed are up to {DWELLS_MAX} values, above 0 and up to 86400 s")
    return values


def _list(text: str, option: str, allowed: str) -> tuple[float, ...]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise EvaluationError(f"{option} {text!r}: allowed is {allowed}") from None
    if not all(map(math.isfinite, values)) or len(values) > VALUES_MAX:
        raise EvaluationError(f"{option} {text!r}: allowed are up to {VALUES_MAX} finite numbers")
    return tuple(sorted(set(values)))


def _range(text: str) -> tuple[float, ...]:
    try:
        first, last, step = (float(part) for part in text.split(":"))
    except ValueError:
        raise EvaluationError(f"--score {text!r}: allowed is FROM:TO:STEP, such as 0.3:0.9:0.05") from None
    if not (math.isfinite(first) and math.isfinite(last) and step > 0 and first <= last):
        raise EvaluationError(f"--score {text!r}: allowed is FROM:TO:STEP with FROM up to TO, and STEP above 0")
    count = math.floor(round((last - first) / step, _DIGITS)) + 1
    if count > VALUES_MAX:
        raise EvaluationError(f"--score {text!r}: has {count} values: allowed are {VALUES_MAX}")
    return tuple(round(first + index * step, _DIGITS) for index in range(count))
