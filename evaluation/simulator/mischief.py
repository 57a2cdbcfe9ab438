"""Carries out a plan of faults on a running simulator, and says what it does as it does it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from evaluation.errors import EvaluationError
from evaluation.simulate import Simulator
from evaluation.simulator.faults import Mishap, Turn

CHECK_S = 1.0
"""A server that has died is noticed after this long."""


def carry_out(
    simulator: Simulator,
    plan: Iterable[Turn],
    say: Callable[[dict[str, Any]], None],
    *,
    stopped: threading.Event,
    end_s: float = float("inf"),
) -> None:
    """Begins and ends faults in time until `end_s` or `stopped`; leaves all cameras healthy.

    Args:
        simulator: Has to run.
        plan: What begins and ends when, in the order of time; seconds from now.
        say: Gets each beginning and end as it has happened.
        stopped: Set from elsewhere, ends everything at once.
        end_s: When to end.

    Raises:
        EvaluationError: The server has died.
    """
    zero_s = time.monotonic()
    going_on: dict[int, Mishap] = {}

    def do(mishap: Mishap, *, begins: bool) -> None:
        if begins:
            simulator.fault(mishap.camera, mishap.fault, **mishap.options)
            going_on[mishap.camera] = mishap
        else:
            simulator.heal(mishap.camera, mishap.fault)
            del going_on[mishap.camera]
        say(_line(mishap, begins=begins, at_s=time.monotonic() - zero_s))

    for turn in plan:
        if turn.at_s >= end_s or not _waited(simulator, zero_s + turn.at_s, stopped):
            break
        do(turn.mishap, begins=turn.begins)
    _waited(simulator, zero_s + end_s, stopped)
    for mishap in list(going_on.values()):
        do(mishap, begins=False)


def _waited(simulator: Simulator, until_s: float, stopped: threading.Event) -> bool:
    """True when the time has come, False when somebody stopped us before."""
    while (left_s := until_s - time.monotonic()) > 0:
        if stopped.wait(min(left_s, CHECK_S)):
            return False
        if not simulator.running:
            raise EvaluationError("the simulator's server has died")
    return not stopped.is_set()


def _line(mishap: Mishap, *, begins: bool, at_s: float) -> dict[str, Any]:
    return {
        "event": "fault begins" if begins else "fault ends",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "at_s": round(at_s, 3),
        "camera": mishap.camera,
        "fault": mishap.fault,
        **({"options": mishap.options, "lasts_s": round(mishap.end_s - mishap.start_s, 3)} if begins else {}),
    }
