"""Which models there are: those shipped with this package, and the user's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from models.errors import ModelError
from models.files import models_folder
from models.registry.artifacts import Artifact, Sha256

REGISTRY_NAME = "registry.yaml"
SHIPPED = Path(__file__).with_name(REGISTRY_NAME)

FamilyName = Literal["yolov8", "yolox"]
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ModelName = Annotated[str, StringConstraints(pattern=MODEL_NAME)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalFile(_Strict):
    """A model file beside the registry that names it."""

    path: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
    sha256: Sha256


class ModelEntry(_Strict):
    """A model as it is written down. Exactly one of `checkpoint`, `onnx` and `file` says where it comes from."""

    family: FamilyName
    input_size: Annotated[int, Field(ge=32, le=4096, multiple_of=32)] = 640
    classes: str | tuple[str, ...]
    roles: dict[str, str] | None = None
    licence: str
    checkpoint: Artifact | None = None
    convert: Literal["yolov8"] | None = None
    onnx: Artifact | None = None
    file: LocalFile | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.checkpoint, self.onnx, self.file)) != 1:
            raise ValueError("give exactly one of checkpoint, onnx, file")
        if (self.checkpoint is None) != (self.convert is None):
            raise ValueError("checkpoint and convert belong together")
        return self


class RegistryFile(_Strict):
    """A registry as it is written down."""

    classes: dict[str, tuple[str, ...]] = {}
    roles: dict[str, dict[str, str]] = {}
    models: dict[ModelName, ModelEntry] = {}
    pictures: dict[str, Artifact] = {}


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the registry, its references resolved.

    Attributes:
        name: what people call it.
        entry: as written.
        class_names: in the order of its outputs.
        roles: class name to role; a class that is not in it plays none.
        folder: of the registry that names it; a local file lies there.
    """

    name: str
    entry: ModelEntry
    class_names: tuple[str, ...]
    roles: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Registry:
    """All models and pictures by name; class lists and roles under the names that entries use."""

    models: Mapping[str, Model]
    pictures: Mapping[str, Artifact]
    classes: Mapping[str, tuple[str, ...]]

    def model(self, name: str) -> Model:
        """The model of this name.

        Raises:
            ModelError: there is none; the line lists those there are.
        """
        if name not in self.models:
            raise ModelError(f"unknown model {name!r}; known: {', '.join(sorted(self.models))}")
        return self.models[name]

    def picture(self, name: str) -> Artifact:
        """The sample picture of this name.

        Raises:
            ModelError: there is none; the line lists those there are.
        """
        if name not in self.pictures:
            raise ModelError(f"unknown picture {name!r}; known: {', '.join(sorted(self.pictures))}")
        return self.pictures[name]


def load_registry(own: Path | None = None) -> Registry:
    """The shipped registry with the user's own over it.

    Args:
        own: the user's file; None takes the one in the user's models folder, if there is one.

    Raises:
        ModelError: a registry file is not right; the line names file and key.
    """
    own = own or models_folder() / REGISTRY_NAME
    paths = [SHIPPED, own] if own.is_file() else [SHIPPED]
    files = [(path, read_registry_file(path)) for path in paths]
    classes = {name: names for _, file in files for name, names in file.classes.items()}
    roles = {name: table for _, file in files for name, table in file.roles.items()}
    models = {
        name: _resolve(path, name, entry, classes, roles) for path, file in files for name, entry in file.models.items()
    }
    return Registry(models, {name: it for _, file in files for name, it in file.pictures.items()}, classes)


def read_registry_file(path: Path) -> RegistryFile:
    """Read one registry file.

    Raises:
        ModelError: it cannot be read, is not YAML, or a key is unknown or wrong; one line.
    """
    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ModelError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        return RegistryFile.model_validate(written or {})
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The first thing that pydantic found, as key and reason on one line."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "the whole file"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key{more}"
    return f"{key}: {problem['msg']}{more}"


def _resolve(
    path: Path,
    name: str,
    entry: ModelEntry,
    classes: Mapping[str, tuple[str, ...]],
    roles: Mapping[str, Mapping[str, str]],
) -> Model:
    if isinstance(entry.classes, str) and entry.classes not in classes:
        raise ModelError(
            f"{path}: models.{name}.classes: no list {entry.classes!r}; known: {', '.join(sorted(classes))}"
        )
    named = classes[entry.classes] if isinstance(entry.classes, str) else entry.classes
    played = entry.roles
    if played is None:
        # Without a table of its own a class plays the role that its name plays elsewhere.
        elsewhere = {cls: role for table in roles.values() for cls, role in table.items()}
        own = roles.get(entry.classes, elsewhere) if isinstance(entry.classes, str) else elsewhere
        played = {cls: role for cls, role in own.items() if cls in named}
    elif unknown := sorted(set(played) - set(named)):
        raise ModelError(f"{path}: models.{name}.roles: {unknown[0]!r} is no class of this model")
    return Model(name, entry, named, played, path.parent)
