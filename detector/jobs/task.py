"""What a job is to the code that does it: what there is to do, a bench to do it on, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class JobError(Exception):
    """A job can't be done; says why, in one sentence without a login.

    Args:
        reason: For whoever asked for it.
        final: Trying again, here or elsewhere, would be of no use.
    """

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class LostError(Exception):
    """The job is another worker's by now, or was cancelled: whatever is made of it here is of no use."""


class StoppedError(Exception):
    """The runner stops: the job goes back as it was."""


@dataclass(frozen=True)
class Output:
    """A file that the event system wants, under exactly this name."""

    name: str
    media_type: str
    max_bytes: int


@dataclass(frozen=True)
class Task:
    """A leased job."""

    id: str
    kind: str
    attempt: int
    lease_s: float
    camera: str | None
    incident: str | None
    spec: Mapping[str, Any]
    outputs: tuple[Output, ...] = ()

    @property
    def output(self) -> Output:
        """The one file that is wanted.

        Raises:
            JobError: There are none, or several.
        """
        if len(self.outputs) != 1:
            raise JobError(f"a job {self.kind} makes one file, and {len(self.outputs)} are wanted", final=True)
        return self.outputs[0]


class Bench(Protocol):
    """Where a job is done."""

    @property
    def folder(self) -> Path:
        """A folder that is gone afterwards."""
        ...

    def fetch(self, file: Mapping[str, Any]) -> Path:
        """Brings a file of evidence here, under its own name, and makes sure that it is what its digest says.

        Args:
            file: `name`, `sha256` and `href`, as the event system wrote them.

        Raises:
            JobError: It is not there, or is not what it was.
        """
        ...

    def progress(self, share: float, stage: str) -> None:
        """Notes how far it has got, 0 to 1. Call it often: here a job learns that it is over.

        Raises:
            LostError: It is somebody else's.
            StoppedError: The runner stops.
            JobError: It has taken too long.
        """
        ...


@dataclass(frozen=True)
class Done:
    """What came of a job: numbers and words, and its files by the names that are wanted."""

    result: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of jobs, and how one is done.

    Attributes:
        name: As the event system knows it.
        work: Does one.
        limit_s: What takes longer hangs.
    """

    name: str
    work: Callable[[Task, Bench], Done]
    limit_s: float
