"""The arithmetic of embeddings: normalised cells, the best of them, thresholds, bytes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.appearance.colours import COLOURS
from models.appearance.embedding import DIFFERENT, SAME, Embedding, Verdict, similarity, verdict
from models.appearance.kind import kind_of
from models.errors import ModelError


def cells(*cosines: float) -> NDArray[np.float32]:
    """Twelve cells whose cosines with (1, 0, 0, …) are these; the last one is repeated."""
    table = np.zeros((12, 128), np.float32)
    padded = [*cosines, *[cosines[-1]] * (12 - len(cosines))]
    table[:, 0], table[:, 1] = padded, np.sqrt(1 - np.square(padded))
    return table


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        ([1.0], 1.0),
        ([0.5], 0.5),
        ([0.0] * 5 + [1.0], 1.0),  # five of twelve are covered, the best seven agree
        ([0.0] * 6 + [1.0], 6 / 7),  # six are covered: six at 1 and one at 0
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.0], 0.6),  # (0.9 + 0.8 + 0.7 + 0.6 + 0.5 + 0.4 + 0.3) / 7
    ],
)
def test_the_seven_best_cells_count(cosines: list[float], expected: float) -> None:
    a, b = (
        Embedding.of_cells(cells(1.0)),
        Embedding.of_cells(7 * cells(*cosines)),
    )  # the length of a cell does not matter
    assert similarity(a, b) == pytest.approx(expected, abs=1e-5)
    assert similarity(b, a) == pytest.approx(expected, abs=1e-5)


def test_between_the_thresholds_nothing_is_said() -> None:
    assert DIFFERENT + 0.05 <= SAME
    table = [(1.0, Verdict.SAME), (SAME, Verdict.SAME), (SAME - 1e-6, Verdict.UNSURE)]
    table += [(DIFFERENT, Verdict.UNSURE), (DIFFERENT - 1e-6, Verdict.DIFFERENT), (-1.0, Verdict.DIFFERENT)]
    assert [verdict(alike) for alike, _ in table] == [expected for _, expected in table]


def test_bytes_keep_an_embedding() -> None:
    random = np.random.default_rng(0)
    one, other = (Embedding.of_cells(random.random((12, 128), np.float32)) for _ in range(2))
    written = one.to_bytes()
    assert written.startswith(b"a1.")
    assert (
        len(written) == 3 + 12 * 128 * 2 * 4 / 3
    )  # the version, then two bytes a number, three bytes in four characters
    read = Embedding.from_bytes(written)
    assert similarity(read, one) == pytest.approx(1, abs=1e-3)
    assert similarity(read, other) == pytest.approx(similarity(one, other), abs=1e-3)
    assert read.to_bytes() == written


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"", "version 'a1.' is expected, not b''"),
        (b"a2.AAAA", "version 'a1.' is expected, not b'a2.AAAA'"),
        (b"a1.@", "damaged"),
        (b"a1.AAA=AAAA", "damaged"),
        (b"a1.AAAA", "damaged"),  # three bytes are no whole number of halves
        (b"a1.AAAAAAAA", r"float32 \(1536,\) is expected, not float32 \(3,\)"),
        (b"a1." + b"A" * 4096, "a vector of length 1 is expected, not 0"),
        (b"a1." + b"/" * 4096, "a vector of length 1 is expected, not nan"),
    ],
)
def test_what_is_no_embedding_is_refused(written: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Embedding.from_bytes(written)


def test_the_kind_is_what_two_thirds_say() -> None:
    assert kind_of({"truck": 4, "car": 2}) == "truck"  # 4 of 6
    assert kind_of({"truck": 5, "car": 3}) is None  # 5 of 8 is less than two thirds
    assert kind_of({"bus": 1}) == "bus"
    assert kind_of({"train": 9}) is None


def test_colours_have_names_of_their_own() -> None:
    assert len({colour.name for colour in COLOURS}) == len({colour.code for colour in COLOURS}) == len(COLOURS) == 8
