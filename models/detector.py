"""A loaded detector: a picture in, boxes in pixels of the source frame out."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.detections import Detections
from models.errors import ModelError
from models.families import FAMILIES
from models.families.family import Family
from models.families.graph import Graph, input_size
from models.letterbox import Letterbox
from models.registry.entries import Model, load_registry
from models.registry.pull import pull
from models.runtime.batcher import Batcher, BatcherStats, batched
from models.runtime.session import Runner, open_session

_log = logging.getLogger(__name__)

USUAL_FRAME_PX = (1920, 1080)  # most cameras: what a detector is warmed up with
IGNORED = "ignore"  # the role of classes that are never handed on
SCORE_MIN = 0.1  # low on purpose: trackers use weak boxes too (ByteTrack, arXiv:2110.06864), rules set their own floor


class Detector:
    """A detector model in a session. Any number of threads may call `detect` at once.

    Attributes:
        name: of the model in the registry.
        names: its classes, in the order of their indices.
        roles: class name to role, such as `vehicle`; a class that is not in it plays none.
        layout: of the family's layouts, the one that the graph has.
    """

    def __init__(self, model: Model, family: Family, session: Runner) -> None:
        self.name = model.name
        self.names = model.class_names
        self.roles: Mapping[str, str] = MappingProxyType(dict(model.roles))
        self._heeded = np.array([self.roles.get(name) != IGNORED for name in self.names])
        self._session = session
        graph = Graph(session.inputs, session.outputs, session.metadata, len(self.names))
        self._size = input_size(graph.picture, model.entry.input_size)
        self._layout = family.layout(graph)
        self.layout = self._layout.name
        if self._size.fixed and {self._size.width_px, self._size.height_px} != {model.entry.input_size}:
            taken = f"{self._size.width_px}x{self._size.height_px}"
            _log.info("model %s takes %s px, not the %d px of its entry", model.name, taken, model.entry.input_size)

    @property
    def provider(self) -> str:
        """Word of the execution provider in use."""
        return self._session.provider

    def batching(self) -> BatcherStats | None:
        """How the batcher in front of the model is doing; None where there is none, as on a CPU."""
        return self._session.stats() if isinstance(self._session, Batcher) else None

    def warm_up(self) -> None:
        """Look at nothing once, at each size of batch, so that the first camera does not wait for what is only done once."""
        plan = self.plan(*USUAL_FRAME_PX)
        blank = np.zeros((plan.resized[1], plan.resized[0], 3), np.uint8)
        self._session.warm_up(self.feeds(blank, plan))

    def plan(self, width_px: int, height_px: int) -> Letterbox:
        """How a frame of this size is fed; make it once per camera.

        Args:
            width_px: of the frame.
            height_px: of the frame.

        Returns:
            The plan; `resized` is the size that a frame may be scaled to beforehand.

        Raises:
            ModelError: a size is not positive, or the model's entry has an input size that it cannot take.
        """
        try:
            return self._layout.plan(width_px, height_px, self._size)
        except ModelError as error:
            raise ModelError(f"model {self.name!r}: {error}") from None

    def feeds(self, image_rgb: NDArray[np.uint8], plan: Letterbox) -> dict[str, NDArray[Any]]:
        """What the model is run with for a picture, each array with a batch axis of 1; arguments and errors as in `detect`."""
        return self._layout.feed(plan.scaled(image_rgb), plan)

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
        outputs = self._session.run(self.feeds(image_rgb, plan))
        raw = self._layout.read(outputs, plan, score_min)
        seen = Detections(plan.to_source(raw.boxes_px), raw.classes, raw.scores, self.names)
        return seen.select(self._heeded[seen.classes])


def load_detector(name: str = "yolov8n", *, provider: str | None = None, cache_dir: Path | None = None) -> Detector:
    """Open a model of the registry; it is fetched and converted first when it has to be.

    Args:
        name: in the registry.
        provider: `tensorrt`, `cuda`, `openvino` or `cpu`; None takes what STREETWARDEN_PROVIDER says, else the best that is
            there.
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
    path = pull(model, cache_dir)
    session = open_session(path, provider=provider, side_px=model.entry.input_size, cache_dir=cache_dir)
    detector = open_detector(model, batched(session))
    detector.warm_up()
    return detector


def open_detector(model: Model, session: Runner) -> Detector:
    """A detector out of an open session.

    Raises:
        ModelError: the graph is not what the model's entry says.
    """
    try:
        return Detector(model, FAMILIES[model.entry.family], session)
    except ModelError as error:
        raise ModelError(f"model {model.name!r}: {error}") from None
