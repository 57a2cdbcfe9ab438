"""Takes a user's own detector into the registry: recognised, tried on a picture, copied, written down."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from models.detector import open_detector
from models.errors import ModelError
from models.families import FAMILIES
from models.files import models_folder, only_one, sha256_of, whole_file
from models.registry.entries import (
    MODEL_NAME,
    REGISTRY_NAME,
    Model,
    RegistryFile,
    first_problem,
    load_registry,
    read_registry_file,
)
from models.registry.pull import convert_file, pull
from models.registry.recognise import names_in, output_shape, recognise_family
from models.runtime.session import open_session

NAME = re.compile(MODEL_NAME)
DEFAULT_CLASSES = "coco80"
INPUT_SIZES_PX = range(32, 4097, 32)  # as the registry takes them
_GREY = 114
_HEADER = (
    "# Your own models, written by `streetwarden models add`, which keeps no comments. Form: as the shipped registry.\n"
)


def add_model(
    file: Path,
    name: str,
    *,
    family: str | None = None,
    classes: str | None = None,
    input_px: int = 640,
    licence: str | None = None,
) -> Model:
    """Install a detector under a name of its own.

    Args:
        file: an ONNX model, or a YOLOv8 checkpoint (`.pt`), which is converted.
        name: what it will be called.
        family: `yolov8` or `yolox`; None recognises it by its output.
        classes: a list of the registry, or a text file with one class a line; None takes the names kept in the model, else
            `coco80`.
        input_px: side of the square that frames are scaled into; a model of one fixed size has its own.
        licence: the terms under which you have it; None takes what the model says.

    Returns:
        The model as it now stands in the registry.

    Raises:
        ModelError: the file, the name, the family or the classes do not fit; nothing was written.
    """
    registry = load_registry()
    if name in registry.models:
        raise ModelError(f"a model {name!r} is known already; known: {', '.join(sorted(registry.models))}")
    if not NAME.fullmatch(name):
        raise ModelError(
            f"model name {name!r}: letters, digits, '.', '_' and '-' are allowed, the first a letter or digit"
        )
    if input_px not in INPUT_SIZES_PX:
        raise ModelError(f"input size {input_px} px: multiples of 32 from 32 to 4096 are allowed")
    if family is not None and family not in FAMILIES:
        raise ModelError(f"unknown family {family!r}; known: {', '.join(FAMILIES)}")
    if not file.is_file():
        raise ModelError(f"{file}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / f"{name}.onnx"
        _stage(file, staged)
        try:
            entry = _describe(staged, family=family, classes=classes, input_px=input_px, licence=licence)
            _write_registry(Path(folder) / REGISTRY_NAME, name, entry)
            _try(Path(folder) / REGISTRY_NAME, name)
        except ModelError as error:
            # It speaks of the copy that was tried; the person knows the file.
            raise ModelError(f"{file}: {str(error).removeprefix(f'{staged}: ')}") from None
        _install(staged, name, entry)
    return load_registry().model(name)


def _stage(file: Path, staged: Path) -> None:
    if file.suffix == ".pt":
        convert_file(file, staged, sha256_of(file))
        return
    try:
        shutil.copyfile(file, staged)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from None


def _describe(
    staged: Path, *, family: str | None, classes: str | None, input_px: int, licence: str | None
) -> dict[str, Any]:
    """The entry, as it will be written."""
    session = open_session(staged, provider="cpu")
    shape = output_shape(session, input_px)
    lists = load_registry().classes
    if classes is not None and classes in lists:
        written: str | list[str] = classes
    else:
        written = _read_classes(classes, names_in(session.metadata))
    count = len(lists[written] if isinstance(written, str) else written)
    known = family or recognise_family(shape, count)
    FAMILIES[known].check_output(shape, count)
    return {
        "family": known,
        "input_size": input_px,
        "classes": written,
        "licence": licence or session.metadata.get("license") or "not stated",
        "file": {"path": staged.name, "sha256": sha256_of(staged)},
    }


def _read_classes(classes: str | None, kept: tuple[str, ...]) -> str | list[str]:
    if classes is None:
        return list(kept) or DEFAULT_CLASSES
    try:
        lines = Path(classes).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"classes {classes!r}: neither a list of the registry nor a text file ({error})") from None
    return [line.strip() for line in lines if line.strip()]


def _try(registry: Path, name: str) -> None:
    """Load the model from a registry of its own and show it a grey picture, as it will be loaded afterwards."""
    model = load_registry(registry).model(name)
    detector = open_detector(model, open_session(pull(model), provider="cpu"))
    grey = np.full((1080, 1920, 3), _GREY, np.uint8)
    detector.detect(grey, detector.plan(1920, 1080))


def _install(staged: Path, name: str, entry: dict[str, Any]) -> None:
    """Copy the file, then write the registry that names it: a model is known only once its file is there."""
    registry = models_folder() / REGISTRY_NAME
    installed = models_folder() / staged.name
    try:
        with only_one(registry):
            with whole_file(installed) as temporary:
                shutil.copyfile(staged, temporary)
            _write_registry(registry, name, entry)
    except OSError as error:
        installed.unlink(missing_ok=True)
        raise ModelError(f"{models_folder()}: cannot be written: {error.strerror or error}") from None


def _write_registry(path: Path, name: str, entry: dict[str, Any]) -> None:
    """Write the user's registry as it is now, with one entry more."""
    registry = models_folder() / REGISTRY_NAME
    own = read_registry_file(registry) if registry.is_file() else RegistryFile()
    content = own.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    content["models"] = content.get("models", {}) | {name: entry}
    try:
        RegistryFile.model_validate(content)
    except ValidationError as error:
        raise ModelError(first_problem(error)) from None
    with whole_file(path) as temporary:
        temporary.write_text(_HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
