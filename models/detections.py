"""What a detector saw in one picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes of one picture, best score first.

    Attributes:
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the source frame, origin top left.
        classes: int64 `(N,)`, index into `names`.
        scores: float32 `(N,)`, 0…1.
        names: all classes that the model knows.

    Examples:
        >>> seen = Detections(np.array([[0, 0, 9, 9]], np.float32), np.array([1]), np.array([0.5], np.float32), ("cat", "car"))
        >>> len(seen.of_role("vehicle", {"car": "vehicle"}))
        1

    Raises:
        ModelError: shapes or types do not fit, or a class lies outside of `names`.
    """

    boxes_px: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.boxes_px)
        expected = (
            ("boxes_px", (count, 4), np.float32),
            ("classes", (count,), np.int64),
            ("scores", (count,), np.float32),
        )
        for name, shape, dtype in expected:
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ModelError(
                    f"detections: {name} must be {np.dtype(dtype)} {shape}, not {array.dtype} {array.shape}"
                )
        if count and not (self.classes.min() >= 0 and self.classes.max() < len(self.names)):
            raise ModelError(f"detections: classes must lie in 0…{len(self.names) - 1}")

    @classmethod
    def none(cls, names: tuple[str, ...]) -> "Detections":
        """No detections."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, np.float32), names)

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Detections":
        """Those that a mask `(N,)` or indices name."""
        return Detections(self.boxes_px[which], self.classes[which], self.scores[which], self.names)

    def of_role(self, role: str, roles: Mapping[str, str]) -> "Detections":
        """Those whose class plays a role.

        Args:
            role: such as `vehicle`.
            roles: class name to role; a class that is not in it plays none.
        """
        playing = np.array([roles.get(name) == role for name in self.names], np.bool_)
        return self.select(playing[self.classes])
