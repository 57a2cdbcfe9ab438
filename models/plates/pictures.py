"""Pictures from files, and what was read in them as plain JSON."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.plates.reader import CONFIDENCE_MIN
from models.plates.reading import PlateReading


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture file as uint8 `(height, width, 3)`, red first.

    Raises:
        ModelError: there is no such file, or it is no picture.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise ModelError(f"{path}: not a picture that OpenCV can read (JPEG, PNG, BMP, TIFF, WebP)")
    return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8, copy=False)


def described(reading: PlateReading) -> dict[str, Any]:
    """A reading as plain JSON; `legible` says whether it is sure enough to be told."""
    return {
        "text": reading.text,
        "confidence": round(reading.confidence, 4),
        "legible": reading.confidence >= CONFIDENCE_MIN,
        "confidences": [round(value, 4) for value in reading.confidences],
        "colour": reading.colour.value,
        "score": round(reading.score, 4),
        "quad_px": [[round(float(x), 1), round(float(y), 1)] for x, y in reading.quad_px],
    }
