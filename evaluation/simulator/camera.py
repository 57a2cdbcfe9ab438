"""One simulated camera: which pictures leave it when, and what its faults make of them (pure: time comes in)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from evaluation.simulator.faults import Options
from evaluation.simulator.reel import Picture, Reel

TRUNCATED_PART = 0.5
"""This part of a truncated picture still arrives: past the slice header, so that a decoder gets to the damage."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A picture that leaves the camera: a range of bytes of a reel, and the time stamp that it carries."""

    reel: Reel
    offset_bytes: int
    size_bytes: int
    stamp_s: float
    """On the clock of `Camera.due`, unless a fault has its way."""


class Camera:
    """Plays a reel from the moment that somebody watches, in real time.

    What is before the lens goes on whether anybody watches or not: at `now_s` a looped reel has got to
    `(now_s + phase_s) % duration_s`. Like a camera that makes a keyframe for whoever comes first, playing starts at the
    keyframe before, and stays that little bit behind. A reel that is not looped is played from its start each time.
    """

    def __init__(self, reels: list[Reel], home: int, *, loop: bool = True, phase_s: float = 0.0, seed: int = 0) -> None:
        self._reels = reels
        self._home = home
        self._loop = loop
        self._phase_s = phase_s
        self._rng = random.Random(seed)  # noqa: S311 - chance, not a secret
        self.faults: dict[str, Options] = {}
        self.pictures = 0
        """Pictures made while somebody watched."""
        self._reel = reels[home]
        self._playing: Iterator[tuple[float, float, Picture]] | None = None
        self._next: tuple[float, float, Picture] | None = None
        self._leaves_s = 0.0
        self._fresh = False
        self._frozen_s: float | None = None

    @property
    def ended(self) -> bool:
        """True when a reel that is not looped has been played."""
        return self._playing is not None and self._next is None

    def watched(self, now_s: float) -> None:
        """Somebody watches from now on: the next picture is a keyframe."""
        self._fresh = True
        self._play(self._reel, now_s)

    def unwatched(self) -> None:
        """Nobody watches any more."""
        self._playing = self._next = None

    def start(self, fault: str, options: Options, now_s: float) -> None:
        """A fault begins; one of the same name that goes on is replaced. The options are complete."""
        self.faults[fault] = options
        if fault == "resolution":
            self._change_to(self._reels[int(options["clip"])], now_s)

    def end(self, fault: str, now_s: float) -> None:
        """A fault ends; that it had not begun does no harm."""
        if self.faults.pop(fault, None) is None:
            return
        if fault == "resolution":
            self._change_to(self._reels[self._home], now_s)
        elif fault == "frozen_time":
            self._frozen_s = None

    def due(self, now_s: float) -> list[Sent]:
        """What has to leave the camera by now, in order."""
        sent: list[Sent] = []
        while self._next is not None and self._leaves_s <= now_s:
            sent += self._made_of(*self._next[1:])
            self._advance()
        self.pictures += len(sent)
        return sent

    def _change_to(self, reel: Reel, now_s: float) -> None:
        self._reel = reel
        if self._playing is not None:
            self._play(reel, now_s)

    def _play(self, reel: Reel, now_s: float) -> None:
        first = reel.keyframe_before((now_s + self._phase_s) % reel.duration_s) if self._loop else 0
        self._playing = _round_and_round(reel, first, now_s, loop=self._loop)
        self._leaves_s = now_s
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._playing, None) if self._playing is not None else None
        if self._next is not None:
            delay_s = self._rng.uniform(0.0, self.faults.get("jitter", {}).get("delay_s", 0.0))
            self._leaves_s = max(self._leaves_s, self._next[0] + delay_s)

    def _made_of(self, show_s: float, picture: Picture) -> list[Sent]:
        size_bytes = picture.size_bytes
        fresh, self._fresh = self._fresh, False
        if "stall" in self.faults and not fresh:
            return []
        if self.faults.keys() & {"stall", "no_keyframes"} and picture.keyframe:
            size_bytes = picture.header_bytes  # what a new client needs to know of the stream is always told
        elif self._rng.random() < self.faults.get("truncate", {}).get("share", 0.0):
            size_bytes = max(picture.header_bytes + 1, int(size_bytes * TRUNCATED_PART))
        return [Sent(self._reel, picture.offset_bytes, size_bytes, self._stamp_s(show_s))]

    def _stamp_s(self, show_s: float) -> float:
        if "frozen_time" in self.faults:
            self._frozen_s = show_s if self._frozen_s is None else self._frozen_s
            show_s = self._frozen_s
        return show_s + self.faults.get("clock_jump", {}).get("by_s", 0.0)


def _round_and_round(reel: Reel, first: int, now_s: float, *, loop: bool) -> Iterator[tuple[float, float, Picture]]:
    """When each picture is due and shown, from one that is due now."""
    zero_s = now_s - reel.pictures[first].decode_s
    while True:
        for picture in reel.pictures[first:]:
            yield zero_s + picture.decode_s, zero_s + picture.show_s, picture
        if not loop:
            return
        first, zero_s = 0, zero_s + reel.duration_s
