"""One run of Ultralytics' own trainer, from a known checkpoint, on a data set that is laid out."""

import contextlib
import sys
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from models.errors import ModelError
from models.training.base import Base
from models.training.offline import torchvision_importable
from models.training.run_folder import Record, RunFolder
from models.training.source import Say

_PATIENCE_EPOCHS = 50  # a run that has not got better for so long will hardly do so; Ultralytics' own default is 100
_METRICS = {"map50": "metrics/mAP50(B)", "map50_95": "metrics/mAP50-95(B)"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run takes place; it may be another when the run is resumed.

    Attributes:
        device: `auto`, `cpu`, `mps`, `cuda` or `cuda:N`.
        workers: processes that read pictures; none on a CPU, where reading is not what takes the time.
    """

    device: str = "auto"
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Counts:
    """Pictures of each part, as laid out; the trainer has to find as many."""

    train: int
    val: int


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained, and where.

    Attributes:
        base: to start from, where there is no checkpoint yet.
        folder: of the run, with its data laid out.
        names: classes in the order of their indices.
        counts: of pictures.
        machine: to train on.
    """

    base: Base
    folder: RunFolder
    names: tuple[str, ...]
    counts: Counts
    machine: Machine


def fine_tune(task: Task, record: Record, say: Say) -> Record:
    """Train to the last epoch. `load_offline` has been called.

    Args:
        task: what is trained.
        record: how far it has come.
        say: takes a line after each epoch.

    Returns:
        The record of the whole run, with its best checkpoint.

    Raises:
        ModelError: the device is not there, or the trainer did not find every picture.
        KeyboardInterrupt: as it came; the record on disk has the last whole epoch.
    """
    with contextlib.redirect_stdout(sys.stderr):  # results are ours; what it says is progress
        run = _Run(task, record, say)
        trainer = _trainer(task, record)
        for event in ("on_pretrain_routine_end", "on_train_epoch_start", "on_train_batch_end", "on_model_save"):
            trainer.add_callback(event, getattr(run, event))
        try:
            trainer.train()
        finally:
            run.close()
    return run.record


def versions() -> dict[str, str]:
    """Versions of what a model is made with. `load_offline` has been called."""
    import torch  # noqa: PLC0415 - the extra `train`
    import ultralytics  # noqa: PLC0415

    return {"torch": str(torch.__version__), "ultralytics": str(ultralytics.__version__)}


class _Run:
    """Follows a training: shows progress, and keeps each epoch."""

    def __init__(self, task: Task, record: Record, say: Say) -> None:
        self.record = record
        self._task = task
        self._say = say
        self._bar: Any = None

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        found = Counts(len(trainer.train_loader.dataset), len(trainer.test_loader.dataset))
        if found != self._task.counts:
            raise ModelError(f"{self._task.folder.data}: the trainer finds {found}, laid out are {self._task.counts}")

    def on_train_epoch_start(self, trainer: Any) -> None:
        self.close()
        self._bar = tqdm(
            total=len(trainer.train_loader),
            desc=f"epoch {trainer.epoch + 1} of {trainer.epochs}",
            unit="step",
            disable=None,  # no bar unless standard error is a terminal
            leave=False,
        )

    def on_train_batch_end(self, _trainer: Any) -> None:
        self._bar.update()

    def on_model_save(self, trainer: Any) -> None:
        self.close()
        metrics = {name: round(float(trainer.metrics[key]), 4) for name, key in _METRICS.items()}
        is_best = trainer.best_fitness == trainer.fitness
        self.record = self._task.folder.keep(
            self.record, trainer.last, epochs_done=trainer.epoch + 1, metrics=metrics, is_best=is_best
        )
        losses = ", ".join(f"{name} {float(value):.3f}" for name, value in trainer.tloss.items())
        best = ", best so far" if is_best else ""
        self._say(f"epoch {trainer.epoch + 1} of {trainer.epochs}: {losses}; val mAP50 {metrics['map50']:.3f}{best}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _trainer(task: Task, record: Record) -> Any:
    import torch  # noqa: PLC0415 - the extra `train`
    from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: PLC0415

    # Its name has no "Trainer" in it: by that word Ultralytics chooses whom its services may listen to.
    class FineTuning(DetectionTrainer):  # type: ignore[misc]
        """The trainer, told where the data lie instead of looking them up, which would fetch a font."""

        def get_dataset(self) -> dict[str, Any]:
            images = task.folder.data / "images"
            return {
                "path": str(task.folder.data),
                "train": str(images / "train"),
                "val": str(images / "val"),
                "names": dict(enumerate(task.names)),
                "nc": len(task.names),
                "channels": 3,
            }

        def get_validator(self) -> Any:
            with torchvision_importable():
                return super().get_validator()

        def final_eval(self) -> None:
            """Nothing: the model that is installed is judged, not the one that was trained."""

    settings = record.settings
    device = _device(task.machine.device, torch)
    arguments: dict[str, Any] = {
        "model": str(task.base.checkpoint),
        "data": str(task.folder.data),
        "epochs": settings.epochs,
        "imgsz": settings.input_px,
        "batch": settings.batch,
        "seed": settings.seed,
        "deterministic": True,
        "patience": _PATIENCE_EPOCHS,
        "device": device,
        "workers": task.machine.workers,
        # Its own check of mixed precision downloads a model; bfloat16 needs none.
        "amp": "bf16" if device.isdigit() and torch.cuda.is_bf16_supported() else False,
        "plots": False,
        "project": str(task.folder.work),
        "name": "run",
        "exist_ok": True,
    }
    if record.last:
        arguments["resume"] = str(task.folder.checkpoint(record.last))
    try:
        return FineTuning(overrides=arguments)
    except ValueError as error:  # a device that is not there
        raise ModelError(f"device {task.machine.device!r}: {str(error).strip().splitlines()[0]}") from None


def _device(word: str, torch: Any) -> str:
    """What Ultralytics calls a device."""
    if word == "auto":
        return "0" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = word.partition(":")
    if kind == "cuda" and (not number or number.isdigit()):
        return number or "0"
    if word in {"cpu", "mps"}:
        return word
    raise ModelError(f"device {word!r}: auto, cpu, mps, cuda and cuda:N are allowed")
