"""Changes the user's own registry: one writer at a time, checked before it is written, whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from models.errors import ModelError
from models.files import models_folder, only_one, whole_file
from models.registry.entries import REGISTRY_NAME, RegistryFile, first_problem, read_registry_file

HEADER = (
    "# Your own models, written by `streetwarden models`, which keeps no comments. Form: as the shipped registry.\n"
)


def change_own(change: Callable[[dict[str, Any]], None]) -> None:
    """Change the user's own registry under its lock; the folder is made when there is none.

    Args:
        change: edits the content, plain YAML values by key of `RegistryFile`, in place. It may write files into the folder
            first: the registry that names them follows.

    Raises:
        ModelError: the registry is not right, before or after the change, or cannot be written.
    """
    registry = models_folder() / REGISTRY_NAME
    try:
        with only_one(registry):
            own = read_registry_file(registry) if registry.is_file() else RegistryFile()
            content = own.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
            change(content)
            _write(registry, content)
    except OSError as error:
        raise ModelError(f"{models_folder()}: cannot be written: {error.strerror or error}") from None


def _write(registry: Path, content: dict[str, Any]) -> None:
    try:
        RegistryFile.model_validate(content)
    except ValidationError as error:
        raise ModelError(first_problem(error)) from None
    with whole_file(registry) as temporary:
        temporary.write_text(HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
