"""Which models there are: those shipped with this package, and the user's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from models.errors import ModelError
from models.files import models_folder
from models.registry.artifacts import Artifact, LocalFile, Sha256, Unpinned
from models.registry.card_form import CardForm

REGISTRY_NAME = "registry.yaml"
SHIPPED = Path(__file__).with_name(REGISTRY_NAME)

FamilyName = Literal["yolov5", "yolov8", "yolov10", "yolox", "rtdetr", "rfdetr", "nms"]
Role = Literal["vehicle", "two_wheeler", "person", "stall", "goods", "waste", "ignore"]
"""What a class is to the rules. `ignore`: never handed on, such as an index that a model has and nothing answers to."""
ConverterName = Literal["ultralytics"]

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
PRECISION = r"^[a-z0-9][a-z0-9_]*$"
ModelName = Annotated[str, StringConstraints(pattern=MODEL_NAME)]
Precision = Annotated[str, StringConstraints(pattern=PRECISION)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Strict):
    """The same model in another precision, such as `int8`. Exactly one of `onnx` and `file` says where it comes from."""

    onnx: Artifact | None = None
    file: LocalFile | None = None
    card: CardForm = CardForm()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.onnx is None) == (self.file is None):
            raise ValueError("give exactly one of onnx, file")
        return self


class ModelEntry(_Strict):
    """A model as it is written down. Exactly one of `checkpoint`, `onnx`, `unpinned` and `file` says where it comes from.

    A `checkpoint` is converted; so is what is `unpinned`, where `convert` says how.
    """

    family: FamilyName
    input_size: Annotated[int, Field(ge=32, le=4096)] = 640
    classes: str | tuple[str, ...]
    roles: dict[str, Role] | None = None
    licence: str
    checkpoint: Artifact | None = None
    convert: ConverterName | None = None
    onnx: Artifact | None = None
    unpinned: Unpinned | None = None
    file: LocalFile | None = None
    precisions: dict[Precision, Variant] = {}
    card: CardForm = CardForm()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.checkpoint, self.onnx, self.unpinned, self.file)) != 1:
            raise ValueError("give exactly one of checkpoint, onnx, unpinned, file")
        if self.unpinned is None and (self.checkpoint is None) != (self.convert is None):
            raise ValueError("checkpoint and convert belong together")
        return self

    @property
    def artifact(self) -> Artifact | None:
        """What is fetched; None where it is unpinned or a file that is here already."""
        return self.checkpoint or self.onnx


class RegistryFile(_Strict):
    """A registry as it is written down.

    Attributes:
        classes: lists under the names that entries use.
        roles: class name to role, under the name of the list.
        models: by name.
        variants: more precisions of models that stand in this registry or in the shipped one, by name and precision.
        vouched: the digest that a person accepts for an unpinned model, by its name.
        pictures: samples, by name.
        parts: files that are no detectors of their own, such as those that read plates, by name.
    """

    classes: dict[str, tuple[str, ...]] = {}
    roles: dict[str, dict[str, Role]] = {}
    models: dict[ModelName, ModelEntry] = {}
    variants: dict[ModelName, dict[Precision, Variant]] = {}
    vouched: dict[ModelName, Sha256] = {}
    pictures: dict[str, Artifact] = {}
    parts: dict[str, Artifact] = {}


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the registry, its references resolved.

    Attributes:
        name: what people call it; of a variant `yolov8n:int8`.
        entry: as written; of a variant, with its own file and card.
        class_names: in the order of its outputs.
        roles: class name to role; a class that is not in it plays none.
        folder: of the registry that names it; a local file lies there.
        precision: of a variant; None is the model itself.
        variants: by precision; a variant has none of its own.
    """

    name: str
    entry: ModelEntry
    class_names: tuple[str, ...]
    roles: Mapping[str, str]
    folder: Path
    precision: str | None = None
    variants: Mapping[str, "Model"] = field(default_factory=dict)

    def pinned(self, sha256: str) -> "Model":
        """An unpinned model with the digest that a person vouches for; another is as it was, its own digest counts."""
        if self.entry.unpinned is None:
            return self
        key = "checkpoint" if self.entry.convert else "onnx"
        return replace(
            self, entry=self.entry.model_copy(update={"unpinned": None, key: self.entry.unpinned.pinned(sha256)})
        )


