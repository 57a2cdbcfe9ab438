"""A loaded detector: a picture in, boxes in pixels of the source frame out."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.detections import Detections
from models.errors import ModelError
from models.families import FAMILIES
from models.families.family import Family
from models.letterbox import Letterbox
from models.registry.entries import Model, load_registry
from models.registry.pull import pull
from models.runtime.session import Session, open_session

_log = logging.getLogger(__name__)

SCORE_MIN = 0.1  # low on purpose: trackers use weak boxes too (ByteTrack, arXiv:2110.06864), rules set their own floor


class Detector:
    """A detector model in a session. Any number of threads may call `detect` at once.

    Attributes:
        name: of the model in the registry.
        names: its classes, in the order of their indices.
        roles: class name to role, such as `vehicle`; a class that is not in it plays none.
        provider: word of the execution provider in use.
    """

    def __init__(self, model: Model, family: Family, session: Session) -> None:
        self.name = model.name
        self.names = model.class_names
        self.roles: Mapping[str, str] = MappingProxyType(dict(model.roles))
        self.provider = session.provider
        self._family = family
        self._session = session
        self._picture = session.inputs[0].name
        self._input_px, self._fixed = _input_size(model, session)
        family.check_output(session.outputs[0].shape, len(self.names))

    def plan(self, width_px: int, height_px: int) -> Letterbox:
        """How a frame of this size is fed; make it once per camera.

        Args:
            width_px: of the frame.
            height_px: of the frame.

        Returns:
            The plan; `resized` is the size that a frame may be scaled to beforehand.

        Raises:
            ModelError: a size is not positive.
        """
        return self._family.plan(width_px, height_px, self._input_px, fixed=self._fixed)

    def detect(self, image_rgb: NDArray[np.uint8], plan: Letterbox, *, score_min: float = SCORE_MIN) -> Detections:
        """Look at one picture.

        Args:
            image_rgb: uint8 `(height, width, 3)`, red first, of the size `plan.source` or `plan.resized`.
            plan: of this detector, for this size of frame.
            score_min: boxes below are dropped, 0…1.

        Returns:
            Boxes in pixels of the source frame, best first.

        Raises:
            ModelError: the picture has another size or type than planned.
        """
        (output, *_) = self._session.run({self._picture: self._family.feed(plan.scaled(image_rgb), plan)})
        raw = self._family.read(output[0], plan, score_min)
        return Detections(plan.to_source(raw.boxes_px), raw.classes, raw.scores, self.names)


def load_detector(name: str = "yolov8n", *, provider: str | None = None, cache_dir: Path | None = None) -> Detector:
    """Open a model of the registry; it is fetched and converted first when it has to be.

    Args:
        name: in the registry.
        provider: `cuda`, `openvino` or `cpu`; None takes the best that is there.
        cache_dir: instead of the user's cache folder.

    Returns:
        The detector.

    Examples:
        >>> load_detector("yolov99")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        models.errors.ModelError: unknown model 'yolov99'; known: ...

    Raises:
        ModelError: the name is unknown, no source has the file, the file is no such model, or the provider is not there.
    """
    model = load_registry().model(name)
    session = open_session(pull(model, cache_dir), provider=provider)
    return open_detector(model, session)


def open_detector(model: Model, session: Session) -> Detector:
    """A detector out of an open session.

    Raises:
        ModelError: the graph is not what the model's entry says.
    """
    try:
        return Detector(model, FAMILIES[model.entry.family], session)
    except ModelError as error:
        raise ModelError(f"model {model.name!r}: {error}") from None


def _input_size(model: Model, session: Session) -> tuple[int, bool]:
    """Side of the input in pixels, and whether the graph takes no other."""
    shape = session.inputs[0].shape
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):  # noqa: PLR2004 - N, C, H, W
        raise ModelError(f"input of shape {tuple(shape)} where (N, 3, height, width) is expected")
    height, width = shape[2], shape[3]
    if not (isinstance(height, int) and isinstance(width, int)):
        return model.entry.input_size, False
    if height != width:
        raise ModelError(f"input of {width}x{height} px; a square one, or one of any size, is expected")
    if height != model.entry.input_size:
        _log.info("model %s takes %d px, not the %d px of its entry", model.name, height, model.entry.input_size)
    return height, True
