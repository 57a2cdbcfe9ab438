"""What a detector graph takes and gives, as far as a family has to know it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import ModelError
from models.runtime.session import Port

PICTURE_DTYPES = ("float32", "float16")
_CHANNELS = 3

Shape = Sequence[int | str | None]


@dataclass(frozen=True, slots=True)
class InputSize:
    """The picture that a graph takes.

    Attributes:
        width_px: of the input, or of what frames are scaled into where the graph leaves it open.
        height_px: of the same.
        fixed: the graph takes this size and no other.
    """

    width_px: int
    height_px: int
    fixed: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """The ports of a graph and what goes with them.

    Attributes:
        inputs: the first is the picture.
        outputs: in the order in which a run gives them.
        metadata: key-value pairs kept in the file.
        classes: how many the model is said to know.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    classes: int

    @property
    def picture(self) -> Port:
        """The input for the picture."""
        return self.inputs[0]

    def output(self, *words: str) -> int | None:
        """Index of the output whose name contains one of the words; None where there is none."""
        found = (index for index, port in enumerate(self.outputs) if any(word in port.name.lower() for word in words))
        return next(found, None)

    def cells(self, strides_px: Sequence[int]) -> int | None:
        """Cells of the grids with these strides over the input; None where its size is open."""
        height, width = self.picture.shape[2:4]
        if not (isinstance(height, int) and isinstance(width, int)):
            return None
        return cells(width, height, strides_px)


def cells(width_px: int, height_px: int, strides_px: Sequence[int]) -> int:
    """Cells of the grids with these strides over a picture.

    Examples:
        >>> cells(640, 640, (8, 16, 32))  # 80 x 80 + 40 x 40 + 20 x 20
        8400
    """
    return sum((height_px // stride) * (width_px // stride) for stride in strides_px)


def input_size(picture: Port, open_px: int) -> InputSize:
    """The size of the picture that a graph takes.

    Args:
        picture: its first input.
        open_px: taken for a side that the graph leaves open.

    Raises:
        ModelError: it takes no single float picture of three channels.
    """
    shape = picture.shape
    if len(shape) != 4 or not fits(shape[1], _CHANNELS):  # noqa: PLR2004 - N, C, H, W
        raise ModelError(f"input of shape {text(shape)} where (N, 3, height, width) is expected")
    if not fits(shape[0], 1):
        raise ModelError(f"input for batches of {shape[0]} pictures; export it for a batch of 1, or of any size")
    if picture.dtype not in PICTURE_DTYPES:
        raise ModelError(f"input of {picture.dtype}; {' or '.join(PICTURE_DTYPES)} is expected")
    height, width = (size if isinstance(size, int) else open_px for size in shape[2:])
    return InputSize(width, height, fixed=any(isinstance(size, int) for size in shape[2:]))


def fits(size: int | str | None, *expected: int) -> bool:
    """Whether a size that a graph declares is one of those expected; an open one always is."""
    return not isinstance(size, int) or size in expected


def text(shape: Shape) -> str:
    """A shape for people: `(N, 84, 8400)`; a question mark stands for what is open without a name."""
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"


def refuse(family: str, graph: Graph, expected: str) -> ModelError:
    """The error for a graph that is not this family's: what it gives, and what would be right."""
    if len(graph.outputs) == 1:
        return ModelError(f"{family}: output of shape {text(graph.outputs[0].shape)} where {expected} is expected")
    given = ", ".join(f"{port.name} {text(port.shape)}" for port in graph.outputs)
    return ModelError(f"{family}: outputs {given} where {expected} is expected")


def only_picture(family: str, graph: Graph) -> None:
    """Raise `ModelError` where a graph takes more than a picture."""
    if len(graph.inputs) != 1:
        names = ", ".join(port.name for port in graph.inputs)
        raise ModelError(f"{family}: inputs {names} where one picture is expected")
