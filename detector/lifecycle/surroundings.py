"""What the cases of one camera share."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detector.evidence.maker import Made
from detector.lifecycle.incidents import Incident
from streams.ring import PacketRing

Submit = Callable[[Callable[[], Made], Callable[[Made], None]], None]
"""Runs slow work, at once or in a thread of its own, and hands what it made to the second function."""


@dataclass(frozen=True)
class Surroundings:
    """Where a case has its packets from, and where what it makes goes to."""

    ring: PacketRing
    submit: Submit
    publish: Callable[[Incident], None]
    record_of: Callable[[Incident], dict[str, Any]]
    """The incident as its record file says it."""
    failures: Counter[str]
    """What went wrong with them, by cause."""