@dataclass(frozen=True, slots=True)
class Registry:
    """All models and pictures by name; class lists and roles under the names that entries use."""

    models: Mapping[str, Model]
    pictures: Mapping[str, Artifact]
    classes: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, Artifact] = field(default_factory=dict)

    def model(self, name: str) -> Model:
        """The model of this name, or with `NAME:PRECISION` a variant of it.

        Raises:
            ModelError: there is none; the line lists those there are.
        """
        base, colon, precision = name.partition(":")
        if base not in self.models:
            raise ModelError(f"unknown model {name!r}; known: {', '.join(sorted(self.models))}")
        model = self.models[base]
        if not colon:
            return model
        if precision not in model.variants:
            raise ModelError(f"model {base!r} has no variant {precision!r}; {_known_variants(model)}")
        return model.variants[precision]

    def with_variants(self) -> tuple[Model, ...]:
        """Every model, each followed by its variants."""
        return tuple(one for model in self.models.values() for one in (model, *model.variants.values()))

    def picture(self, name: str) -> Artifact:
        """The sample picture of this name.

        Raises:
            ModelError: there is none; the line lists those there are.
        """
        if name not in self.pictures:
            raise ModelError(f"unknown picture {name!r}; known: {', '.join(sorted(self.pictures))}")
        return self.pictures[name]

    def part(self, name: str) -> Artifact:
        """The part of this name.

        Raises:
            ModelError: there is none; the line lists those there are.
        """
        if name not in self.parts:
            raise ModelError(f"unknown part {name!r}; known: {', '.join(sorted(self.parts))}")
        return self.parts[name]


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
    roles: dict[str, Mapping[str, str]] = {name: table for _, file in files for name, table in file.roles.items()}
    models = {
        name: _resolve(path, name, entry, classes, roles) for path, file in files for name, entry in file.models.items()
    }
    for path, file in files:
        _add_variants(path, models, file.variants)
        for name, sha256 in file.vouched.items():
            models[name] = _named(path, "vouched", models, name).pinned(sha256)
    pictures = {name: it for _, file in files for name, it in file.pictures.items()}
    parts = {name: it for _, file in files for name, it in file.parts.items()}
    return Registry(models, pictures, classes, parts)


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
    played: Mapping[str, str] | None = entry.roles
    if played is None:
        # Without a table of its own a class plays the role that its name plays elsewhere.
        elsewhere = {cls: role for table in roles.values() for cls, role in table.items()}
        own = roles.get(entry.classes, elsewhere) if isinstance(entry.classes, str) else elsewhere
        played = {cls: role for cls, role in own.items() if cls in named}
    elif unknown := sorted(set(played) - set(named)):
        raise ModelError(f"{path}: models.{name}.roles: {unknown[0]!r} is no class of this model")
    model = Model(name, entry, named, played, path.parent)
    return replace(model, variants=_variants(model, entry.precisions, path.parent))


def _variants(model: Model, written: Mapping[str, Variant], folder: Path) -> dict[str, Model]:
    """A variant is the model with another file: family, classes, roles and licence are the same."""
    origin: dict[str, Any] = {"checkpoint": None, "convert": None, "unpinned": None, "precisions": {}}
    return {
        precision: replace(
            model,
            name=f"{model.name}:{precision}",
            entry=model.entry.model_copy(
                update=origin | {"onnx": variant.onnx, "file": variant.file, "card": variant.card}
            ),
            folder=folder,
            precision=precision,
            variants={},
        )
        for precision, variant in written.items()
    }


def _add_variants(path: Path, models: dict[str, Model], written: Mapping[str, Mapping[str, Variant]]) -> None:
    for name, variants in written.items():
        model = _named(path, "variants", models, name)
        models[name] = replace(model, variants={**model.variants, **_variants(model, variants, path.parent)})


def _named(path: Path, key: str, models: Mapping[str, Model], name: str) -> Model:
    if name not in models:
        raise ModelError(f"{path}: {key}.{name}: no such model; known: {', '.join(sorted(models))}")
    return models[name]


def _known_variants(model: Model) -> str:
    return f"known: {', '.join(sorted(model.variants))}" if model.variants else "it has none"
