"""What a browser can play of each clip: the clip itself, or a viewing copy that is made when it is first asked for."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import av

from evaluation.labelling.labels import LabelledClip
from streams.viewing import write_viewing_copy


class Films:
    """The films of some clips; copies lie in a folder of their own, until it is closed."""

    def __init__(self, clips: Sequence[LabelledClip]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="streetwarden-label-", ignore_cleanup_errors=True)
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._films: dict[int, Path | Future[Path]] = {}
        self._clips = clips

    def get(self, number: int) -> Path | Future[Path]:
        """The film, or the promise of it; the first call starts to make it."""
        with self._lock:
            if number not in self._films:
                clip = self._clips[number].timeline.path
                self._films[number] = clip if plays(clip) else self._promise(clip, number)
            return self._films[number]

    def _promise(self, clip: Path, number: int) -> Future[Path]:
        film: Future[Path] = Future()
        copy = Path(self._folder.name) / f"{number}.mp4"

        def make() -> None:
            try:
                with self._one_at_a_time:
                    film.set_result(write_viewing_copy(clip, copy).path)
            except (OSError, ValueError, av.error.FFmpegError) as error:
                film.set_exception(error)

        # A daemon: to transcode an hour takes half of one, and Ctrl-C does not wait for it.
        threading.Thread(target=make, name=f"viewing-copy-{number}", daemon=True).start()
        return film

    def close(self) -> None:
        """Takes the copies away."""
        self._folder.cleanup()


def plays(clip: Path) -> bool:
    """Whether browsers play it as it is: 8-bit H.264 in MP4."""
    with av.open(clip) as source:
        context = source.streams.video[0].codec_context
        return context.name == "h264" and context.pix_fmt in ("yuv420p", "yuvj420p") and "mp4" in source.format.name
