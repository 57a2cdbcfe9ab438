"""YOLOv8, and what Ultralytics exports in the same layout (v9, 11): RGB 0…1, boxes decoded in the graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.families.family import Raw, blob, refuse_output, suppress
from models.letterbox import Letterbox

IOU_MAX = 0.7  # Ultralytics' own for prediction
STRIDE_PX = 32


@dataclass(frozen=True, slots=True)
class YoloV8:
    """Output `(4 + classes, anchors)`: cx, cy, w, h in pixels of the padded picture, then a score 0…1 per class."""

    iou_max: float = IOU_MAX

    def plan(self, width_px: int, height_px: int, input_px: int, *, fixed: bool) -> Letterbox:
        """The least rectangle around the scaled frame; the whole square where the graph takes no other size."""
        return Letterbox.plan(width_px, height_px, input_px=input_px, stride_px=STRIDE_PX, square=fixed)

    def feed(self, image_rgb: NDArray[np.uint8], plan: Letterbox) -> NDArray[np.float32]:
        """The input `(1, 3, H, W)`, RGB 0…1, of a picture of the size `plan.resized`."""
        return blob(image_rgb, plan, 1 / 255)

    def read(self, output: NDArray[np.float32], plan: Letterbox, score_min: float) -> Raw:
        """Boxes whose best class reaches the score, each with that class alone."""
        del plan  # the graph decodes by itself
        best = output[4:].max(axis=0)
        column = output[:, best >= score_min]  # 5,040 anchors become a few dozen before anything else is done
        centre, half = column[:2], column[2:4] / 2
        boxes_px = np.concatenate([centre - half, centre + half]).T.astype(np.float32)
        return suppress(boxes_px, column[4:].argmax(axis=0), best[best >= score_min], self.iou_max)

    def check_output(self, shape: tuple[int | str | None, ...], classes: int) -> None:
        """Raise unless the output is `(N, 4 + classes, anchors)`."""
        if len(shape) != 3 or (isinstance(shape[1], int) and shape[1] != 4 + classes):  # noqa: PLR2004
            raise refuse_output("yolov8", shape, f"(N, 4 + {classes} classes, anchors)")
