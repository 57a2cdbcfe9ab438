"""Boxes with identities over the pictures of one clip, and what TrackEval's metrics want of two of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError


@dataclass(frozen=True, eq=False)
class Tracks:
    """Boxes of one clip, each of a thing that keeps its id, in any order.

    Attributes:
        pictures: int64 `(N,)`, index of the picture that a box is in, 0 for the first.
        ids: int64 `(N,)`, any number; boxes of one thing have the same.
        boxes_px: float64 `(N, 4)`, x1, y1, x2, y2 in pixels, origin top left.

    Raises:
        EvaluationError: shapes or types do not fit, a picture has an id twice, or a box is empty or not finite.
    """

    pictures: NDArray[np.int64]
    ids: NDArray[np.int64]
    boxes_px: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.ids)
        expected = (("pictures", (count,), np.int64), ("ids", (count,), np.int64), ("boxes_px", (count, 4), np.float64))
        for name, shape, dtype in expected:
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise EvaluationError(
                    f"tracks: {name} must be {np.dtype(dtype)} {shape}, not {array.dtype} {array.shape}"
                )
        if count and self.pictures.min() < 0:
            raise EvaluationError(f"tracks: picture {self.pictures.min()}: allowed is 0 and more")
        looks, times = np.unique(np.stack([self.pictures, self.ids], axis=1), axis=0, return_counts=True)
        if (times > 1).any():
            picture, twice = looks[np.argmax(times > 1)]
            raise EvaluationError(f"tracks: picture {picture} has id {twice} more than once")
        sound = np.isfinite(self.boxes_px).all(axis=1) & (self.boxes_px[:, :2] < self.boxes_px[:, 2:]).all(axis=1)
        if not sound.all():
            wrong = int(np.argmin(sound))
            raise EvaluationError(
                f"tracks: box {self.boxes_px[wrong].tolist()} of id {self.ids[wrong]} in picture {self.pictures[wrong]} "
                "is empty or not finite: allowed is x1 < x2 and y1 < y2"
            )

    def __len__(self) -> int:
        return len(self.ids)


def sequence(truth: Tracks, predicted: Tracks) -> dict[str, Any]:
    """One clip as TrackEval's metrics take it: what its `get_preprocessed_seq_data` makes of files, without the files.

    Pictures without a box change no metric that is reported here, so the clip ends with its last box.
    """
    count = 1 + max((int(tracks.pictures.max()) for tracks in (truth, predicted) if len(tracks)), default=-1)
    (true_ids, true_boxes), (seen_ids, seen_boxes) = _by_picture(truth, count), _by_picture(predicted, count)
    return {
        "num_timesteps": count,
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(predicted),
        "num_gt_ids": len(np.unique(truth.ids)),
        "num_tracker_ids": len(np.unique(predicted.ids)),
        "gt_ids": true_ids,
        "tracker_ids": seen_ids,
        "similarity_scores": [box_iou(one, other) for one, other in zip(true_boxes, seen_boxes, strict=True)],
    }


def box_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each box `(N, 4)` with each of the other `(M, 4)`, float64 `(N, M)`.

    In double precision, unlike `supervision.box_iou_batch`: a threshold is met or not by the last bit.
    """
    corners = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    shared = corners.clip(min=0).prod(axis=2)
    areas, other_areas = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other))
    return np.asarray(shared / (areas[:, None] + other_areas[None] - shared), np.float64)


def _by_picture(tracks: Tracks, count: int) -> tuple[list[NDArray[np.int64]], list[NDArray[np.float64]]]:
    """Ids, numbered from 0 without gaps, and boxes of each picture."""
    order = np.argsort(tracks.pictures, kind="stable")
    numbers = np.unique(tracks.ids, return_inverse=True)[1].reshape(-1)[order]
    starts = np.searchsorted(tracks.pictures[order], np.arange(1, count))
    return np.split(numbers, starts), np.split(tracks.boxes_px[order], starts)
