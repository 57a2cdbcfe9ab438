"""Footage that plays on and on: one pass over its pictures at a time, its end faded into its beginning."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import av
import cv2
import numpy as np

from evaluation.composer.footage import Footage, Image, picture_of

_FADE_S: Final = 0.8  # a cut would be a change of everything at once, which no camera shows


class _Player:
    """One pass over a clip; time only goes forward."""

    def __init__(self, frames: Iterator[tuple[float, av.VideoFrame]]) -> None:
        self._frames = frames
        self._first_s, self._frame = next(frames)
        self._next: tuple[float, av.VideoFrame] | None = next(frames, None)
        self._picture: Image | None = None

    def at(self, time_s: float) -> Image:
        """The newest picture at a time since the first one."""
        while self._next is not None and self._next[0] - self._first_s <= time_s + 1e-6:
            self._frame, self._picture = self._next[1], None
            self._next = next(self._frames, None)
        if self._picture is None:
            self._picture = picture_of(self._frame)
        return self._picture


class Reel:
    """A clip as an endless film, asked for in the order of time; two pictures of it are held at a time.

    Args:
        footage: where the clip is.
        name: its file name.
        from_s: where in the clip each round begins.
    """

    def __init__(self, footage: Footage, name: str, from_s: float = 0.0) -> None:
        count, rate = footage.length(name)
        length_s = count / rate - from_s
        self._fade_s = min(_FADE_S, length_s / 4)
        self._round_s = length_s - self._fade_s
        self._open = partial(footage.frames, name, from_s=from_s)
        self._now = _Player(self._open())
        self._rounds = 0
        self._before: _Player | None = None

    def at(self, time_s: float) -> Image:
        """The picture at a media time that is not before the last one asked for; the caller may change it."""
        while time_s >= (self._rounds + 1) * self._round_s:
            self._before, self._now = self._now, _Player(self._open())
            self._rounds += 1
        since_s = time_s - self._rounds * self._round_s
        picture = self._now.at(since_s)
        if self._before is None or since_s >= self._fade_s:
            self._before = None
            return picture.copy()
        old = self._before.at(since_s + self._round_s)
        share = since_s / self._fade_s
        return np.asarray(cv2.addWeighted(picture, share, old, 1 - share, 0), np.uint8)
