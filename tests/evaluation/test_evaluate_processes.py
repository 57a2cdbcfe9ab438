"""Clips in processes of their own: what a crash costs, what is kept, what is analysed again."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.datasets.truth import read_dataset
from evaluation.errors import EvaluationError
from evaluation.run import evaluate
from evaluation.running.analysed import Plan, Silence
from evaluation.running.identity import identity_of_clip
from evaluation.running.job import Settings
from tests.evaluation.table_work import calls, found, table_work, write_clip

PLAN = Plan(Settings(model="m"), processes=1, work=table_work, identity={"model": "m", "code": 1})
TWO = replace(PLAN, processes=2)
"""For what depends on clips that are analysed at the same time. To start a process costs seconds."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path)


def write_dataset(folder: Path) -> Path:
    """Three clips: one with an incident that is found, one with a false alarm, one that is quiet and the longest."""
    clips = [
        write_clip(folder, "kerb", true=1, incidents=[found("k1")]),
        write_clip(folder, "lawn", duration_s=60.0, incidents=[found("l1")]),
        write_clip(folder, "gate", duration_s=120.0),
    ]
    (folder / "dataset.yaml").write_text(json.dumps({"clips": clips}))
    return folder


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_dataset(tmp_path_factory.mktemp("finished"))
    run(folder)
    assert len(calls(folder)) == 3
    return folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """A copy of the three clips, with what came of them; the clips are as old as they were."""
    return Path(shutil.copytree(finished_once, tmp_path, dirs_exist_ok=True))


def run(folder: Path, plan: Plan = PLAN, out: str = "out") -> dict[str, Any]:
    return evaluate(read_dataset(folder / "dataset.yaml"), folder / out, plan)


def replan(folder: Path, name: str, **plan: object) -> None:
    path = folder / f"{name}.plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **plan}))


def test_clips_are_scored_in_the_order_of_the_dataset_whoever_ends_first(folder: Path) -> None:
    report = run(folder, TWO)
    assert [clip["camera"] for clip in report["clips"]] == ["kerb", "lawn", "gate"]
    whole = report["all"]
    assert (whole["found"], whole["false_alarms"], whole["misses"]) == (1, 1, 0)
    assert whole["fa_per_camera_hour"] == 13.3333  # 1 in 90 + 60 + 120 s = 0.075 h
    assert (report["clips_failed"], report["clips_broke"], report["clips_truncated"]) == (0, 0, 0)


def test_the_longest_clip_comes_first(folder: Path) -> None:
    run(folder)
    assert calls(folder) == ["gate", "kerb", "lawn"]  # 120, 90, 60 s


def test_what_is_finished_is_kept_and_the_report_is_the_same_to_the_byte(folder: Path) -> None:
    run(folder, TWO)
    assert len(calls(folder)) == 3
    first = (folder / "out" / "report.json").read_bytes()
    run(folder)
    assert calls(folder) == []
    assert (folder / "out" / "report.json").read_bytes() == first
    run(folder, TWO, out="elsewhere")
    assert len(calls(folder)) == 3
    assert (folder / "elsewhere" / "report.json").read_bytes() == first
    timing = json.loads((folder / "out" / "timing.json").read_text())
    assert [clip["kept"] for clip in timing["clips"]] == [True, True, True]
    assert (timing["media_s"], timing["analysed_media_s"]) == (270.0, 0)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


CHANGES: Mapping[str, Any] = {
    "the clip has another end": lambda folder: (folder / "kerb.mp4").write_bytes(b"kerb" * 999 + b"KERB"),
    "the clip is as it was, but newer": lambda folder: os.utime(folder / "kerb.mp4", (1, 1)),
    "the cameras file has a comment more": lambda folder: append(folder / "kerb.yaml", "\n# new\n"),
    "its result is gone": lambda folder: (folder / "out/clips/000-kerb/incidents.json").unlink(),
    "its result was touched": lambda folder: append(folder / "out/clips/000-kerb/incidents.json", " "),
    "its mark is not whole": lambda folder: (folder / "out/clips/000-kerb/clip.json").write_text("{"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_has_changed_is_analysed_again(finished: Path, change: str) -> None:
    first = (finished / "out" / "report.json").read_bytes()
    CHANGES[change](finished)
    run(finished)
    assert calls(finished) == ["kerb"]
    assert (finished / "out" / "report.json").read_bytes() == first


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, fresh=True),
        replace(PLAN, identity={"model": "m", "code": 2}),
        replace(PLAN, identity={"model": "n", "code": 1}),
    ],
    ids=["fresh", "other code", "other model"],
)
def test_everything_is_analysed_again(finished: Path, plan: Plan) -> None:
    run(finished, plan)
    assert sorted(calls(finished)) == ["gate", "kerb", "lawn"]


