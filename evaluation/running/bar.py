"""Progress on a terminal: minutes of film, clips, and how long it will take still. Nothing elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

_SHAPE = "{desc} {percentage:3.0f}% |{bar}| {n:.1f}/{total:.1f} min of film [{elapsed}, {remaining} left]"


class Bar:
    """A bar on standard error while the block lasts; warnings are written above it."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._redirected = logging_redirect_tqdm()
        self._clips = self._done = 0

    def __enter__(self) -> Self:
        self._redirected.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        self._redirected.__exit__(kind, error, trace)

    @property
    def done(self) -> int:
        """Clips that are finished."""
        return self._done

    @property
    def clips(self) -> int:
        """Clips in all."""
        return self._clips

    def begin(self, clips: int, kept: int, film_s: float) -> None:
        """Of so many clips so many are finished; so much film is to be analysed."""
        self._clips, self._done = clips, kept
        self._bar = tqdm(total=film_s / 60, bar_format=_SHAPE, disable=None, desc=self._words(), dynamic_ncols=True)

    def read(self, film_s: float) -> None:
        """So much more of it has been read."""
        if self._bar is not None:
            self._bar.update(film_s / 60)

    def clip(self) -> None:
        """One more clip is finished."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_description_str(self._words())

    def _words(self) -> str:
        return f"{self._done}/{self._clips} clips"
