"""When a delivery is tried again, and when it is given up. Pure."""

from datetime import datetime, timedelta

FIRST_WAIT_S = 5.0
GROWTH = 6.0
LONGEST_WAIT_S = 5 * 3600.0
"""Waits of 5 s, 30 s, 3 min, 18 min, 1.8 h and then 5 h: the steps of the Standard Webhooks recommendation."""

TRIES_MAX = 20
"""72 hours in all: a receiver that fell over on Friday evening gets everything on Monday morning."""

JITTER = 0.2
"""A wait is up to this part shorter or longer, so that what failed together does not come back together."""

_NO_FURTHER = 64


def wait_s(tries: int, chance: float, asked_s: float | None = None) -> float | None:
    """How long to wait after a try that failed.

    Args:
        tries: How many there have been.
        chance: From 0 up to 1.
        asked_s: What the receiver asked for (`Retry-After`), which is believed up to the longest wait.

    Returns:
        Seconds; None when it is given up.

    Examples:
        >>> [wait_s(tries, 0.5) for tries in (1, 2, 3, 6, 19, 20)]
        [5.0, 30.0, 180.0, 18000.0, 18000.0, None]
        >>> wait_s(1, 0.5, asked_s=60.0)
        60.0
    """
    if tries >= TRIES_MAX:
        return None
    steady_s = min(FIRST_WAIT_S * GROWTH ** min(tries - 1, _NO_FURTHER), LONGEST_WAIT_S)
    jittered_s = steady_s * (1.0 - JITTER + 2 * JITTER * chance)
    return max(jittered_s, min(asked_s or 0.0, LONGEST_WAIT_S))


def due_after(moment: datetime, tries: int, chance: float, asked_s: float | None = None) -> datetime | None:
    """When a delivery is due that failed at `moment`; None when it is given up."""
    seconds = wait_s(tries, chance, asked_s)
    return None if seconds is None else moment + timedelta(seconds=seconds)
