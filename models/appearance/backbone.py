"""The network behind the embedding: the first half of the default detector, cut off, so no more weights have to be fetched.

A MobileNetV2 trained on ImageNet takes twice the time and bears a change of light less well; gradients and colours by hand bear
it least; the decision and its figures stand in this room's README.
"""

from pathlib import Path
from typing import Any, Final

from models.errors import ModelError
from models.files import cache_folder, only_one, whole_file
from models.registry.entries import SHIPPED, load_registry
from models.registry.pull import pull

MODEL: Final = "yolov8n"
"""Whatever model detects: an embedding has to mean the same everywhere and after an upgrade of the detector."""
STRIDE_PX: Final = 16
"""Of the map that is taken: fine enough for a grille, a roof rack, a stripe; the coarser one (32) tells classes, not cars."""
_HALVINGS: Final = 4
"""2⁴ = 16."""
_CUT_VERSION: Final = 1
"""Part of the name that the cut graph is cached under."""


def fetch_backbone(cache_dir: Path | None = None) -> Path:
    """The ONNX file of the backbone; the detector is fetched, converted and cut first when it has to be.

    Args:
        cache_dir: instead of the user's cache folder.

    Returns:
        Its path. It takes float32 `(N, 3, height, width)`, RGB 0…1, and gives `(N, 128, height / 16, width / 16)`.

    Raises:
        ModelError: the detector cannot be had, or the folder cannot be written.
    """
    # Never the user's own of that name: what one worker wrote down another has to understand.
    whole = pull(load_registry(SHIPPED).model(MODEL), cache_dir)
    target = (cache_dir or cache_folder()) / "converted" / f"{whole.stem}-stride{STRIDE_PX}-v{_CUT_VERSION}.onnx"
    if target.is_file():
        return target
    try:
        with only_one(target):
            if not target.is_file():  # another process may have written it while we waited
                _cut(whole, target)
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def _cut(whole: Path, target: Path) -> None:
    import onnx  # noqa: PLC0415 - 12 MB that a worker whose file is there does without

    model = onnx.load(whole)
    model.graph.value_info.append(
        onnx.helper.make_tensor_value_info(_before_next_halving(model), onnx.TensorProto.FLOAT, None)
    )
    cut = onnx.utils.Extractor(model).extract_model([model.graph.input[0].name], [model.graph.value_info[-1].name])
    cut.metadata_props.extend(model.metadata_props)  # licence and digest of the weights stay with them
    with whole_file(target) as temporary:
        temporary.write_bytes(cut.SerializeToString())


def _before_next_halving(model: Any) -> str:
    """The map that the next convolution of stride 2 begins with, once the picture has been halved four times."""
    halving = [
        node
        for node in model.graph.node
        if node.op_type == "Conv" and any(it.name == "strides" and list(it.ints) == [2, 2] for it in node.attribute)
    ]
    if len(halving) <= _HALVINGS:
        raise ModelError(
            f"model {MODEL!r}: {len(halving)} convolutions of stride 2, more than {_HALVINGS} are expected"
        )
    return str(halving[_HALVINGS].input[0])
