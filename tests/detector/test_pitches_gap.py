"""A pitch over a gap in looks: the camera was away, or covered."""

from typing import cast

import pytest

from detector.following.changes import ChangeKeeper
from detector.following.pitches import PitchKeeper
from detector.following.things import Presence
from detector.watching.looks import Look
from tests.detector.test_people import somebody
from tests.detector.test_pitches import FROM_S, GROUND, LUMA, Changes, Lies


@pytest.mark.parametrize(("gap_s", "foot"), [(12.0, 0.798), (24.0, 0.798), (160.0, 0.8)])
def test_while_nobody_looks_no_vendor_is_missed(gap_s: float, foot: float) -> None:
    changes = Changes((Lies(),))
    keeper, gone = PitchKeeper([GROUND], cast("ChangeKeeper", changes)), []
    # 0 to 60 s, and again after the gap; somebody who was missed for long must first be back for a while.
    for t in [*range(0, 62, 2), *range(60 + round(gap_s), 80 + round(gap_s), 2)]:
        changes.take(t)
        sightings = (somebody(0.5, foot if t > 60 else 0.8),) if t >= FROM_S else ()
        gone += keeper.update(Look(float(t), LUMA, sightings)).gone
    assert gone == []
    (thing,) = keeper.things
    assert thing.presence is Presence.SEEN
