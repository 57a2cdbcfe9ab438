"""Takes a user's own detector into the registry: recognised, tried on a picture, copied, written down."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from models.detector import open_detector
from models.errors import ModelError
from models.families import FAMILIES
from models.files import models_folder, sha256_of, whole_file
from models.registry.entries import MODEL_NAME, REGISTRY_NAME, Model, load_registry, read_registry_file
from models.registry.own import change_own
from models.registry.pull import convert_file, pull
from models.registry.recognise import named, names_in, probe, recognise
from models.runtime.session import open_session

NAME = re.compile(MODEL_NAME)
NAME_MAX = 100  # it is part of the names of files
DEFAULT_CLASSES = "coco80"
INPUT_SIZES_PX = range(32, 4097, 32)  # for a graph that leaves the size open; every such family needs multiples of 32
_GREY = 114
_FRAME_PX = (1920, 1080)  # of the picture that a model is tried on


def add_model(
    file: Path,
    name: str,
    *,
    family: str | None = None,
    classes: str | None = None,
    input_px: int = 640,
    licence: str | None = None,
    roles: Mapping[str, str] | None = None,
    card: Mapping[str, Any] | None = None,
) -> Model:
    """Install a detector under a name of its own.

    Args:
        file: an ONNX model, or a checkpoint of Ultralytics (`.pt`), which is converted.
        name: what it will be called.
        family: one of `FAMILIES`; None recognises it by what it takes and gives.
        classes: a list of the registry, or a text file with one class a line; None takes the names kept in the model, else
            `coco80`.
        input_px: side of the square that frames are scaled into; a model of one fixed size has its own.
        licence: the terms under which you have it; None takes what the model says.
        roles: class name to role; None lets each class play the role that its name plays elsewhere.
        card: what is known of the model, plain YAML values by key of `CardForm`.

    Returns:
        The model as it now stands in the registry.

    Raises:
        ModelError: the file, the name, the family, the size or the classes do not fit; nothing was written.
    """
    registry = load_registry()
    if name in registry.models:
        raise ModelError(f"a model {name!r} is known already; known: {', '.join(sorted(registry.models))}")
    if not NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise ModelError(
            f"model name {name!r}: letters, digits, '.', '_' and '-' are allowed, the first a letter or digit, "
            f"at most {NAME_MAX}"
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
            _refuse_second_file(staged)
            entry = _describe(staged, family=family, classes=classes, input_px=input_px, licence=licence)
            entry |= {key: dict(value) for key, value in (("roles", roles), ("card", card)) if value is not None}
            _try(Path(folder) / REGISTRY_NAME, name, entry)
        except ModelError as error:
            # It speaks of the copy that was tried; the person knows the file.
            raise ModelError(f"{file}: {str(error).removeprefix(f'{staged}: ')}") from None
        _install(staged, name, entry)
    return load_registry().model(name)


def _stage(file: Path, staged: Path) -> None:
    try:
        if file.suffix.lower() == ".pt":
            convert_file(file, staged, sha256_of(file))
        else:
            shutil.copyfile(file, staged)
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be copied to {staged.parent} to be tried: {error.strerror or error}"
        ) from None


def _refuse_second_file(staged: Path) -> None:
    """PyTorch's exporter, for one, writes the weights beside the graph; a model here is one file with one digest."""
    import onnx  # noqa: PLC0415 - 12 MB, for this alone

    try:
        graph = onnx.load(staged, load_external_data=False).graph
    except Exception:  # noqa: BLE001 - protobuf's own; what is wrong with such a file the runtime says better
        return
    places = (entry.value for tensor in graph.initializer for entry in tensor.external_data if entry.key == "location")
    if place := next(places, None):
        raise ModelError(
            f"its weights lie in a second file, {place}, and one file is expected: "
            "onnx.save(onnx.load('OLD.onnx'), 'NEW.onnx') puts them into the graph"
        )


def _describe(
    staged: Path, *, family: str | None, classes: str | None, input_px: int, licence: str | None
) -> dict[str, Any]:
    """The entry, as it will be written."""
    session = open_session(staged, provider="cpu")
    lists = load_registry().classes
    if classes is not None and classes in lists:
        written: str | list[str] = classes
    else:
        written = _read_classes(classes, names_in(session.metadata))
    count = len(lists[written] if isinstance(written, str) else written)
    probed = probe(session, count, input_px)
    if family:
        named(family, probed)
    else:
        family, _ = recognise(probed)
    return {
        "family": family,
        "input_size": max(probed.size.width_px, probed.size.height_px) if probed.size.fixed else input_px,
        "classes": written,
        "licence": licence or session.metadata.get("license") or "not stated",
        "file": {"path": staged.name, "sha256": sha256_of(staged)},
    }


def _read_classes(classes: str | None, kept: tuple[str, ...]) -> str | list[str]:
    if classes is None:
        return list(kept) or DEFAULT_CLASSES
    try:
        lines = Path(classes).read_text("utf-8-sig").splitlines()  # some editors of Windows begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"classes {classes!r}: neither a list of the registry nor a text file ({error})") from None
    return [line.strip() for line in lines if line.strip()]


def _try(registry: Path, name: str, entry: dict[str, Any]) -> None:
    """Load the model from a registry of its own and show it a grey picture, as it will be loaded afterwards."""
    own = models_folder() / REGISTRY_NAME
    # Lists and roles alone: what belongs to other models (variants, vouched digests) names models that are not in this one.
    known = read_registry_file(own).model_dump(mode="json", include={"classes", "roles"}) if own.is_file() else {}
    registry.write_text(yaml.safe_dump(known | {"models": {name: entry}}, allow_unicode=True), "utf-8")
    model = load_registry(registry).model(name)
    detector = open_detector(model, open_session(pull(model), provider="cpu"))
    grey = np.full((*_FRAME_PX[::-1], 3), _GREY, np.uint8)
    detector.detect(grey, detector.plan(*_FRAME_PX))


def _install(staged: Path, name: str, entry: dict[str, Any]) -> None:
    """Copy the file, then write the registry that names it: a model is known only once its file is there."""
    installed = models_folder() / staged.name
    written = False

    def enter(content: dict[str, Any]) -> None:
        nonlocal written
        if name in content.get("models", {}):
            raise ModelError(f"a model {name!r} is known already: it came while this one was tried")
        if installed.exists():  # no model's file: a person's, perhaps the very one that is added
            if not installed.is_file() or sha256_of(installed) != entry["file"]["sha256"]:
                raise ModelError(f"{installed} is there already: move it away, or choose another name")
        else:
            with whole_file(installed) as temporary:
                shutil.copyfile(staged, temporary)
            written = True
        content.setdefault("models", {})[name] = entry

    try:
        change_own(enter)
    except ModelError:
        if written:
            installed.unlink(missing_ok=True)
        raise
