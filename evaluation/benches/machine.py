"""What the figures were measured on."""

from __future__ import annotations

import os
from typing import Any


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The cores of the machine and how many processes want them: above `cpus` means that others were at work, too."""
    return {"cpus": os.cpu_count(), "usable_cpus": cores(), "load_average_1_min": round(os.getloadavg()[0], 2)}
