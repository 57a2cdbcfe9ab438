"""A tracker's boxes against true ones, both as files of MOTChallenge's rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.datasets.formats.mot import mot_rows
from evaluation.errors import EvaluationError
from evaluation.metrics.tracking import Tracking, tracking
from evaluation.metrics.tracks import Tracks


def score_tracks(truth: Path, predicted: Path) -> Tracking:
    """HOTA, IDF1 and MOTA of one sequence; rows that are not to be considered are left out on both sides.

    Args:
        truth: `gt.txt`.
        predicted: what a tracker wrote, in the same rows.

    Raises:
        EvaluationError: a file can't be read, is not such rows, or has an id twice in a picture.
    """
    return tracking([(_tracks(truth), _tracks(predicted))])


def _tracks(path: Path) -> Tracks:
    rows = [row for row in mot_rows(path, []) if row[3]]
    numbers = {name: number for number, name in enumerate(sorted({row[0] for row in rows}))}
    try:
        return Tracks(
            np.array([row[2] - 1 for row in rows], np.int64),
            np.array([numbers[row[0]] for row in rows], np.int64),
            np.array([row[4] for row in rows], np.float64).reshape(-1, 4),
        )
    except EvaluationError as error:
        raise EvaluationError(f"{path}: {error}") from error
