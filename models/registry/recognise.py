"""Finds out what an unknown detector is, by what it says about a grey picture."""

import ast
from collections.abc import Mapping, Sequence

import numpy as np

from models.errors import ModelError
from models.families import FAMILIES
from models.runtime.session import Session

_GREY = 0.45  # 114 of 255; what the values are does not matter here, only that they are usual


def output_shape(session: Session, input_px: int) -> tuple[int, ...]:
    """The sizes that come out of a model when a grey picture goes in.

    Args:
        session: the open model.
        input_px: side of the picture where the graph leaves it open.

    Raises:
        ModelError: its input is no picture, or it fails.
    """
    shape = session.inputs[0].shape
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):  # noqa: PLR2004 - N, C, H, W
        raise ModelError(f"input of shape {shape} where (N, 3, height, width) is expected")
    open_sizes = (1, 3, input_px, input_px)
    sizes = [size if isinstance(size, int) else chosen for size, chosen in zip(shape, open_sizes, strict=True)]
    try:
        return session.run({session.inputs[0].name: np.full(sizes, _GREY, np.float32)})[0].shape
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but Exception
        raise ModelError(f"fails on a grey picture: {' '.join(str(error).split())}") from None


def recognise_family(shape: Sequence[int], classes: int) -> str:
    """The family whose output for so many classes has this shape.

    Examples:
        >>> recognise_family((1, 84, 8400), 80), recognise_family((1, 3549, 85), 80)
        ('yolov8', 'yolox')

    Raises:
        ModelError: there is none; the line says what each family gives.
    """
    refusals = []
    for name, family in FAMILIES.items():
        try:
            family.check_output(tuple(shape), classes)
        except ModelError as error:
            refusals.append(str(error))
            continue
        return name
    raise ModelError(f"no known family: {'; '.join(refusals)}")


def names_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The class names that Ultralytics keeps in a model's metadata; none if there are none to be read."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
        listed = [names[index] for index in sorted(names)] if isinstance(names, dict) else names
    except (SyntaxError, TypeError, ValueError):
        return ()
    return tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ()
