"""Where plates are: a one-stage detector that gives the four corners of each.

The network is of the RetinaFace kind (Deng et al., arXiv:1905.00641): boxes and points relative to anchors on three grids.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.runtime.session import Session

SIDE_MAX_PX = 640
"""Longer sides are scaled down to this; a plate that can be read covers more than a twentieth of its vehicle's picture."""
SCORE_MIN = 0.5
"""Below, it is more often lettering on a wall than a plate; what it is after all is decided by its signs."""
OVERLAP_MAX = 0.4
"""IoU from which two boxes are the same plate, as the network's authors use it."""
_GRIDS = ((8, (24.0, 48.0)), (16, (96.0, 192.0)), (32, (384.0, 768.0)))
"""Cell and sides of the two square anchors in pixels, as the network was trained."""
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_MEAN_BGR = np.array([104, 117, 123], np.float32)
_OUTPUTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A plate: float32 `(4, 2)` corners from top left clockwise, in pixels of the picture; score 0…1."""

    quad_px: NDArray[np.float32]
    score: float


class Finder:
    """The open network. Any number of threads may call it."""

    def __init__(self, session: Session) -> None:
        if len(session.outputs) != _OUTPUTS:
            raise ModelError(f"plate finder: {len(session.outputs)} outputs, expected boxes, scores and corners")
        self._session = session

    def find(self, image_rgb: NDArray[np.uint8], *, score_min: float = SCORE_MIN) -> tuple[Finding, ...]:
        """Plates in a picture of a vehicle.

        Args:
            image_rgb: uint8 `(height, width, 3)`.
            score_min: 0…1.

        Returns:
            Best score first; none overlaps another one much.
        """
        scale = min(1.0, SIDE_MAX_PX / max(image_rgb.shape[:2]))
        small = (
            image_rgb if scale == 1.0 else cv2.resize(image_rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        picture = (small[:, :, ::-1].astype(np.float32) - _MEAN_BGR).transpose(2, 0, 1)[None]
        feed = {self._session.inputs[0].name: np.ascontiguousarray(picture)}
        boxes, scores, corners = (output[0] for output in self._session.run(feed))
        likely = scores[:, 1] >= score_min
        anchors = _anchors(*small.shape[:2])[likely]
        kept = _distinct(_boxes_of(boxes[likely], anchors), scores[likely, 1], score_min)
        quads = _corners_of(corners[likely], anchors)
        return tuple(
            Finding((quads[index] / scale).astype(np.float32), float(scores[likely, 1][index])) for index in kept
        )


def _anchors(height_px: int, width_px: int) -> NDArray[np.float32]:
    """Centre x, y, width, height of every anchor, `(N, 4)`, in pixels."""
    grids = []
    for cell_px, sides_px in _GRIDS:
        rows, columns = np.mgrid[: -(-height_px // cell_px), : -(-width_px // cell_px)]
        centres = (np.stack([columns, rows], axis=-1)[:, :, None, :] + 0.5) * cell_px
        sides = np.array(sides_px)[None, None, :, None]
        grids.append(
            np.concatenate(np.broadcast_arrays(centres.repeat(len(sides_px), 2), sides), axis=-1).reshape(-1, 4)
        )
    return np.concatenate(grids).astype(np.float32)


def _boxes_of(raw: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, top, width, height, `(N, 4)`."""
    centres = anchors[:, :2] + raw[:, :2] * _CENTRE_VARIANCE * anchors[:, 2:]
    sizes = anchors[:, 2:] * np.exp(raw[:, 2:] * _SIZE_VARIANCE)
    return np.concatenate([centres - sizes / 2, sizes], axis=1)


def _corners_of(raw: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(N, 4, 2)`, from top left clockwise; the network begins at the bottom right."""
    corners = anchors[:, None, :2] + raw.reshape(-1, 4, 2) * _CENTRE_VARIANCE * anchors[:, None, 2:]
    return np.roll(corners, -2, axis=1)


def _distinct(boxes: NDArray[np.float32], scores: NDArray[np.float32], score_min: float) -> list[int]:
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), score_min, OVERLAP_MAX)
    return [int(index) for index in np.asarray(kept).ravel()]
