"""From an entry of the registry to an ONNX file on disk: fetched, checked, converted where needed."""

import logging
import re
from enum import Enum
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.files import cache_folder, only_one, sha256_of, whole_file
from models.registry.artifacts import SHA256
from models.registry.entries import Model, load_registry
from models.registry.fetch import Progress, cached_path, fetch
from models.registry.licence import warn
from models.registry.own import change_own

# Part of the name that a converted file is cached under: raise it whenever `convert_ultralytics` writes another graph.
CONVERTER_VERSION = 1

_log = logging.getLogger(__name__)


def pull(model: Model, cache_dir: Path | None = None, on_progress: Progress | None = None) -> Path:
    """The ONNX file of a model or variant. A notice goes to standard error before the weights of a copyleft model come.

    Args:
        model: from the registry.
        cache_dir: instead of the user's cache folder.
        on_progress: told bytes so far and bytes in all of a download.

    Returns:
        Its path; the digest of what it comes from is right.

    Raises:
        ModelError: nobody knows its digest, no source has it, a local file is missing or was changed, or it cannot be
            converted.
    """
    if model.entry.unpinned:
        address = model.entry.unpinned.sources[0]
        raise ModelError(
            f"model {model.name!r}: nobody has established the digest of {address}: give the one you vouch for (`streetwarden "
            f"models pull {model.name} --sha256 HEX`), or add a file that you have (`streetwarden models add FILE --name NAME`)"
        )
    artifact = model.entry.artifact
    if artifact is None:
        return _local(model)
    source = fetch(artifact, cache_dir, on_progress, on_start=lambda: warn(model))
    return _converted(source, artifact.sha256, cache_dir) if model.entry.convert else source


def pull_vouched(name: str, sha256: str, cache_dir: Path | None = None, on_progress: Progress | None = None) -> Path:
    """Pull a model whose digest the registry does not know, accepted by the one that a person gives.

    The digest is kept in the user's own registry once the file has come, and the file counts as pinned from then on.

    Args:
        name: in the registry.
        sha256: the digest, hex.
        cache_dir: instead of the user's cache folder.
        on_progress: told bytes so far and bytes in all of a download.

    Returns:
        The path of its ONNX file.

    Raises:
        ModelError: the digest is none or is not the known one, or as of `pull`; the registry is as before.
    """
    digest = sha256.lower()
    if not re.fullmatch(SHA256, digest):
        raise ModelError(f"sha256 {sha256!r}: 64 hexadecimal digits are expected")
    model = load_registry().model(name)
    if model.entry.unpinned is None:
        known = model.entry.artifact or model.entry.file
        if known and known.sha256 != digest:
            raise ModelError(f"model {name!r} is known by sha256 {known.sha256}, not {digest}")
        return pull(model, cache_dir, on_progress)
    path = pull(model.pinned(digest), cache_dir, on_progress)

    def keep(content: dict[str, Any]) -> None:
        content.setdefault("vouched", {})[name] = digest

    change_own(keep)
    return path


class Condition(Enum):
    """How the file of a model is."""

    RIGHT = "sha256 is right"
    WRONG = "sha256 is WRONG"
    ABSENT = "not pulled"
    UNREADABLE = "cannot be read"
    UNPINNED = "no digest known"


def condition(model: Model, cache_dir: Path | None = None) -> Condition:
    """Compare the file of a model or variant with the digest of its entry."""
    if model.entry.unpinned:
        return Condition.UNPINNED
    if model.entry.artifact:
        path, sha256 = cached_path(model.entry.artifact, cache_dir), model.entry.artifact.sha256
    else:
        path, sha256 = _local_path(model)
    if not path.is_file():
        return Condition.ABSENT
    try:
        right = sha256_of(path) == sha256
        if right and model.entry.convert:
            converted = _converted_path(path, sha256, cache_dir)
            right = not (converted.is_file() and _noted(converted).is_file()) or _as_written(converted)
    except ModelError:
        return Condition.UNREADABLE
    return Condition.RIGHT if right else Condition.WRONG


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
    target = _converted_path(checkpoint, sha256, cache_dir)
    if _as_written(target):
        return target
    try:
        with only_one(target):
            if not _as_written(target):  # another process may have written it while we waited
                convert_file(checkpoint, target, sha256)
                with whole_file(_noted(target)) as temporary:
                    temporary.write_text(sha256_of(target), "ascii")
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def _converted_path(checkpoint: Path, sha256: str, cache_dir: Path | None) -> Path:
    name = f"{checkpoint.stem}-{sha256[:16]}-v{CONVERTER_VERSION}.onnx"
    return (cache_dir or cache_folder()) / "converted" / name


def _noted(target: Path) -> Path:
    """The file that keeps the digest of what was converted: nobody publishes it."""
    return target.with_name(f"{target.name}.sha256")


def _as_written(target: Path) -> bool:
    noted = _noted(target)
    return target.is_file() and noted.is_file() and noted.read_bytes() == sha256_of(target).encode()


def convert_file(checkpoint: Path, target: Path, sha256: str) -> None:
    """Write the ONNX file of a YOLOv8, YOLO11 or YOLO26 checkpoint; it is there whole or not at all.

    Args:
        checkpoint: a `.pt` file.
        target: the file to write.
        sha256: of the checkpoint, for the metadata.

    Raises:
        ModelError: the checkpoint is not such a detector.
    """
    # Here, so that a worker whose model is converted already does without `onnx` (12 MB in every process).
    from models.convert.checkpoint import read_checkpoint  # noqa: PLC0415
    from models.convert.ultralytics import convert_ultralytics  # noqa: PLC0415

    try:
        converted = convert_ultralytics(read_checkpoint(checkpoint), source_sha256=sha256)
    except ModelError as error:
        raise ModelError(f"{checkpoint}: {str(error).removeprefix(f'{checkpoint}: ')}") from None
    with whole_file(target) as temporary:
        temporary.write_bytes(converted.SerializeToString())
    _log.info("converted %s to %s", checkpoint.name, target.name)
