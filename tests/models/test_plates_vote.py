"""How several readings of one plate come to one. Texts are short here; every sign has its own confidence."""

import pytest

from models.plates.reading import NOTHING, Colour, PlateReading, Spelling
from models.plates.vote import vote


def spelling(text: str, *confidences: float) -> Spelling:
    """One confidence stands for all signs."""
    return Spelling(text, confidences if len(confidences) > 1 else confidences * len(text))


def three(text: str) -> bool:
    return len(text) == 3


@pytest.mark.parametrize(
    ("spellings", "text", "confidence"),
    [
        pytest.param([], "", 0.0, id="nobody looked"),
        pytest.param([spelling("A12", 0.9)], "", 0.0, id="one reading is no agreement"),
        # (0.9² + 0.8²) / (0.9 + 0.8) = 1.45 / 1.7
        pytest.param([spelling("A12", 0.9), spelling("A12", 0.8)], "A12", 0.8529, id="two that agree"),
        # Ten that say the same are no surer than each of them.
        pytest.param([spelling("A12", 0.8)] * 10, "A12", 0.8, id="repetition adds nothing"),
        # 0.4 is less than half of 0.9: no vote.
        pytest.param(
            [spelling("A12", 0.9)] * 2 + [spelling("A42", 0.4)] * 9, "A12", 0.9, id="blurred ones have no vote"
        ),
        # 2.7 of 3.5 votes for `1`, share 0.7714 of 0.9.
        pytest.param(
            [spelling("A12", 0.9)] * 3 + [spelling("A42", 0.8)], "A12", 0.6943, id="a dissenter costs its share"
        ),
        # 1.8 of 3.4: less than two thirds.
        pytest.param([spelling("A12", 0.9)] * 2 + [spelling("A42", 0.8)] * 2, "", 0.0, id="divided"),
        # 1 and 2 have two thirds each, but nobody said A12.
        pytest.param(
            [spelling("A13", 0.9), spelling("A42", 0.9), spelling("B12", 0.9)],
            "",
            0.0,
            id="nobody said the sum of them",
        ),
        # 1.8 of 2.7 votes are for three signs: just enough. The others are another text, not another sign.
        pytest.param([spelling("A12", 0.9)] * 2 + [spelling("A123", 0.9)], "A12", 0.9, id="two thirds for the length"),
        pytest.param([spelling("A12", 0.9)] * 2 + [spelling("A123", 0.9)] * 2, "", 0.0, id="half for the length"),
        pytest.param([spelling("A123", 0.9)] * 3, "", 0.0, id="no such plate"),
        pytest.param([NOTHING] * 5, "", 0.0, id="nothing to read"),
        # The weakest sign counts: (0.5 + 0.7)'s (0.25 + 0.49) / 1.2
        pytest.param(
            [spelling("A12", 0.9, 0.9, 0.5), spelling("A12", 0.9, 0.9, 0.7)],
            "A12",
            0.6167,
            id="as sure as the weakest sign",
        ),
    ],
)
def test_vote(spellings: list[Spelling], text: str, confidence: float) -> None:
    said = vote(spellings, three)
    assert (said.text, said.confidence) == (text, pytest.approx(confidence, abs=1e-4))


def test_order_is_no_matter() -> None:
    spellings = [spelling("A12", 0.9), spelling("A42", 0.6), spelling("A12", 0.7), spelling("A12", 0.95)]
    said = vote(spellings, three)
    backwards = vote(spellings[::-1], three)
    assert said.text == backwards.text == "A12"
    assert said.confidences == pytest.approx(backwards.confidences, abs=1e-4)


def test_a_reading_is_as_sure_as_its_weakest_sign() -> None:
    import numpy as np  # noqa: PLC0415

    quad = np.array([[10, 10], [110, 10], [110, 40], [10, 40]], np.float32)
    reading = PlateReading("A12", (0.9, 0.4, 0.99), Colour.BLUE, quad, 0.9)
    assert (reading.confidence, reading.width_px, reading.height_px) == (0.4, 100.0, 30.0)
