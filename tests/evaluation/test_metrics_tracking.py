"""Tracking metrics: tables worked out by hand, and parity with TrackEval's own reader of MOT files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from trackeval.datasets import MotChallenge2DBox
from trackeval.metrics import CLEAR, HOTA, Identity

from evaluation.errors import EvaluationError
from evaluation.metrics.cityscore import cityscore
from evaluation.metrics.tracking import Clear, clear, tracking
from evaluation.metrics.tracks import Tracks, box_iou

Row = tuple[int, int, tuple[float, float, float, float]]  # picture, id, box
HERE = (0.0, 0.0, 100.0, 100.0)
SHIFTED = (20.0, 0.0, 120.0, 100.0)  # shared 80 * 100 of 20000 - 8000: IoU 2/3 with HERE
HALF = (0.0, 0.0, 50.0, 100.0)  # IoU 1/2 with HERE
FAR = (500.0, 500.0, 600.0, 600.0)


def tracks(*rows: Row) -> Tracks:
    return Tracks(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64).reshape(-1, 4),
    )


NOTHING = tracks()
STANDS = tracks(*((picture, 1, HERE) for picture in range(4)))
SWITCHED = (STANDS, tracks((0, 10, HERE), (1, 10, HERE), (2, 20, HERE), (3, 20, HERE)))
LOST = (tracks((0, 1, HERE), (1, 1, HERE), (2, 1, HERE)), tracks((0, 7, SHIFTED), (1, 7, FAR)))


def test_the_same_is_perfect() -> None:
    result = tracking([(STANDS, STANDS)])
    assert (result.hota, result.det_a, result.ass_a, result.idf1, result.mota) == (1, 1, 1, 1, 1)
    assert result.clear == Clear(4, 0, 0, 0)


def test_an_id_switch() -> None:
    result = tracking([SWITCHED])
    assert result.det_a == pytest.approx(1)  # 4 found of 4 + 0 + 0
    # Either id is right 2 times; the thing has 4 boxes and the id 2: 2 / (4 + 2 - 2).
    assert result.ass_a == pytest.approx(0.5)
    assert result.hota == pytest.approx(math.sqrt(1 * 0.5))
    assert result.idf1 == pytest.approx(0.5)  # one of the ids counts: 2 right, 2 missed, 2 wrong; 2 / (2 + 1 + 1)
    assert result.mota == pytest.approx(0.75)  # 1 - (0 + 0 + 1) / 4
    assert result.clear == Clear(found=4, misses=0, false_alarms=0, id_switches=1)


def test_a_shifted_box_a_false_one_and_misses() -> None:
    # At 13 of the 19 overlaps (0.05 … 0.65) the shifted box is found: 1 found, 2 missed, 1 false. DetA 1 / 4;
    # AssA: the thing has 3 boxes and the id 2: 1 / (3 + 2 - 1). At the other 6 nothing is found.
    result = tracking([LOST])
    assert result.det_a == pytest.approx(13 / 19 * 0.25)
    assert result.ass_a == pytest.approx(13 / 19 * 0.25)
    assert result.hota == pytest.approx(13 / 19 * 0.25)
    assert result.idf1 == pytest.approx(0.4)  # 1 / (1 + 2/2 + 1/2)
    assert result.mota == pytest.approx(0.0)  # 1 - (2 + 1 + 0) / 3


def test_clips_are_pooled_by_counts() -> None:
    result = tracking([SWITCHED, LOST])
    assert result.clear == Clear(found=5, misses=2, false_alarms=1, id_switches=1)
    assert result.mota == pytest.approx(3 / 7)  # 1 - (2 + 1 + 1) / 7
    assert result.idf1 == pytest.approx(3 / 6.5)  # 2 + 1 right, 2 + 2 missed, 2 + 1 wrong: 3 / (3 + 4/2 + 3/2)
    # Up to 0.65: 5 of 5 + 2 + 1, beyond: 4 of 4 + 3 + 2.
    assert result.det_a == pytest.approx((13 * 5 / 8 + 6 * 4 / 9) / 19)
    # Up to 0.65: (4 * 0.5 + 1 * 0.25) / 5, beyond: 0.5.
    assert result.ass_a == pytest.approx((13 * 0.45 + 6 * 0.5) / 19)


def test_nothing_predicted_is_zero_and_nothing_true_is_undefined() -> None:
    blind = tracking([(STANDS, NOTHING)])
    assert (blind.hota, blind.det_a, blind.ass_a, blind.idf1, blind.mota) == (0, 0, 0, 0, 0)
    dreaming = tracking([(NOTHING, STANDS)])
    assert (dreaming.hota, dreaming.idf1, dreaming.mota, dreaming.clear) == (None, None, None, Clear(0, 0, 4, 0))
    assert tracking([]) == tracking([(NOTHING, NOTHING)])
    assert tracking([]).clear.f1 is None


def test_false_boxes_of_a_clip_without_truth_count_in_the_pool() -> None:
    # 4 found and 4 false: 1 - 4 / 4.
    assert tracking([(STANDS, STANDS), (NOTHING, STANDS)]).mota == pytest.approx(0.0)


def test_any_ids_in_any_order_with_gaps() -> None:
    back = tracks((9, 4000, HERE), (2, -5, FAR), (9, -5, FAR), (2, 4000, HERE))
    assert tracking([(back, tracks((2, 7, FAR), (2, 1, HERE), (9, 7, FAR), (9, 1, HERE)))]).hota == pytest.approx(1)


@pytest.mark.parametrize(
    ("clips", "f1", "mota", "score"),
    [
        ([(STANDS, STANDS)], 1, 1, 1.0),
        ([SWITCHED], 1, 0.75, 0.85 + 0.15 * 0.75),
        ([LOST], 0.4, 0.0, 0.85 * 0.4),  # 2 * 1 / (2 * 1 + 2 + 1); 1 - 3 / 3
        ([(STANDS, NOTHING)], 0, 0, 0.0),
        # An overlap of exactly a half isn't more than a half: 1 missed and 1 false. 1 - 2 / 1.
        ([(tracks((0, 1, HERE)), tracks((0, 1, HALF)))], 0, -1, -0.15),
        ([(tracks((0, 1, HERE)), tracks((0, 1, (0, 0, 51, 100))))], 1, 1, 1.0),  # 0.51
        # The same in a place where doubles round: 0.1 … 0.3 and 0.1 … 0.2.
        ([(tracks((0, 1, (0.1, 0.1, 0.3, 0.3))), tracks((0, 1, (0.1, 0.1, 0.2, 0.3))))], 0, -1, -0.15),
    ],
)
def test_cityscore(clips: list[tuple[Tracks, Tracks]], f1: float, mota: float, score: float) -> None:
    result = cityscore(clips)
    assert result is not None
    assert (result.f1, result.mota, result.score) == pytest.approx((f1, mota, score))


def test_cityscore_without_truth_is_undefined() -> None:
    assert cityscore([(NOTHING, STANDS)]) is None


def test_half_an_overlap_counts_for_mota() -> None:
    assert clear([(tracks((0, 1, HERE)), tracks((0, 1, HALF)))], iou_min=0.5) == Clear(1, 0, 0, 0)


@pytest.mark.parametrize(
    ("pictures", "ids", "boxes", "message"),
    [
        ([0], [1], [[0, 0, 1]], "boxes_px must be float64 (1, 4), not float64 (1, 3)"),
        ([0, 0], [1], [[0, 0, 1, 1]], "pictures must be int64 (1,), not int64 (2,)"),
        ([-1], [1], [[0, 0, 1, 1]], "picture -1: allowed is 0 and more"),
        ([3, 3], [8, 8], [[0, 0, 1, 1], [0, 0, 2, 2]], "picture 3 has id 8 more than once"),
        ([0, 2], [1, 4], [[0, 0, 1, 1], [5, 0, 5, 1]], "of id 4 in picture 2 is empty"),
        ([0], [1], [[0, 0, math.nan, 1]], "of id 1 in picture 0 is empty or not finite"),
    ],
)
def test_unsound_tracks_are_refused(
    pictures: list[int], ids: list[int], boxes: list[list[float]], message: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        Tracks(np.array(pictures, np.int64), np.array(ids, np.int64), np.array(boxes, np.float64))
    assert message in str(caught.value)


def test_iou_of_boxes() -> None:
    boxes = np.array([HERE, SHIFTED, HALF, FAR])
    # SHIFTED and HALF share 30 * 100 of 10000 + 5000 - 3000.
    expected = [[1, 2 / 3, 1 / 2, 0], [2 / 3, 1, 1 / 4, 0], [1 / 2, 1 / 4, 1, 0], [0, 0, 0, 1]]
    assert box_iou(boxes, boxes) == pytest.approx(np.array(expected))
    assert box_iou(boxes, np.empty((0, 4))).shape == (4, 0)


def wanderers(rng: np.random.Generator, pictures: int) -> tuple[Tracks, Tracks]:
    """Things that walk about, and a tracker that shakes, misses, dreams and changes its mind."""
    true: list[Row] = []
    seen: list[Row] = []
    for thing in range(1, 7):
        x, y = rng.integers(0, 300, 2)
        number = thing * 10
        for picture in range(int(rng.integers(0, 5)), pictures - int(rng.integers(0, 5))):
            x, y = x + rng.integers(-8, 9), y + rng.integers(-8, 9)
            true.append((picture, thing, (x, y, x + 60, y + 40)))
            number += int(rng.random() < 0.05)
            dx, dy = rng.integers(-12, 13, 2)
            if rng.random() < 0.85:
                seen.append((picture, number, (x + dx, y + dy, x + dx + 60, y + dy + 40)))
            if rng.random() < 0.1:
                seen.append((picture, 1000 + len(seen), (x + 400, y, x + 460, y + 40)))
    return tracks(*true), tracks(*seen)


def mot_lines(boxes: Tracks) -> str:
    """MOT's format: picture from 1, id, left, top, width, height, confidence, class, visibility."""
    return "".join(
        f"{picture + 1},{name},{x1:g},{y1:g},{x2 - x1:g},{y2 - y1:g},1,1,1\n"
        for picture, name, (x1, y1, x2, y2) in zip(boxes.pictures, boxes.ids, boxes.boxes_px, strict=True)
    )


