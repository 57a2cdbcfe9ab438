"""Opens clips and serves the page on this machine alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.errors import ApiError
from api.server import ThreadServer, app_config, bind
from evaluation.datasets.timeline import read_timeline
from evaluation.errors import EvaluationError
from evaluation.labelling.app import create_app
from evaluation.labelling.labels import LabelledClip, load

HOST: Final = "127.0.0.1"


def open_clips(paths: Sequence[Path], folder: Path) -> list[LabelledClip]:
    """Read the times of all clips, and what is known of them.

    Raises:
        EvaluationError: one can't be read, two would share their files, or a file that is there is wrong.
    """
    twice = [name for name, count in Counter(path.stem for path in paths).items() if count > 1]
    if twice:
        raise EvaluationError(f"two clips are called {twice[0]!r}: allowed is one, files are named after it")
    clips = [LabelledClip(path.stem, read_timeline(path), folder) for path in paths]
    for clip in clips:
        load(clip)
    return clips


class LabelServer(ThreadServer):
    """The page, served by a thread of this process.

    Args:
        clips: what to label.
        port: 0 for any free one.

    Attributes:
        url: where it is reached.

    Raises:
        EvaluationError: the port is taken.
    """

    def __init__(self, clips: Sequence[LabelledClip], port: int = 0) -> None:
        try:
            bound = bind(HOST, port)
        except ApiError as error:
            raise EvaluationError(str(error)) from error
        super().__init__(app_config(create_app(clips)), bound, "page")
