"""Several readings of one plate come to one: sign by sign, and only where they agree.

Nothing here multiplies chances. Pictures of a car that stands still are blurred in the same way, so ten of them that say the
same are hardly surer than one; that they agree is asked for, not rewarded.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from models.plates.reading import NOTHING, Spelling

RELEVANT_SHARE = 0.5
"""A reading that is half as sure as the best one has no vote: a blurred picture says nothing against a clear one."""
AGREEING_SHARE = 2 / 3
"""Of the votes on a sign, by confidence; and of all votes, for the number of signs."""
AGREEING_MIN = 2
"""This many readings must say the very same."""


def vote(
    spellings: Sequence[Spelling], well_formed: Callable[[str], bool], *, agreeing_min: int = AGREEING_MIN
) -> Spelling:
    """What the readings say together; `NOTHING` where they do not agree.

    Args:
        spellings: of the same plate; those that are not well-formed have their vote, but can't win.
        well_formed: whether a text can be a plate.
        agreeing_min: how many readings must say the very same.

    Returns:
        Signs, each with the mean confidence of the readings that say it, weighted by itself, times their share of the votes.
    """
    best = max((spelling.confidence for spelling in spellings), default=0.0)
    voters = [it for it in spellings if it.text and it.confidence >= RELEVANT_SHARE * best]
    alike = _alike([it for it in voters if well_formed(it.text)])
    if not alike or _weight(alike) < AGREEING_SHARE * _weight(voters):
        return NOTHING
    signs = [_sign(alike, position) for position in range(len(alike[0].text))]
    text = "".join(sign for sign, _, _ in signs)
    agree = sum(it.text == text for it in alike)
    if agree < agreeing_min or min(share for _, _, share in signs) < AGREEING_SHARE or not well_formed(text):
        return NOTHING
    return Spelling(text, tuple(round(confidence, 4) for _, confidence, _ in signs))


def _alike(spellings: Sequence[Spelling]) -> list[Spelling]:
    """Those with the number of signs that most of the votes are for; texts of other lengths can't be laid side by side."""
    by_length: defaultdict[int, list[Spelling]] = defaultdict(list)
    for spelling in spellings:
        by_length[len(spelling.text)].append(spelling)
    return max(by_length.values(), key=_weight, default=[])


def _sign(spellings: Sequence[Spelling], position: int) -> tuple[str, float, float]:
    """The sign with most of the votes, its confidence and its share."""
    votes: Counter[str] = Counter()
    squares: Counter[str] = Counter()
    for spelling in spellings:
        confidence = spelling.confidences[position]
        votes[spelling.text[position]] += confidence  # type: ignore[assignment]  # a counter of floats
        squares[spelling.text[position]] += confidence**2  # type: ignore[assignment]
    sign = max(votes, key=lambda it: votes[it])
    share = votes[sign] / max(votes.total(), 1e-9)
    return sign, share * squares[sign] / max(votes[sign], 1e-9), share


def _weight(spellings: Sequence[Spelling]) -> float:
    return sum(spelling.confidence for spelling in spellings)
