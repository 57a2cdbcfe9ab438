"""What a recipe cuts out of footage: made at its first use, kept for the scenarios after it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from evaluation.composer.cutouts import Cutout, cut, cut_outline, largest
from evaluation.composer.footage import Footage, Mask, moved
from evaluation.composer.passages import Passage, follow
from evaluation.composer.recipe import Recipe, Thing
from evaluation.composer.written import Outline
from evaluation.errors import EvaluationError


@dataclass
class Material:
    """Things and passages of a recipe, out of a folder of footage.

    Attributes:
        recipe: says what is cut out where.
        footage: where it comes from.
    """

    recipe: Recipe
    footage: Footage
    _things: dict[str, Cutout] = field(default_factory=dict)
    _passages: dict[str, Passage] = field(default_factory=dict)

    def thing(self, name: str) -> Cutout:
        """A thing as it was seen.

        Raises:
            EvaluationError: nothing can be cut out there.
        """
        if name not in self._things:
            source = self.recipe.things[name]
            self._things[name] = self._cut(name, source).on_pole(source.pole).dimmed(source.gain)
        return self._things[name]

    def passage(self, name: str) -> Passage:
        """A passage as it was seen.

        Raises:
            EvaluationError: nothing passes there.
        """
        if name not in self._passages:
            source = self.recipe.passages[name]
            plate = self.footage.plate((source.footage, *source.plate_from))
            within = inside(source.within, plate.shape) if source.within else None
            self._passages[name] = follow(
                self.footage,
                source.footage,
                plate,
                start=(source.at_s, *source.point),
                until_s=source.at_s + source.for_s,
                within=within,
                label=name,
            )
        return self._passages[name]

    def _cut(self, name: str, source: Thing) -> Cutout:
        picture = next((picture for _, picture in self.footage.read(source.footage, from_s=source.at_s)), None)
        if picture is None:
            raise EvaluationError(f"things.{name}.at_s: {source.footage} ends before {source.at_s:g} s")
        if source.cut == "exact":
            return cut(picture, inside(source.outline, picture.shape))[0]
        if source.cut == "outline":
            return cut_outline(picture, tuple(source.outline), name)
        plate = self.footage.plate((source.footage, *source.plate_from))
        mask = cv2.bitwise_and(moved(picture, plate), inside(source.outline, plate.shape))
        try:
            return cut(picture, largest(np.asarray(mask, np.uint8)))[0]
        except ValueError:
            raise EvaluationError(f"things.{name}: nothing moved inside its outline at {source.at_s:g} s") from None


def inside(outline: Outline, shape: tuple[int, ...]) -> Mask:
    """The inside of an outline in fractions as a mask of a picture's shape."""
    height, width = shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.array([(x * width, y * height) for x, y in outline], np.int32)], 255)
    return mask
