"""The matching against brute force: all one-to-one assignments of small random clips, by the words of the contract."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest

from detector.zoning.geometry import Box
from evaluation.metrics.matching import Prediction, Truth, match

GRID = 10  # boxes of the random clips lie on tenths of the frame: whole numbers, so that nothing is rounded

Cells = tuple[int, int, int, int]


def overlap_of(one: Cells, other: Cells) -> Fraction:
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return Fraction(width * height, sum(areas) - width * height)


def may_be(predicted: Cells, true: Cells, late_s: int) -> bool:
    """The contract in whole numbers: -5 s…+10 s, and twice the centre within twice the true box grown by half."""
    return -5 <= late_s <= 10 and all(
        2 * low - (high - low) <= predicted[axis] + predicted[axis + 2] <= 2 * high + (high - low)
        for axis, low, high in ((0, true[0], true[2]), (1, true[1], true[3]))
    )


def best_of_all(predictions: list[tuple[int, Cells]], truths: list[tuple[int, Cells]]) -> set[tuple[int, int]]:
    """Of all one-to-one assignments the one whose nearest pair is nearest, then its second nearest, and so on.

    Pairs are compared by onset, then overlap, then order; where one assignment has a pair more and is else the same, it wins.
    """
    pairs: dict[tuple[int, int], tuple[int, Fraction, int, int]] = {}
    for (t, (true_s, true)), (p, (predicted_s, predicted)) in itertools.product(
        enumerate(truths), enumerate(predictions)
    ):
        if may_be(predicted, true, predicted_s - true_s):
            pairs[t, p] = (abs(predicted_s - true_s), -overlap_of(predicted, true), t, p)
    last = (10**6, Fraction(0), 0, 0)
    best: tuple[list[tuple[int, Fraction, int, int]], set[tuple[int, int]]] = ([last], set())
    choices = [*range(len(predictions)), *([None] * len(truths))]
    for choice in set(itertools.permutations(choices, len(truths))):
        chosen = {(t, p) for t, p in enumerate(choice) if p is not None}
        if chosen <= pairs.keys():
            best = min(best, ([*sorted(pairs[pair] for pair in chosen), last], chosen), key=lambda one: one[0])
    return best[1]


@pytest.mark.parametrize("seed", range(150))
def test_the_matching_is_the_best_of_all_assignments(seed: int) -> None:
    rng = random.Random(seed)

    def thing() -> tuple[int, Cells]:
        left, top = rng.randint(0, 3), rng.randint(0, 2)
        return rng.choice((0, 1, 2, 2, 4, 4, 9, 14)), (left, top, left + rng.randint(1, 4), top + rng.randint(1, 4))

    predictions, truths = [thing() for _ in range(rng.randint(0, 4))], [thing() for _ in range(rng.randint(0, 4))]

    def box(cells: Cells) -> Box:
        return Box(*(cell / GRID for cell in cells))

    result = match(
        [
            Prediction(str(p), "illegal_parking", "kerb", onset_s, onset_s + 31.0, box(cells))
            for p, (onset_s, cells) in enumerate(predictions)
        ],
        [Truth("illegal_parking", "kerb", onset_s, float(t), box(cells)) for t, (onset_s, cells) in enumerate(truths)],
    )
    found = {(int(pair.truth.alarm_s), int(pair.prediction.id)) for pair in result.matches}
    assert found == best_of_all(predictions, truths)
    assert len(result.matches) + len(result.false_alarms) == len(predictions)
    assert len(result.matches) + len(result.misses) == len(truths)
