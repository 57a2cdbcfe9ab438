"""What a line says: a network that gives the chance of each sign at each step along it, read off by CTC's rule.

CTC (Graves et al., 2006): the likeliest sign at each step, repetitions taken once, blanks left out.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.plates.reading import Spelling
from models.runtime.session import Session

LINE_HEIGHT_PX = 32
"""The network takes no other."""
_BLANK = 0
_WIDTH_MIN_PX = 16


class SignReader:
    """The open network. Any number of threads may call it.

    Args:
        session: of the network.
        alphabet: its signs, in the order of its classes.
        overrated: how much more often a sign was among what the network learned from than it is on the street; its odds are
            divided by that (Bayes' rule for a changed prior; Saerens et al., 2002).
    """

    def __init__(self, session: Session, alphabet: Sequence[str], overrated: Mapping[str, float]) -> None:
        classes = session.outputs[0].shape[-1]
        if classes != len(alphabet) + 1:
            raise ModelError(f"sign reader: {classes} classes, but the alphabet has {len(alphabet)} signs and a blank")
        self._session = session
        self._alphabet = tuple(alphabet)
        self._weights = np.array([1 / overrated.get(sign, 1.0) for sign in alphabet], np.float32)

    def read(self, line_rgb: NDArray[np.uint8]) -> Spelling:
        """Read a line that was cut out: uint8 `(height, width, 3)`."""
        height, width = line_rgb.shape[:2]
        width_px = max(_WIDTH_MIN_PX, round(width * LINE_HEIGHT_PX / height))
        scaled = cv2.resize(line_rgb, (width_px, LINE_HEIGHT_PX))[:, :, ::-1].astype(np.float32) / 127.5 - 1
        feed = {self._session.inputs[0].name: np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])}
        return read_off(self._session.run(feed)[0][0], self._alphabet, self._weights)


def read_off(chances: NDArray[np.float32], alphabet: Sequence[str], weights: NDArray[np.float32]) -> Spelling:
    """The likeliest path, and how sure each of its signs is once the odds of all signs are weighed.

    Args:
        chances: `(steps, signs + 1)`, 0…1; the first class is the blank.
        alphabet: the signs, in the order of the other classes.
        weights: `(signs,)`, what the odds of each sign are multiplied by. That there is a sign at all is left as it is.

    Returns:
        Signs and how sure each is.

    Examples:
        >>> chances = np.array([[0, 0.9, 0.1], [0.1, 0.7, 0.2], [0.6, 0.2, 0.2], [0.2, 0, 0.8]], np.float32)
        >>> read_off(chances, "AB", np.ones(2, np.float32)).text
        'AB'
    """
    signs: list[str] = []
    confidences: list[float] = []
    start = 0
    for label, run in groupby(chances.argmax(axis=1).tolist()):
        steps = chances[start : (start := start + len(list(run)))]
        if label == _BLANK:
            continue
        surest = steps[steps[:, label].argmax()]
        weighed = surest[1:] * weights
        weighed *= surest[1:].sum() / weighed.sum()
        signs.append(alphabet[label - 1])
        confidences.append(float(weighed[label - 1]))
    return Spelling("".join(signs), tuple(confidences))