def test_a_clip_that_left_the_dataset_leaves_the_folder_and_nothing_else_does(finished: Path) -> None:
    own = finished / "out" / "clips" / "mine"
    own.mkdir()
    entries = json.loads((finished / "dataset.yaml").read_text())["clips"]
    (finished / "dataset.yaml").write_text(json.dumps({"clips": entries[:2]}))
    run(finished)
    assert calls(finished) == []
    assert sorted(path.name for path in own.parent.iterdir()) == ["000-kerb", "001-lawn", "mine"]


@pytest.mark.parametrize(
    ("end", "words", "broke"),
    [
        ("killed", "kerb.yaml: its process was ended by SIGKILL", 1),
        ("exits", "kerb.yaml: its process ended with code 7", 1),
        ("defect", "kerb.yaml: ZeroDivisionError", 1),
        ("refused", "kerb.yaml: kerb.mp4: is not video", 0),
    ],
)
def test_a_clip_that_fails_costs_only_itself_and_is_tried_again(folder: Path, end: str, words: str, broke: int) -> None:
    replan(folder, "kerb", end=end)
    report = run(folder)  # the same process goes on, or its successor
    assert report["problems"] == [words]
    assert [clip["camera"] for clip in report["clips"]] == ["lawn", "gate"]
    assert (report["clips_failed"], report["clips_broke"]) == (1, broke)
    calls(folder)
    replan(folder, "kerb", end=None)
    assert run(folder)["clips_failed"] == 0
    assert calls(folder) == ["kerb"]


def test_a_clip_that_breaks_off_is_scored_as_far_as_it_goes_and_counted(folder: Path) -> None:
    replan(folder, "kerb", status="truncated", read_s=30.0)
    report = run(folder)
    assert (report["clips_truncated"], report["clips_failed"]) == (1, 0)
    assert report["all"]["fa_per_camera_hour"] == 17.1429  # 1 in 30 + 60 + 120 s = 0.0583 h


def test_without_any_clip_there_is_no_report(folder: Path) -> None:
    for name in ("kerb", "lawn", "gate"):
        replan(folder, name, end="refused")
    with pytest.raises(EvaluationError, match=r"no clip could be analysed\nkerb.yaml: kerb.mp4: is not video"):
        run(folder)
    assert not (folder / "out" / "report.json").exists()


class Interrupted(Silence):
    """Somebody presses Ctrl-C once a clip is finished; adds up what it was told before."""

    film_s = read_s = 0.0

    def begin(self, clips: int, kept: int, film_s: float) -> None:
        assert (clips, kept) == (3, 0)
        self.film_s = film_s

    def read(self, film_s: float) -> None:
        self.read_s += film_s

    def clip(self) -> None:
        raise KeyboardInterrupt


def test_ctrl_c_ends_at_once_and_keeps_what_is_finished(folder: Path) -> None:
    replan(folder, "gate", end="hangs")
    started_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        evaluate(read_dataset(folder / "dataset.yaml"), folder / "out", TWO, Interrupted())
    assert time.monotonic() - started_s < 20  # it would hang for 600 s; most of this is starting two processes
    calls(folder)
    replan(folder, "gate", end=None)
    report = run(folder)
    assert "kerb" not in calls(folder)
    run(folder, out="fresh")
    assert (folder / "out" / "report.json").read_bytes() == (folder / "fresh" / "report.json").read_bytes()
    assert report["all"]["found"] == 1


def test_progress_moves_by_the_stated_length_whatever_is_read(folder: Path) -> None:
    replan(folder, "kerb", read_s=500.0)  # longer than it says
    replan(folder, "lawn", end="defect", read_s=3.0)  # breaks after 3 s

    class Watched(Interrupted):
        def clip(self) -> None:
            """Goes on."""

    watched = Watched()
    evaluate(read_dataset(folder / "dataset.yaml"), folder / "out", PLAN, watched)
    assert watched.read_s == pytest.approx(270.0)
    assert watched.film_s == 270.0


def test_identity_sees_both_ends_of_a_long_clip_and_its_size(tmp_path: Path) -> None:
    write_clip(tmp_path, "long")
    clip, cameras = tmp_path / "long.mp4", tmp_path / "long.yaml"
    seen = set()
    for content in (b"a" * 3_000_000, b"a" * 2_999_999 + b"b", b"b" + b"a" * 2_999_999, b"a" * 3_000_001):
        clip.write_bytes(content)
        os.utime(clip, (1, 1))
        seen.add(json.dumps(identity_of_clip(cameras)))
    assert len(seen) == 4
    clip.unlink()
    assert identity_of_clip(cameras) is None
