"""What every detector family must say."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.families.graph import Graph, InputSize
from models.families.preparation import Preparation
from models.letterbox import Letterbox
from models.runtime.session import Port

DETECTIONS_MAX = 300  # Ultralytics' max_det; a street picture holds far fewer

Outputs = Sequence[NDArray[Any]]
"""All outputs of one picture, without the batch axis, in the order of the graph; floats are float32."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Boxes in pixels of the padded picture: float32 `(N, 4)` x1, y1, x2, y2; classes int64 `(N,)`; scores float32 `(N,)`."""

    boxes_px: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]

    def best(self, most: int = DETECTIONS_MAX) -> "Raw":
        """The best ones, best first; of equal scores the earlier one comes first."""
        return self.select(np.argsort(-self.scores, kind="stable")[:most])

    def with_area(self) -> "Raw":
        """Those whose right side lies right of the left one, and the lower below the upper: a head can turn them round."""
        left, top, right, bottom = self.boxes_px.T
        return self.select((right > left) & (bottom > top))

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Raw":
        """Those that a mask `(N,)` or indices name."""
        return Raw(self.boxes_px[which], self.classes[which], self.scores[which])


class Head(ABC):
    """Reads what a graph gives."""

    @abstractmethod
    def read(self, outputs: Outputs, plan: Letterbox, score_min: float) -> Raw:
        """Boxes of one picture that reach the score, overlaps suppressed where the family has to, best first."""

    def doubt(self, outputs: Outputs, plan: Letterbox) -> str:
        """Why these values, of a grey picture, can't be this layout's although their shapes can; empty if they can."""
        del outputs, plan
        return ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which graphs of a family take a picture and give boxes, bound to the ports of one graph.

    Attributes:
        name: for people.
        picture: the input for the picture.
        preparation: what a frame goes through.
        head: reads the outputs.
        sizes: an input for the width and height of the picture, int64 or float32 `(N, 2)`, where the graph has one.
    """

    name: str
    picture: Port
    preparation: Preparation
    head: Head
    sizes: Port | None = None

    def plan(self, width_px: int, height_px: int, size: InputSize) -> Letterbox:
        """How a frame of this size is fed into an input of that size.

        Raises:
            ModelError: a size is not positive, or the input is none that the family takes.
        """
        return self.preparation.plan(width_px, height_px, size)

    def feed(self, image_rgb: NDArray[np.uint8], plan: Letterbox) -> dict[str, NDArray[Any]]:
        """The inputs of one picture, each with a batch axis of 1.

        Args:
            image_rgb: uint8 `(height, width, 3)`, red first, of the size `plan.resized`.
            plan: where it goes.
        """
        planes = self.preparation.planes(image_rgb, plan)
        feeds: dict[str, NDArray[Any]] = {self.picture.name: planes.astype(self.picture.dtype, copy=False)}
        if self.sizes:
            # The graph scales its boxes to the size that it is told. Told its own, it leaves the way back to the plan.
            feeds[self.sizes.name] = np.array([plan.padded], self.sizes.dtype)
        return feeds

    def read(self, outputs: Sequence[NDArray[Any]], plan: Letterbox, score_min: float) -> Raw:
        """Boxes of the first picture of a run that have an area, best first, at most `DETECTIONS_MAX`."""
        return self.head.read(first_picture(outputs), plan, score_min).with_area()


def first_picture(outputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """The outputs of the first picture of a batch; float16 becomes float32."""
    return [one.astype(np.float32) if one.dtype == np.float16 else one for one in (output[0] for output in outputs)]


class Family(Protocol):
    """One kind of detector."""

    @property
    def gives(self) -> str:
        """What its graphs give, for people."""

    def layout(self, graph: Graph) -> Layout:
        """The layout of this graph.

        Raises:
            ModelError: it is none of this family; the line says what would be right.
        """


def corners(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes `(N, 4)` of centre x, y, width, height as x1, y1, x2, y2; float32 both."""
    centre, half = boxes[:, :2], boxes[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
