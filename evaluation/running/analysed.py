"""All clips of a dataset, analysed: those that are finished are taken as they are, the others in several processes."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from detector.analyze import INCIDENTS_FILE
from evaluation.datasets.truth import ClipTruth, Dataset
from evaluation.running.identity import identity_of_clip, identity_of_run
from evaluation.running.job import Job, Settings, Work
from evaluation.running.kept import Cost, clear, clear_others, cost_if_kept, key_of, mark
from evaluation.running.workers import Outcome, cores, run_jobs

CLIPS_FOLDER = "clips"


class Progress(Protocol):
    """Shows how far it is."""

    def begin(self, clips: int, kept: int, film_s: float) -> None:
        """Of so many clips so many are finished; so much film is to be analysed."""

    def read(self, film_s: float) -> None:
        """So much more of it has been read."""

    def clip(self) -> None:
        """One more clip is finished."""


class Silence:
    """Progress that nobody watches."""

    def begin(self, clips: int, kept: int, film_s: float) -> None:
        """Nothing."""

    def read(self, film_s: float) -> None:
        """Nothing."""

    def clip(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class AnalysedClip:
    """A clip and what was found in it.

    Attributes:
        clip: of the dataset.
        folder: where its evidence is.
        found: the content of its incidents.json; None if it could not be analysed.
        problem: why not.
        broke: the problem is a defect (a process died, an unexpected error), not a wrong clip.
        cost: what it took, now or earlier.
        kept: it was finished before.
    """

    clip: ClipTruth
    folder: Path
    found: Mapping[str, Any] | None
    problem: str | None = None
    broke: bool = False
    cost: Cost = field(default=Cost(0.0, 0.0))
    kept: bool = False


@dataclass(frozen=True)
class Analysed:
    """All clips in the order of the dataset, and how long this run took."""

    clips: tuple[AnalysedClip, ...]
    wall_s: float


@dataclass(frozen=True)
class Plan:
    """How a dataset is worked on.

    Attributes:
        settings: how each clip is analysed.
        processes: how many clips at once; None: one for each core.
        fresh: take nothing from an earlier run.
        work: what does a clip; `evaluation.running.clip.analyse` if None.
        identity: what all clips depend on; `identity_of_run` if None.
    """

    settings: Settings = field(default_factory=Settings)
    processes: int | None = None
    fresh: bool = False
    work: Work | None = None
    identity: Mapping[str, Any] | None = None


def analyse_clips(dataset: Dataset, out: Path, plan: Plan, progress: Progress | None = None) -> Analysed:
    """Analyse what has not been analysed yet, the longest clips first; results and evidence lie under `out/clips`.

    A clip whose process dies or that can't be read costs nothing but itself. When it is interrupted, the clips that are
    finished stay, and the next call goes on from there.

    Raises:
        models.errors.ModelError: the model or the provider can't be had.
    """
    started_s = time.perf_counter()
    shown = progress or Silence()
    identity = plan.identity if plan.identity is not None else identity_of_run(plan.settings)
    folders = [folder_of(out, index, clip) for index, clip in enumerate(dataset.clips)]
    keys = [_key(identity, clip) for clip in dataset.clips]
    kept = [None if plan.fresh else cost_if_kept(*pair) for pair in zip(folders, keys, strict=True)]
    clear_others(out / CLIPS_FOLDER, folders)
    todo = [index for index, cost in enumerate(kept) if cost is None]
    todo.sort(key=lambda index: -dataset.clips[index].duration_s)
    shown.begin(len(folders), len(folders) - len(todo), sum(dataset.clips[index].duration_s for index in todo))
    for index in todo:
        clear(folders[index])
    outcomes: dict[int, Outcome] = {}
    # Closed at once when Ctrl-C comes while a clip is counted here, so that no process stays behind.
    with closing(_outcomes(dataset, folders, todo, plan, shown)) as ended:
        for index, outcome in ended:
            outcomes[index] = outcome
            key = keys[index]
            if outcome.done and key is not None:
                mark(folders[index], key, Cost(outcome.wall_s, outcome.cpu_s))
            shown.clip()
    clips = [
        _clip(clip, folder, outcomes.get(index), cost)
        for index, (clip, folder, cost) in enumerate(zip(dataset.clips, folders, kept, strict=True))
    ]
    return Analysed(tuple(clips), time.perf_counter() - started_s)


def _outcomes(
    dataset: Dataset, folders: Sequence[Path], todo: Sequence[int], plan: Plan, shown: Progress
) -> Generator[tuple[int, Outcome], None, None]:
    """Index and outcome of each clip that is to be done, as it ends."""
    clips = [dataset.clips[index] for index in todo]
    left_s = [clip.duration_s for clip in clips]

    def read(number: int, film_s: float) -> None:
        # A clip may hold more than its stated length, or break off: in the end the bar has moved by that length.
        news_s = min(film_s, left_s[number])
        left_s[number] -= news_s
        shown.read(news_s)

    jobs = [
        Job(clip.name, clip.cameras, folders[index], plan.settings) for index, clip in zip(todo, clips, strict=True)
    ]
    with closing(run_jobs(plan.work or _analyse(), jobs, plan.processes or cores(), read)) as ended:
        for number, outcome in ended:
            read(number, left_s[number])
            yield todo[number], outcome


def _analyse() -> Work:
    from evaluation.running.clip import analyse  # noqa: PLC0415 - loads the detector, which tests of the rest need not

    return analyse


def folder_of(out: Path, index: int, clip: ClipTruth) -> Path:
    """A folder of its own for each clip, however alike their names are."""
    return out / CLIPS_FOLDER / f"{index:03d}-{clip.cameras.name.split('.')[0]}"


def _key(identity: Mapping[str, Any], clip: ClipTruth) -> str | None:
    own = identity_of_clip(clip.cameras)
    return None if own is None else key_of(identity, own)


def _clip(clip: ClipTruth, folder: Path, outcome: Outcome | None, kept: Cost | None) -> AnalysedClip:
    if outcome is None:
        return AnalysedClip(clip, folder, _found(folder), cost=kept or Cost(0.0, 0.0), kept=True)
    cost = Cost(outcome.wall_s, outcome.cpu_s)
    if outcome.done:
        return AnalysedClip(clip, folder, _found(folder), cost=cost)
    problem = outcome.refused if outcome.refused is not None else outcome.broke
    return AnalysedClip(clip, folder, None, problem, outcome.broke is not None, cost)


def _found(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / INCIDENTS_FILE).read_bytes())
    return found


def problems_of(clips: Sequence[AnalysedClip]) -> list[str]:
    """A line, or several, for each clip that could not be analysed."""
    return [f"{it.clip.name}: {line}" for it in clips if it.problem is not None for line in it.problem.splitlines()]
