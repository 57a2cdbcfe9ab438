"""What is put down, taken along, moved or held over a head, and what of it is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.composer.actors import Walk
from evaluation.composer.film import pictures
from evaluation.composer.footage import Footage
from evaluation.composer.goods import LOWER_S, Lying
from evaluation.composer.material import Material
from evaluation.composer.recipe import Recipe, read_recipe
from evaluation.composer.stage import Stage, set_up
from evaluation.errors import EvaluationError
from tests.evaluation.composed import WALKER_PX, recipe, scenario, write_recipe, write_street

# The walker: 3 px in 0.1 s, 26 px high; it stops 2 s into its passage, at x = 0.2125 + 2 * 30 / 160 of the frame's width.
STOPS = {"passage": "walker", "start_s": 0, "stop_s": 2, "waits_s": [3]}
LIES = {"thing": "car", "id": "a", "at": [0.7, 0.8]}
DUMPING = {"id": "kerb", "kind": "no_dumping", "dwell_s": 1.5}
FRONT = {"id": "front", "kind": "frontage", "dwell_s": 2}
VENDING = {"id": "path", "kind": "no_vending", "dwell_s": 2}
# Driven 0.8 of 160 px at 1.0 frame widths a second: it brakes for 1.5 s at most, here for all 0.8 s of its way, and leaves so.
VAN = {"thing": "car", "path": [[-0.3, 0.6], [0.5, 0.6], [1.3, 0.6]], "onset_s": 2, "waits_s": [3], "speed": 1.0}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    write_street(folder)
    return folder


def stage(street: Path, *actors: dict[str, Any], **more: Any) -> tuple[Stage, Material]:
    content = Recipe.model_validate(recipe(scenario(actors=list(actors), **more)))
    material = Material(content, Footage(street))
    return set_up(material, content.scenarios[0]), material


def true(set_: Stage) -> list[tuple[float, float, float | None]]:
    return [(one["onset_s"], one["alarm_s"], one["end_s"]) for one in set_.incidents]


def puts(**more: Any) -> dict[str, Any]:
    return {"thing": "car", "id": "a", **more}


@pytest.mark.parametrize(
    ("actor", "zone", "expected"),
    [
        # On the ground 0.6 s after the halt begins at 2.0 s; taken 0.6 s before it ends at 5.0 s: 2.6 to 4.4 s.
        ({**STOPS, "puts": puts(takes_along=True)}, {**FRONT, "dwell_s": 1.5}, [(2.6, 4.1, 4.4)]),
        ({**STOPS, "puts": puts(takes_along=True)}, FRONT, []),  # 1.8 s of 2 s
        ({**STOPS, "puts": puts(takes_along=True)}, DUMPING, []),  # its owner never leaves it
        ({**STOPS, "sells": True, "puts": puts(takes_along=True)}, {**VENDING, "dwell_s": 1.5}, [(2.6, 4.1, 4.4)]),
        ({**STOPS, "sells": True, "puts": puts(takes_along=True)}, VENDING, []),  # passes, with a rest that is too short
        ({**STOPS, "waits_s": [1], "puts": puts()}, FRONT, [(2.6, 4.6, None)]),
        ({**STOPS, "waits_s": [1], "puts": puts(offends=False)}, FRONT, []),
        ({**STOPS, "waits_s": [1], "puts": puts(offends=False)}, DUMPING, []),
        # A van halts at 2.0 s and leaves at 5.0 s. Put down at 2.6 s, the dwell ends at 4.1 s, when the van is still near: the
        # alarm is due when it is two of its heights away from it. Where that is depends on its size: tested below.
        ({**VAN, "puts": puts(at=[0.5, 0.95])}, {**DUMPING, "dwell_s": 4}, [(2.6, 6.6, None)]),
        (VAN, {"id": "kerb", "kind": "no_parking", "dwell_s": 2}, [(2.0, 4.0, 5.0)]),
        ({**VAN, "parks": False}, {"id": "kerb", "kind": "no_parking", "dwell_s": 2}, []),
    ],
)  # fmt: skip
def test_what_is_true(
    street: Path, actor: dict[str, Any], zone: dict[str, Any], expected: list[tuple[float, float, float | None]]
) -> None:
    set_, _ = stage(street, actor, zone=zone)
    assert true(set_) == [pytest.approx(one, abs=0.11) for one in expected]


def test_a_vehicle_has_gone_when_it_is_two_of_its_heights_away(street: Path) -> None:
    set_, _ = stage(street, {**VAN, "puts": puts()}, zone=DUMPING)
    van, thing = set_.players
    ((onset_s, alarm_s, _),) = true(set_)
    assert onset_s == 2.6
    assert alarm_s > 5.0 > onset_s + 1.5
    rest = thing.at(alarm_s)
    near, far = (van.at(time_s) for time_s in (alarm_s - 0.1, alarm_s))
    assert rest and near  # noqa: PT018
    assert abs(near.x - rest.x) <= 2 * near.cutout.height_px
    assert far is None or abs(far.x - rest.x) > 2 * far.cutout.height_px


def test_what_a_vehicle_brings_is_inside_it_until_it_halts(street: Path) -> None:
    set_, _ = stage(street, {**VAN, "puts": puts()}, zone=DUMPING)
    thing = set_.players[1]
    assert [thing.at(time_s) is not None for time_s in (1.5, 1.9, 2.1, 2.6, 7.9)] == [False, False, True, True, True]
    lowered = [thing.at(time_s) for time_s in (2.1, 2.4, 2.6)]
    feet = [step.foot for step in lowered if step]
    assert feet == sorted(feet)
    assert feet[0] < feet[-1]


def test_a_cart_stays_on_the_ground_on_its_way(street: Path) -> None:
    set_, _ = stage(street, {**STOPS, "puts": puts(rolls=True, takes_along=True)}, zone=VENDING)
    walker, cart = set_.players
    for time_s in (1.0, 3.0, 6.0):
        body, step = walker.at(time_s), cart.at(time_s)
        assert body and step  # noqa: PT018
        assert step.foot - body.foot == pytest.approx(2, abs=0.01)
        assert step.x - body.x == pytest.approx(0.3 * WALKER_PX[1], abs=0.4)  # beside whoever pushes it, all the way


def test_what_lies_there_is_no_incident_moves_and_is_taken(street: Path) -> None:
    moves = [{"at_s": 1, "to": [0.8, 0.9], "takes_s": 2}]
    taker = {"passage": "walker", "start_s": 2, "stop_s": 2, "at": [0.75, 0.9], "waits_s": [1], "takes": "a"}
    set_, _ = stage(street, taker, zone=DUMPING, lies=[{**LIES, "moves": moves}])
    assert set_.incidents == ()
    (lying,) = (player for player in set_.players if isinstance(player, Lying))
    seen = [lying.at(time_s) for time_s in (0.0, 2.0, 3.0, 3.9)]
    # 160 x 120 px: from 112, 96 to 128, 108 between 1 s and 3 s; half-way at 2 s.
    assert [(round(step.x), round(step.foot)) for step in seen if step] == [
        (112, 96),
        (120, 102),
        (128, 108),
        (128, 108),
    ]
    carried = lying.at(4.0 + LOWER_S + 0.5)
    assert carried is not None
    assert carried.foot < 108
    assert lying.at(7.9) is None  # out of the picture, with whoever took it


@pytest.mark.parametrize(("when", "seen"), [({}, True), ({"from_s": 3.0}, False), ({"until_s": 1.0}, False)])
def test_what_comes_and_goes_with_nobody(street: Path, when: dict[str, float], seen: bool) -> None:
    set_, _ = stage(street, lies=[{**LIES, **when}])
    assert (set_.players[0].at(2.0) is not None) == seen


def test_whoever_returns_goes_back_the_way_they_came(street: Path) -> None:
    set_, _ = stage(street, {**STOPS, "returns": True})
    (walker,) = set_.players
    assert isinstance(walker, Walk)
    comes, goes = walker.at(1.5), walker.at(5.5)  # 0.5 s before the halt begins at 2 s, 0.5 s after its end at 5 s
    assert comes and goes  # noqa: PT018
    assert goes.x == pytest.approx(comes.x, abs=3.1)  # a picture's way: 3 px
    assert (goes.cutout.alpha == comes.cutout.mirrored().alpha).mean() > 0.9


def test_whoever_comes_out_of_a_door_is_not_seen_before(street: Path) -> None:
    set_, _ = stage(street, {**STOPS, "shown": [1.5, 5.5], "puts": puts()}, zone=DUMPING)
    walker, thing = set_.players
    assert [walker.at(time_s) is not None for time_s in (1.4, 1.5, 5.4, 5.5)] == [False, True, True, False]
    assert [thing.at(time_s) is not None for time_s in (1.4, 1.5, 7.9)] == [False, True, True]
    assert true(set_) == [pytest.approx((2.6, 5.5, None), abs=0.11)]  # gone through the door


def test_an_umbrella_is_over_the_head_and_its_bearer_stands_where_they_did(street: Path) -> None:
    plain, _ = stage(street, STOPS)
    under, _ = stage(street, {**STOPS, "holds": "car"})
    without, with_it = plain.players[0].at(1.5), under.players[0].at(1.5)
    assert without and with_it  # noqa: PT018
    assert (with_it.x, with_it.foot) == (without.x, without.foot)
    assert with_it.cutout.height_px > without.cutout.height_px
    head = with_it.cutout.bgr[: with_it.cutout.height_px - without.cutout.height_px]
    red = (head[..., 2].astype(int) - head[..., 0]) > 80  # the car is the umbrella here
    assert red.any()
    feet = [(step.cutout.alpha[-5:].max(axis=0) > 0).sum() for step in (without, with_it)]
    assert feet[0] == feet[1]  # nothing else is down there


def test_a_parasol_stands_on_a_pole(street: Path) -> None:
    content = recipe(scenario(lies=[LIES]))
    content["things"]["car"] |= {"pole": 0.5, "height_m": 3.4}
    made = Recipe.model_validate(content)
    set_ = set_up(Material(made, Footage(street)), made.scenarios[0])
    step = set_.players[0].at(0.0)
    assert step is not None
    alpha = step.cutout.alpha > 127
    widths = alpha.sum(axis=1)
    half = len(widths) // 2
    assert np.median(widths[:half]) > 8 * np.median(widths[half:]) > 0


def test_more_zones_each_have_their_truth(street: Path) -> None:
    actor = {**STOPS, "waits_s": [1], "puts": puts()}
    set_, _ = stage(street, actor, zone=DUMPING, also=[FRONT])
    assert [zone.id for zone in set_.zones] == ["kerb", "front"]
    assert sorted((one["type"], one["zone"]) for one in set_.incidents) == [
        ("dumping", "kerb"),
        ("road_occupation", "front"),
    ]


def test_what_lies_is_in_the_picture(street: Path) -> None:
    set_, material = stage(street, lies=[LIES], duration_s=1)
    plain, _ = stage(street, duration_s=1)
    first = next(iter(pictures(set_, material.footage, 1)))
    ground = next(iter(pictures(plain, material.footage, 1)))
    rows, columns = (np.abs(first.astype(int) - ground).max(axis=2) > 60).nonzero()
    assert 96 - 3 <= rows.max() + 1 <= 96  # a soft edge
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(112, abs=1)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"actors": [{**STOPS, "holds": "umbrella"}]}, "actors.0.holds: 'umbrella' is not there"),
        ({"actors": [{**VAN, "holds": "car"}]}, "holds needs a passage"),
        ({"actors": [{**VAN, "path": [[0, 0], [1, 1]], "waits_s": [], "puts": puts()}]}, "puts needs somebody who stops"),
        ({"actors": [{**VAN, "returns": True}]}, "takes, sells and returns need a passage that stops"),
        ({"lies": [{**LIES, "thing": "moon"}]}, "lies.0.thing: 'moon' is not there: allowed are car"),
        ({"actors": [{**STOPS, "takes": "b"}], "lies": [LIES]}, "takes: 'b' is not there: allowed are a"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(EvaluationError) as error:
        read_recipe(write_recipe(tmp_path, recipe(scenario(**wrong))))
    assert line in str(error.value)
