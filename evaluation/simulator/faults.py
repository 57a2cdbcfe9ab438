"""What can go wrong with a simulated camera, how much of it is allowed, and plans of random mishaps (pure)."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

Options = dict[str, float]


@dataclass(frozen=True, slots=True)
class Option:
    """A number that a fault takes, and what is allowed for it."""

    default: float
    least: float
    most: float
    usual: tuple[float, float]
    """Between these a random fault chooses."""


FAULTS: dict[str, dict[str, Option]] = {
    "drop": {},
    "stall": {},
    "jitter": {"delay_s": Option(1.0, 0.0, 30.0, usual=(0.1, 2.0))},
    "loss": {"share": Option(0.05, 0.0, 1.0, usual=(0.01, 0.2))},
    "truncate": {"share": Option(0.2, 0.0, 1.0, usual=(0.05, 0.5))},
    "clock_jump": {"by_s": Option(3600.0, -86_400.0, 86_400.0, usual=(-7200.0, 7200.0))},
    "clock_wrap": {"after_s": Option(3.0, 0.0, 3600.0, usual=(1.0, 20.0))},
    "frozen_time": {},
    "no_keyframes": {},
    "resolution": {"clip": Option(1, 0, float("inf"), usual=(0, 0))},
    "no_sender_reports": {},
}
"""Each fault and its options. `clip` counts the clips that the simulator was given, from 0."""


def checked(name: str, options: Options, clips: Sequence[int]) -> Options:
    """The options of a fault with defaults filled in; `clips` are those that the camera can change to.

    Raises:
        ValueError: There is no such fault or option, or a value is out of range.
    """
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}: allowed are {', '.join(FAULTS)}")
    known = FAULTS[name]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"fault {name!r} has no option {unknown[0]!r}: allowed are {', '.join(known) or 'none'}")
    filled = {key: options.get(key, option.default) for key, option in known.items()}
    for key, value in filled.items():
        if key == "clip" and value not in clips:
            raise ValueError(f"fault {name!r}: clip is {value}: the clips of this camera's codec are {list(clips)}")
        if not known[key].least <= value <= known[key].most:
            raise ValueError(
                f"fault {name!r}: {key} is {value}: allowed is {known[key].least:g} to {known[key].most:g}"
            )
    return filled


@dataclass(frozen=True, slots=True)
class Mishap:
    """One random fault of one camera; times in seconds from the start of the run."""

    camera: int
    fault: str
    start_s: float
    end_s: float
    options: Options = field(default_factory=dict)


FAULT_S = (2.0, 60.0)
"""A random fault lasts this long: shorter than a client's patience, and longer than it."""
PAUSE_S = (10.0, 90.0)
"""A camera is healthy this long between two faults, so that its recovery can be seen."""


def mishaps(clips: Sequence[Sequence[int]], seed: int) -> Iterator[Mishap]:
    """Random faults for ever, by their start; a camera has one at a time, and begins healthy.

    Args:
        clips: For each camera those that it can change to; with one alone its resolution stays.
        seed: The same seed gives the same plan.
    """
    rng = random.Random(seed)  # noqa: S311 - chance, not a secret
    due = [(rng.uniform(*PAUSE_S), camera) for camera in range(len(clips))]
    heapq.heapify(due)
    while due:
        start_s, camera = due[0]
        name = rng.choice([name for name in FAULTS if name != "resolution" or len(clips[camera]) > 1])
        options = {key: round(rng.uniform(*option.usual), 3) for key, option in FAULTS[name].items()}
        if name == "resolution":
            options["clip"] = rng.choice(clips[camera])
        end_s = start_s + rng.uniform(*FAULT_S)
        yield Mishap(camera, name, round(start_s, 3), round(end_s, 3), options)
        heapq.heapreplace(due, (end_s + rng.uniform(*PAUSE_S), camera))


@dataclass(frozen=True, slots=True)
class Turn:
    """A moment at which a fault begins or ends."""

    at_s: float
    begins: bool
    mishap: Mishap


def turns(plan: Iterable[Mishap], calm_after_s: float) -> Iterator[Turn]:
    """Beginnings and ends in the order of time; no fault begins at or after `calm_after_s`."""
    going_on: list[tuple[float, int, Mishap]] = []
    for mishap in plan:
        while going_on and going_on[0][0] <= min(mishap.start_s, calm_after_s):
            end_s, _, ended = heapq.heappop(going_on)
            yield Turn(end_s, begins=False, mishap=ended)
        if mishap.start_s >= calm_after_s:
            break
        yield Turn(mishap.start_s, begins=True, mishap=mishap)
        heapq.heappush(going_on, (mishap.end_s, mishap.camera, mishap))
    while going_on:
        end_s, _, ended = heapq.heappop(going_on)
        yield Turn(end_s, begins=False, mishap=ended)
