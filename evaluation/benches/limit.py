"""Searches the greatest number that holds. Pure: what holds is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

RESOLUTION: Final = 0.05
"""Two numbers closer together than this are not told apart: a shared machine varies by more."""


def greatest_that_holds(holds: Callable[[int], bool], first: int, most: int, *, resolution: float = RESOLUTION) -> int:
    """Double until it fails, then halve the gap.

    Args:
        holds: asked for a number, never twice for the same one; whatever holds is taken to hold for all smaller ones.
        first: where to begin; best a little below what is expected.
        most: nothing greater is tried.
        resolution: the gap at which to stop, as a share of the result.

    Returns:
        The greatest number that was seen to hold; 0 if not even 1 did.

    Examples:
        >>> greatest_that_holds(lambda cameras: cameras <= 11, first=4, most=100)  # 4, 8, 16 fails, 12 fails, 10, 11
        11
    """
    low, high, tried = 0, most + 1, max(1, min(first, most))
    while True:
        if holds(tried):
            low = tried
        else:
            high = tried
        if high - low <= max(1, int(low * resolution)):
            return low
        tried = min(2 * low, most) if high > most else (low + high) // 2
