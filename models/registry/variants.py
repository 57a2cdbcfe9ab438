"""Takes a variant of a known model, such as its INT8 graph, into the user's registry."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.errors import ModelError
from models.files import models_folder, sha256_of, whole_file
from models.registry.card_form import CardForm
from models.registry.entries import PRECISION, Model, first_problem, load_registry
from models.registry.own import change_own

_DIGEST_DIGITS = 12  # enough that two files of one variant never share a name


def add_variant(model_name: str, precision: str, file: Path, card: Mapping[str, Any]) -> Model:
    """Install a graph as a variant of a model, shipped or the user's own; `MODEL:PRECISION` names it from then on.

    An earlier variant of this name is replaced: the new file gets a name of its own, so whoever reads the registry meanwhile
    finds the old pair of file and digest or the new one. Family, classes, roles and licence are the model's.

    Args:
        model_name: in the registry, such as `yolov8n`.
        precision: such as `int8` or `fp16`: small letters, digits and `_`.
        file: the ONNX graph, copied into the user's models folder. The caller has tried it: it is not opened here.
        card: keys of `CardForm` (description, paper, data, metrics, trained_from, created), plain YAML values. Without
            `trained_from` the model and the digest of its file are written there.

    Returns:
        The variant as it now stands in the registry.

    Raises:
        ModelError: the model is unknown, the precision or the card is not right, or the file cannot be copied; the registry
            is as before.
    """
    model = load_registry().model(model_name)
    if model.precision:
        raise ModelError(
            f"{model_name!r} is a variant itself; a variant belongs to a model: {model_name.partition(':')[0]}"
        )
    if not re.fullmatch(PRECISION, precision):
        raise ModelError(f"precision {precision!r}: small letters, digits and '_' are allowed, the first no '_'")
    try:
        CardForm.model_validate(card)
    except ValidationError as error:
        raise ModelError(f"card of {model_name}:{precision}: {first_problem(error)}") from None
    if not file.is_file():
        raise ModelError(f"{file}: no such file")
    sha256 = sha256_of(file)
    installed = models_folder() / f"{model_name}-{precision}-{sha256[:_DIGEST_DIGITS]}.onnx"
    written = {
        "file": {"path": installed.name, "sha256": sha256},
        "card": {"trained_from": _origin(model)} | dict(card),
    }
    replaced: list[Path] = []

    def change(content: dict[str, Any]) -> None:
        variants = content.setdefault("variants", {}).setdefault(model_name, {})
        before = variants.get(precision, {}).get("file", {}).get("path")
        if before and before != installed.name:
            replaced.append(models_folder() / before)
        variants[precision] = written
        with whole_file(installed) as temporary:
            shutil.copyfile(file, temporary)

    fresh = not installed.exists()
    try:
        change_own(change)
    except ModelError:
        if fresh:
            installed.unlink(missing_ok=True)
        raise
    for path in replaced:
        path.unlink(missing_ok=True)
    return load_registry().model(f"{model_name}:{precision}")


def _origin(model: Model) -> str:
    found = model.entry.artifact or model.entry.file
    return f"{model.name} (sha256 {found.sha256})" if found else model.name
