"""Which checkpoint a model may be made from: PyTorch builds what a checkpoint names, so only known files are loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.files import sha256_of
from models.registry.artifacts import Artifact
from models.registry.entries import Model, Registry, load_registry
from models.registry.fetch import fetch

FAMILY = "yolov8"  # whose checkpoints Ultralytics' trainer of detectors takes and our converter writes as this family


@dataclass(frozen=True, slots=True)
class Base:
    """The model that training starts from.

    Attributes:
        name: in the registry.
        licence: of its weights, which those made from them inherit.
        checkpoint: the file; its digest is right.
        sha256: of that file, hex.
    """

    name: str
    licence: str
    checkpoint: Path
    sha256: str


def find_base(word: str, *, registry: Registry | None = None) -> Base:
    """The model that training starts from; it is fetched when it has to be.

    Args:
        word: a name in the registry, or a file whose sha256 a model of the registry has.
        registry: None loads the one there is.

    Raises:
        ModelError: it is neither, or no checkpoint that can be fine-tuned.
    """
    known = registry or load_registry()
    usable = dict(_usable(known))
    names = ", ".join(sorted(usable)) or "none"
    if word in usable:
        model, artifact = usable[word]
        return Base(model.name, model.entry.licence, fetch(artifact), artifact.sha256)
    if word in known.models and known.models[word].entry.unpinned and known.models[word].entry.family == FAMILY:
        raise ModelError(
            f"base {word!r}: nobody has vouched for the digest of its checkpoint yet: "
            f"streetwarden models pull {word} --sha256 HEX"
        )
    if word in known.models:
        raise ModelError(
            f"base {word!r}: the registry has no checkpoint of it that can be fine-tuned, only of: {names}"
        )
    checkpoint = Path(word)
    if not checkpoint.is_file():
        raise ModelError(f"base {word!r}: neither a model that can be fine-tuned ({names}) nor a file")
    sha256 = sha256_of(checkpoint)
    for model, artifact in usable.values():
        if artifact.sha256 == sha256:
            return Base(model.name, model.entry.licence, checkpoint, sha256)
    raise ModelError(
        f"base {word}: sha256 {sha256} is unknown; a checkpoint can run code, so only those that the registry knows are "
        f"loaded: {names}"
    )


def _usable(registry: Registry) -> Iterator[tuple[str, tuple[Model, Artifact]]]:
    for name, model in registry.models.items():
        if model.entry.checkpoint is not None and model.entry.family == FAMILY:
            yield name, (model, model.entry.checkpoint)