@pytest.mark.parametrize("seed", range(5))
def test_parity_with_trackeval_reading_mot_files(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clips = {name: wanderers(rng, 30) for name in ("one", "two")}
    for name, (true, seen) in clips.items():
        for path, boxes in ((f"gt/{name}/gt/gt.txt", true), (f"seen/mine/data/{name}.txt", seen)):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(mot_lines(boxes))
    reader = MotChallenge2DBox(
        {
            "GT_FOLDER": str(tmp_path / "gt"),
            "TRACKERS_FOLDER": str(tmp_path / "seen"),
            "TRACKERS_TO_EVAL": ["mine"],
            "BENCHMARK": "MOT15",
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": dict.fromkeys(clips, 30),
            "PRINT_CONFIG": False,
        }
    )
    sequences = {
        name: reader.get_preprocessed_seq_data(reader.get_raw_seq_data("mine", name), "pedestrian") for name in clips
    }

    def pooled(metric: HOTA | CLEAR | Identity) -> dict[str, np.ndarray]:
        return metric.combine_sequences({name: metric.eval_sequence(one) for name, one in sequences.items()})

    hota, moved = pooled(HOTA()), pooled(CLEAR({"THRESHOLD": 0.5, "PRINT_CONFIG": False}))
    identity = pooled(Identity({"THRESHOLD": 0.5, "PRINT_CONFIG": False}))
    result = tracking(list(clips.values()))
    assert 0.2 < result.hota < 0.9  # a case that can go wrong
    assert result.clear.id_switches > 0
    assert result.hota == pytest.approx(np.mean(hota["HOTA"]), abs=1e-12)
    assert result.det_a == pytest.approx(np.mean(hota["DetA"]), abs=1e-12)
    assert result.ass_a == pytest.approx(np.mean(hota["AssA"]), abs=1e-12)
    assert result.idf1 == pytest.approx(identity["IDF1"], abs=1e-12)
    assert result.mota == pytest.approx(moved["MOTA"], abs=1e-12)
    assert result.clear == Clear(*(int(moved[key]) for key in ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW")))
