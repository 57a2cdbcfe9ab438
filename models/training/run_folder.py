"""The folder of a run, in which it can be resumed: what it was begun with, and the checkpoint of the last whole epoch."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ModelError
from models.files import models_folder, sha256_of, whole_file
from models.registry.artifacts import LocalFile, Sha256
from models.registry.entries import first_problem

RECORD_NAME = "run.json"
CURVE_NAME = "results.csv"


class Settings(BaseModel):
    """What a run is made of; resuming asks for the same.

    Attributes:
        base: name of the model that it starts from.
        base_sha256: of its checkpoint.
        data_sha256: digest of the data set and its split.
        epochs: how often every picture is seen, at most.
        input_px: side of the square that pictures are scaled into.
        batch: pictures a step.
        seed: of everything that is random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    base_sha256: Sha256
    data_sha256: Sha256
    epochs: Annotated[int, Field(ge=1)]
    input_px: int
    batch: Annotated[int, Field(ge=1)]
    seed: int


class Record(BaseModel):
    """How far a run has come.

    Attributes:
        settings: what it is made of.
        epochs_done: whole ones.
        last: checkpoint to go on from.
        best: checkpoint of the epoch that did best on val.
        metrics: that Ultralytics measured on val in that epoch.
        finished: the model stands in the registry.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = Field(default=1, alias="schema")
    settings: Settings
    epochs_done: int = 0
    last: LocalFile | None = None
    best: LocalFile | None = None
    metrics: dict[str, float] = {}
    finished: bool = False


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run, named like its model."""

    path: Path

    @classmethod
    def of(cls, name: str) -> "RunFolder":
        """The folder of the model of this name, in the user's models folder."""
        return cls(models_folder() / "training" / name)

    @property
    def data(self) -> Path:
        """Where the data set is laid out."""
        return self.path / "data"

    @property
    def work(self) -> Path:
        """Where Ultralytics writes."""
        return self.path / "ultralytics"

    def begin(self, settings: Settings) -> Record:
        """Start a new run; one that is finished, or has no whole epoch yet, makes way.

        Raises:
            ModelError: one of this name was begun and can be resumed.
        """
        before = self._read()
        if before and before.last and not before.finished:
            raise ModelError(
                f"{self.path}: holds a run that is not finished ({before.epochs_done} of {before.settings.epochs} epochs): "
                "go on with --resume, or remove the folder"
            )
        shutil.rmtree(self.path, ignore_errors=True)
        record = Record(settings=settings)
        self.write(record)
        return record

    def epochs_done(self) -> int:
        """Whole epochs of the run that is kept here; 0 where there is none."""
        record = self._read()
        return record.epochs_done if record else 0

    def resume(self, settings: Settings) -> Record:
        """Go on with a run.

        Raises:
            ModelError: there is none, it is finished or has no checkpoint yet, it was begun with something else, or a file of
                it was changed.
        """
        record = self._read()
        if record is None or record.finished or record.last is None:
            state = (
                "no run" if record is None else "a finished run" if record.finished else "a run without a whole epoch"
            )
            raise ModelError(f"{self.path}: holds {state}, so there is nothing to resume: leave --resume out")
        for key, value in settings.model_dump().items():
            begun = getattr(record.settings, key)
            if begun != value:
                raise ModelError(
                    f"{self.path}: the run was begun with {key} {begun}, not {value}: resume it with the same"
                )
        for file in (record.last, record.best):
            self.checkpoint(file)
        return record

    def checkpoint(self, file: LocalFile | None) -> Path:
        """A checkpoint that this run has written, with the digest it had then.

        Raises:
            ModelError: it is missing or another file now: a checkpoint can run code, so it is not loaded.
        """
        path = self.path / file.path if file else self.path
        if file is None or not path.is_file() or sha256_of(path) != file.sha256:
            raise ModelError(
                f"{path}: not the checkpoint that this run wrote; it is not loaded. Begin anew: remove the folder"
            )
        return path

    def keep(
        self, record: Record, checkpoint: Path, *, epochs_done: int, metrics: dict[str, float], is_best: bool
    ) -> Record:
        """Keep the checkpoint of an epoch. Ctrl-C at any moment leaves either the old record or the new one, whole.

        Args:
            record: so far.
            checkpoint: to copy.
            epochs_done: with this epoch.
            metrics: measured on val in this epoch.
            is_best: of all epochs so far.
        """
        last = self._copy(checkpoint, f"last-{epochs_done:04d}.pt")
        changes: dict[str, object] = {"epochs_done": epochs_done, "last": last}
        if is_best or record.best is None:
            changes |= {"best": self._copy(checkpoint, f"best-{epochs_done:04d}.pt"), "metrics": metrics}
        after = record.model_copy(update=changes)
        self.write(after)
        self._tidy(after)
        return after

    def write(self, record: Record) -> None:
        """Write the record down."""
        with whole_file(self.path / RECORD_NAME) as temporary:
            temporary.write_text(record.model_dump_json(by_alias=True, indent=1), "utf-8")

    def finish(self, record: Record) -> None:
        """Leave the record, the curve and the best checkpoint, and remove what only a running run needs."""
        self.write(record.model_copy(update={"finished": True, "last": None}))
        self._tidy(record.model_copy(update={"last": None}))
        curve = self.work / "run" / CURVE_NAME
        if curve.is_file():
            shutil.copyfile(curve, self.path / CURVE_NAME)
        for folder in (self.data, self.work):
            shutil.rmtree(folder, ignore_errors=True)

    def _copy(self, source: Path, name: str) -> LocalFile:
        with whole_file(self.path / name) as temporary:
            shutil.copyfile(source, temporary)
        return LocalFile(path=name, sha256=sha256_of(self.path / name))

    def _tidy(self, record: Record) -> None:
        kept = {file.path for file in (record.last, record.best) if file}
        for path in self.path.glob("*.pt"):
            if path.name not in kept:
                path.unlink()

    def _read(self) -> Record | None:
        path = self.path / RECORD_NAME
        if not path.is_file():
            return None
        try:
            return Record.model_validate_json(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: cannot be read: {error}") from None
        except ValidationError as error:
            raise ModelError(f"{path}: {first_problem(error)}") from None
