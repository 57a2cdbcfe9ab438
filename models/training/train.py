"""The whole way: data set, run, graph, judgement, registry. Nothing is in the registry before all of it has succeeded."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from models.detector import open_detector
from models.errors import ModelError
from models.files import sha256_of
from models.registry.add import INPUT_SIZES_PX, NAME, add_model
from models.registry.artifacts import LocalFile
from models.registry.entries import Model, ModelEntry, Role, load_registry
from models.registry.pull import convert_file
from models.runtime.session import open_session
from models.training.base import FAMILY, Base, find_base
from models.training.card import Results, make_card
from models.training.dataset import digest
from models.training.fine_tune import Counts, Machine, Task, fine_tune, versions
from models.training.judge import compare, judge
from models.training.offline import load_offline, require_extra
from models.training.run_folder import Record, RunFolder, Settings
from models.training.source import Say, Source, read_source
from models.training.split import Split
from models.training.staging import stage

INPUT_MIN_PX = 64  # below, a last batch of one picture leaves batch norm a single value a channel


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be trained.

    Attributes:
        source: of the data.
        name: that the model will have.
        created: the day, ISO 8601, for the card.
        base: model of the registry, or a file whose digest the registry knows.
        roles: class to role; None gives a class the role that its name has elsewhere.
        epochs: at most.
        input_px: side of the square that pictures are scaled into.
        batch: pictures a step.
        seed: of everything that is random.
        machine: to train on.
        resume: go on with the run of this name.
    """

    source: Source
    name: str
    created: str
    base: str = "yolov8n"
    roles: Mapping[str, str] | None = None
    epochs: int = 50
    input_px: int = 640
    batch: int = 16
    seed: int = 0
    machine: Machine = field(default_factory=Machine)
    resume: bool = False


def train(plan: Plan, say: Say) -> Model:
    """Fine-tune a model and install it.

    Args:
        plan: what is to be done.
        say: takes lines for people.

    Returns:
        The model as it stands in the registry.

    Raises:
        ModelError: something that was given is not right; the registry is as before.
        KeyboardInterrupt: as it came; the run can be resumed from its last whole epoch.
    """
    require_extra()
    _check(plan)
    base = find_base(plan.base)
    dataset, parts = read_source(plan.source, say)
    _check_roles(plan.roles, dataset.names)
    settings = Settings(
        base=base.name,
        base_sha256=base.sha256,
        data_sha256=digest(parts.train, parts.val, dataset.names),
        epochs=plan.epochs,
        input_px=plan.input_px,
        batch=plan.batch,
        seed=plan.seed,
    )
    folder = RunFolder.of(plan.name)
    record = folder.resume(settings) if plan.resume else folder.begin(settings)
    load_offline(folder.work)
    if record.epochs_done < plan.epochs:
        stage(folder.data, parts)
        counts = Counts(len(parts.train), len(parts.val))
        record = fine_tune(Task(base, folder, dataset.names, counts, plan.machine), record, say)
    say(f"trained {record.epochs_done} epochs; converting and judging by {len(parts.val)} pictures")
    model = _install(plan, base, folder, record, dataset.names, parts)
    folder.finish(record)
    return model


def _check(plan: Plan) -> None:
    """What would fail after hours is said at once."""
    known = load_registry().models
    if plan.name in known:
        raise ModelError(f"a model {plan.name!r} is known already; known: {', '.join(sorted(known))}")
    if not NAME.fullmatch(plan.name):
        raise ModelError(
            f"model name {plan.name!r}: letters, digits, '.', '_' and '-' are allowed, the first a letter or digit"
        )
    if plan.input_px not in INPUT_SIZES_PX or plan.input_px < INPUT_MIN_PX:
        raise ModelError(f"input size {plan.input_px} px: multiples of 32 from {INPUT_MIN_PX} to 4096 are allowed")


def _check_roles(roles: Mapping[str, str] | None, names: Sequence[str]) -> None:
    allowed = get_args(Role)
    for name, role in (roles or {}).items():
        if name not in names:
            raise ModelError(f"role {name}={role}: {name!r} is no class of the data set: {', '.join(names)}")
        if role not in allowed:
            raise ModelError(f"role {name}={role}: allowed roles are {', '.join(allowed)}")


def _install(plan: Plan, base: Base, folder: RunFolder, record: Record, names: tuple[str, ...], parts: Split) -> Model:
    checkpoint = folder.checkpoint(record.best)
    with tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary) / f"{plan.name}.onnx"
        convert_file(checkpoint, graph, sha256_of(checkpoint))
        detector = open_detector(_tried(plan, base, graph, names), open_session(graph, provider="cpu"))
        parity = compare(checkpoint, graph, parts.val, plan.input_px)
        results = Results(judge(detector, parts.val), parity, versions())
        card = make_card(base, record, parts, names, results, plan.created)
        return add_model(
            graph,
            plan.name,
            family=FAMILY,
            input_px=plan.input_px,
            licence=base.licence,
            roles=plan.roles,
            card=card,
        )


def _tried(plan: Plan, base: Base, graph: Path, names: tuple[str, ...]) -> Model:
    """The model as it will stand in the registry, for judging it beforehand."""
    entry = ModelEntry(
        family=FAMILY,
        input_size=plan.input_px,
        classes=names,
        licence=base.licence,
        file=LocalFile(path=graph.name, sha256=sha256_of(graph)),
    )
    return Model(plan.name, entry, names, plan.roles or {}, graph.parent)
