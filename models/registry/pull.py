"""From an entry of the registry to an ONNX file on disk: fetched, checked, converted where needed."""

import logging
from enum import Enum
from pathlib import Path

from models.errors import ModelError
from models.files import cache_folder, only_one, sha256_of, whole_file
from models.registry.entries import Model
from models.registry.fetch import Progress, cached_path, fetch, is_cached

# Part of the name that a converted file is cached under: raise it whenever `convert_yolov8` writes another graph.
YOLOV8_CONVERTER_VERSION = 1

_log = logging.getLogger(__name__)


def pull(model: Model, cache_dir: Path | None = None, on_progress: Progress | None = None) -> Path:
    """The ONNX file of a model.

    Args:
        model: from the registry.
        cache_dir: instead of the user's cache folder.
        on_progress: told bytes so far and bytes in all of a download.

    Returns:
        Its path; the digest of what it comes from is right.

    Raises:
        ModelError: no source has it, a local file is missing or was changed, or it cannot be converted.
    """
    artifact = model.entry.onnx or model.entry.checkpoint
    if artifact is None:
        return _local(model)
    if not is_cached(artifact, cache_dir):
        # A warning, so that it is seen where nobody set up logging; once, because the next call finds the file.
        _log.warning("%s comes under %s; its terms are yours to keep", model.name, model.entry.licence)
    source = fetch(artifact, cache_dir, on_progress)
    return _converted(source, artifact.sha256, cache_dir) if model.entry.convert else source


class Condition(Enum):
    """How the file of a model is."""

    RIGHT = "sha256 is right"
    WRONG = "sha256 is WRONG"
    ABSENT = "not pulled"


def condition(model: Model, cache_dir: Path | None = None) -> Condition:
    """Compare the file of a model with the digest of its entry."""
    artifact = model.entry.onnx or model.entry.checkpoint
    if artifact:
        path, sha256 = cached_path(artifact, cache_dir), artifact.sha256
    else:
        path, sha256 = _local_path(model)
    if not path.is_file():
        return Condition.ABSENT
    return Condition.RIGHT if sha256_of(path) == sha256 else Condition.WRONG


def is_pulled(model: Model, cache_dir: Path | None = None) -> bool:
    """Whether the file of a model is here with the right digest."""
    return condition(model, cache_dir) is Condition.RIGHT


def _local_path(model: Model) -> tuple[Path, str]:
    local = model.entry.file
    if local is None:  # the registry's own check leaves no such entry
        raise ModelError(f"model {model.name!r}: no file")
    return model.folder / local.path, local.sha256


def _local(model: Model) -> Path:
    path, sha256 = _local_path(model)
    if not path.is_file():
        raise ModelError(f"{path}: no such file (model {model.name!r})")
    digest = sha256_of(path)
    if digest != sha256:
        raise ModelError(f"{path}: sha256 is {digest}, expected {sha256} (model {model.name!r})")
    return path


def _converted(checkpoint: Path, sha256: str, cache_dir: Path | None) -> Path:
    name = f"{checkpoint.stem}-{sha256[:16]}-v{YOLOV8_CONVERTER_VERSION}.onnx"
    target = (cache_dir or cache_folder()) / "converted" / name
    if target.is_file():
        return target
    try:
        with only_one(target):
            if not target.is_file():  # another process may have written it while we waited
                convert_file(checkpoint, target, sha256)
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def convert_file(checkpoint: Path, target: Path, sha256: str) -> None:
    """Write the ONNX file of a YOLOv8 checkpoint; it is there whole or not at all.

    Args:
        checkpoint: a `.pt` file.
        target: the file to write.
        sha256: of the checkpoint, for the metadata.

    Raises:
        ModelError: the checkpoint is not a YOLOv8 detector.
    """
    # Here, so that a worker whose model is converted already does without `onnx` (12 MB in every process).
    from models.convert.checkpoint import read_checkpoint  # noqa: PLC0415
    from models.convert.yolov8 import convert_yolov8  # noqa: PLC0415

    converted = convert_yolov8(read_checkpoint(checkpoint), source_sha256=sha256)
    with whole_file(target) as temporary:
        temporary.write_bytes(converted.SerializeToString())
    _log.info("converted %s to %s", checkpoint.name, target.name)
