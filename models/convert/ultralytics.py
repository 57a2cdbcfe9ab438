"""Turns an Ultralytics detection checkpoint (YOLOv8, YOLO11, YOLO26, any size) into an ONNX model.

Input `images` is float32 `(N, 3, H, W)`, RGB 0…1, height and width multiples of the stride; all three sizes may differ from run
to run, the anchors are computed inside the graph. Output `output0` is what Ultralytics' own export gives:

- YOLOv8 and YOLO11: float32 `(N, 4 + classes, anchors)`: cx, cy, w, h in pixels of the input, then one score 0…1 per class;
- YOLO26: float32 `(N, 300, 6)`: x1, y1, x2, y2 in pixels of the input, score 0…1, class; best first, overlaps suppressed.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from models.convert.checkpoint import Checkpoint, Module
from models.convert.detect_head import add_detect_head
from models.convert.graph import GraphBuilder
from models.convert.modules import emit
from models.errors import ModelError


def convert_ultralytics(checkpoint: Checkpoint, *, source_sha256: str) -> onnx.ModelProto:
    """Write the graph of a detector.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        source_sha256: of the checkpoint file; kept in the metadata.

    Returns:
        The model; its metadata has `names`, `stride`, `task`, `license` (under Ultralytics' keys) and `source_sha256`.

    Raises:
        ModelError: the checkpoint is not a YOLOv8, YOLO11 or YOLO26 detector.
    """
    layers = list(checkpoint.model.child("model").children.values())
    if not layers or layers[-1].name != "Detect":
        raise ModelError(
            f"checkpoint: a detector ends in Detect, this one in {layers[-1].name if layers else 'nothing'}"
        )
    try:
        return _write(checkpoint, layers, source_sha256)
    except ModelError:
        raise
    except (
        AttributeError,
        IndexError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
        onnx.checker.ValidationError,
    ) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"checkpoint: not laid out as such a detector: {type(error).__name__}: {reason}") from None


def _write(checkpoint: Checkpoint, layers: Sequence[Module], source_sha256: str) -> onnx.ModelProto:
    names = class_names(checkpoint)
    builder = GraphBuilder()
    detected, shape = _add_layers(builder, layers)
    strides = [int(stride) for stride in np.asarray(layers[-1].setting("stride"))]
    return builder.model(
        inputs={"images": ["batch", 3, "height", "width"]},
        outputs={"output0": (detected, ["batch", *shape])},
        metadata={
            "names": str(dict(enumerate(names))),
            "stride": str(max(strides)),
            "task": "detect",
            "license": checkpoint.license,
            "source_sha256": source_sha256,
        },
    )


def class_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The class names of a checkpoint in the order of its outputs.

    Raises:
        ModelError: there are none, or not as many as the detector has outputs.
    """
    names = checkpoint.model.setting("names")
    named = [names[index] for index in sorted(names)] if isinstance(names, Mapping) else list(names or ())
    head = list(checkpoint.model.child("model").children.values())[-1]
    if len(named) != head.setting("nc"):
        raise ModelError(f"checkpoint: {len(named)} class names for {head.setting('nc')} classes")
    return tuple(str(name) for name in named)


def _add_layers(builder: GraphBuilder, layers: Sequence[Module]) -> tuple[str, list[str | int]]:
    outputs = ["images"]  # outputs[i + 1] is what layer i gives; -1 is the layer before
    for layer in layers[:-1]:
        outputs.append(emit(builder, layer, _sources(layer, outputs)))
    return add_detect_head(builder, layers[-1], _sources(layers[-1], outputs))


def _sources(layer: Module, outputs: Sequence[str]) -> list[str]:
    came_from = layer.setting("f")
    numbers = [came_from] if isinstance(came_from, int) else list(came_from)
    return [outputs[number] if number < 0 else outputs[number + 1] for number in numbers]
