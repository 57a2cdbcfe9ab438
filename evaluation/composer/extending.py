"""Passages that go on to where the picture ends: footage rarely shows a whole way."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from evaluation.composer.actors import grown, person_px
from evaluation.composer.passages import Passage, Step
from evaluation.composer.recipe import Place

_STRIDE_S: Final = 1.0  # two steps of somebody who walks
_EXTENDED_MAX_S: Final = 20.0  # whoever needs longer to leave the picture hardly moves


def extended(passage: Passage, place: Place, *, strides: bool) -> Passage:
    """A passage that goes on to where the picture ends, on both sides, as straight as it began and ended.

    Args:
        passage: in px of the composed frame.
        place: says how it grows on its way to the camera.
        strides: repeat the last strides of somebody who walks; else the last picture glides on.
    """
    count = max(round(_STRIDE_S * passage.rate), 2)
    before = _onwards(passage.steps[: count + 1][::-1], passage, place, strides=strides)[::-1]
    after = _onwards(passage.steps[-count - 1 :], passage, place, strides=strides)
    return replace(passage, steps=(*before, *passage.steps, *after))


def lead_s(passage: Passage, longer: Passage) -> float:
    """How much earlier the extended passage begins."""
    first = next(index for index, step in enumerate(longer.steps) if step is passage.steps[0])
    return first / passage.rate


def _onwards(last: tuple[Step, ...], passage: Passage, place: Place, *, strides: bool) -> list[Step]:
    """The steps after the last of `last`, in its direction, until they are out of the frame."""
    width, height = passage.size
    span = len(last) - 1
    way = np.array([last[-1].x - last[0].x, last[-1].foot - last[0].foot]) / span
    added: list[Step] = []
    if np.abs(way).sum() * passage.rate < 0.01 * width:  # it stands: there is no direction
        return added
    end = last[-1]
    for number in range(1, round(_EXTENDED_MAX_S * passage.rate)):
        x, foot = end.x + way[0] * number, end.foot + way[1] * number
        cycle = last[1 + (number - 1) % span].cutout if strides else end.cutout
        cycle = grown(cycle, person_px(place, foot, height) / person_px(place, end.foot, height))
        if x < -cycle.alpha.shape[1] or x > width + cycle.alpha.shape[1] or foot < 0 or foot - cycle.height_px > height:
            break
        added.append(Step(cycle, float(x), float(foot)))
    return added
