"""What a shop puts before its front: stays for the dwell, whoever is near; not what was moved."""

import pytest

from detector.rules.frontage import FrontageRule
from detector.rules.rule import Stay
from detector.rules.signs import Company
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind

ZONE = Zone("front", ZoneKind.FRONTAGE, ((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=120.0)


def stay(
    signs: Company | None,
    *,
    stood_s: float = 120.0,
    onset_s: float | None = 100.0,
    seen: int = 55,
    held: int = 0,
    hidden: int = 6,
    looks: int = 61,
    present: bool = True,
) -> Stay:
    return Stay(
        100.0 + stood_s,
        100.0,
        onset_s,
        Box(0.4, 0.4, 0.5, 0.6),
        "thing",
        0.7,
        looks,
        seen,
        held,
        hidden,
        present,
        signs,
    )


@pytest.mark.parametrize(
    ("judged", "confirmed"),
    [
        pytest.param(stay(Company(alone_s=50.0)), True, id="stands there by itself"),
        pytest.param(stay(Company(alone_s=0.0)), True, id="somebody is with it all the time"),
        pytest.param(stay(None), True, id="nothing is known of who is near"),
        pytest.param(stay(Company(0.0), stood_s=119.0), False, id="1 s too short"),
        pytest.param(stay(Company(0.0), onset_s=None), False, id="there from the start"),
        pytest.param(stay(Company(0.0, moved=True)), False, id="moved furniture"),
        pytest.param(stay(Company(0.0), present=False), False, id="taken in again"),
        # 61 looks, 21 hidden: 40 with a free view. 20 of them are a half.
        pytest.param(stay(Company(0.0), seen=20, hidden=21), True, id="shown in 20 of 40 looks with a free view"),
        pytest.param(stay(Company(0.0), seen=19, hidden=21), False, id="shown in 19 of 40"),
        pytest.param(
            stay(Company(0.0), seen=10, held=10, hidden=21), True, id="half of those by the look of the place"
        ),
        # 0.3 x 61 = 18.3.
        pytest.param(stay(Company(0.0), seen=19, hidden=42), True, id="a free view in 19 of 61 looks"),
        pytest.param(stay(Company(0.0), seen=18, hidden=43), False, id="a free view in 18 of 61 looks"),
        pytest.param(stay(Company(0.0), seen=2, hidden=0, looks=2), False, id="seen in two looks"),
    ],
)
def test_road_occupation(judged, confirmed) -> None:
    assert FrontageRule().judge(judged, ZONE).confirmed is confirmed


@pytest.mark.parametrize(
    ("judged", "score"),
    [
        # 55 of 55 looks with a free view: 0.5 + 0.5 x 1.
        pytest.param(stay(Company(0.0)), 1.0, id="always shown"),
        # 20 of 40: 0.5 + 0.5 x 0.5.
        pytest.param(stay(Company(0.0), seen=20, hidden=21), 0.75, id="half of the time"),
        pytest.param(stay(Company(0.0, moved=True)), 0.0, id="moved"),
    ],
)
def test_score(judged, score) -> None:
    assert FrontageRule().judge(judged, ZONE).score == pytest.approx(score)


def test_why_is_for_people() -> None:
    why = FrontageRule().judge(stay(Company(alone_s=50.0)), ZONE).why
    assert (
        why["summary"]
        == "A thing was put there and stood 120 s of 120 s permitted; seen in 55 of 61 looks, hidden in 6."
    )
    assert (why["there_from_start"], why["moved_furniture"], why["alone_s"]) == (False, False, 50.0)
