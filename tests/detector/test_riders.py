import pytest

from detector.following.riders import unridden
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box
from tests.detector.street import picture

BICYCLE = Box(0.40, 0.60, 0.50, 0.70)
"""0.1 wide and 0.1 high, seen from the side."""


@pytest.mark.parametrize(
    ("person", "ridden"),
    [
        # Sits on it: covers 0.04 * 0.08 of 0.01, 32 %; its feet are 0.02 above the wheels, a fifth of the height.
        (Box(0.43, 0.52, 0.47, 0.68), True),
        # Rides towards the camera: covers nearly all of it.
        (Box(0.41, 0.50, 0.49, 0.70), True),
        # Stands at the front wheel: its middle is 0.05 from the bicycle's, more than 0.03.
        (Box(0.48, 0.52, 0.52, 0.70), False),
        # Somebody far behind, whose feet are 0.06 above the wheels: more than 0.35 of the height.
        (Box(0.42, 0.48, 0.48, 0.64), False),
        # In front of it, nearer: feet 0.05 below.
        (Box(0.42, 0.45, 0.48, 0.75), False),
        # A bag on the carrier, called a person: does not reach above it.
        (Box(0.42, 0.62, 0.48, 0.68), False),
        (None, False),
    ],
)
def test_a_bicycle_with_somebody_on_it_is_ridden(person: Box | None, ridden: bool) -> None:
    seen = [Sighting(BICYCLE, "bicycle", 0.6, "two_wheeler"), Sighting(Box(0, 0, 0.2, 0.2), "car", 0.9, "vehicle")]
    if person is not None:
        seen.append(Sighting(person, "person", 0.8, "person"))
    left = unridden(Look(0.0, picture(), tuple(seen)))
    assert [it.class_name for it in left] == ([] if ridden else ["bicycle"])
