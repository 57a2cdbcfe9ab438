"""The table of steps, without a database."""

from typing import Any

import pytest

from api.casework.workflow import (
    MOVES,
    PROOF_STILL,
    Action,
    NotAllowedError,
    Rules,
    Step,
    open_to,
    possible,
    proof_of_clear,
    target_of,
    verdict_moves,
)

WAY = "accept accepted, dispatch dispatched, handle handled, verify verified, archive archived, appraise appraised"


def test_the_way_of_a_case() -> None:
    step = Step.DISCOVERED
    for leg in WAY.split(", "):
        action, _, target = leg.partition(" ")
        step = target_of(step, Action(action))
        assert step == target


@pytest.mark.parametrize(
    ("step", "actions"),
    [
        ("discovered", "accept reject"),
        ("accepted", "dispatch reject"),
        ("dispatched", "dispatch handle reject"),
        ("handled", "return verify reject"),
        ("verified", "archive reject reopen"),
        ("archived", "appraise reopen"),
        ("appraised", "reopen"),
        ("rejected", "reopen"),
        ("merged", ""),
    ],
)
def test_what_each_step_allows(step: str, actions: str) -> None:
    """And nothing else: every other action is refused, and says what would be possible."""
    allowed = actions.split()
    assert [action.value for action in possible(Step(step))] == allowed
    for action in Action:
        if action.value in allowed:
            target_of(Step(step), action)
        else:
            with pytest.raises(NotAllowedError) as refused:
                target_of(Step(step), action)
            assert [other.value for other in refused.value.allowed] == allowed


def test_every_step_can_be_reached_and_none_is_a_trap() -> None:
    """From each step a case can get back to the start of its way, merged ones by a split."""
    reached = {Step.DISCOVERED}
    while True:
        further = {MOVES[action][step] for step in reached for action in possible(step)} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(Step) - {Step.MERGED}
    assert all(possible(step) for step in reached)


def test_a_role_sees_only_its_own_moves() -> None:
    rules = Rules({Action.VERIFY: frozenset({"reviewer"}), Action.REJECT: frozenset({"reviewer", "officer"})})
    assert open_to(Step.HANDLED, "reviewer", rules) == (Action.VERIFY, Action.REJECT)
    assert open_to(Step.HANDLED, "officer", rules) == (Action.REJECT,)
    assert open_to(Step.HANDLED, "viewer", rules) == ()
    assert not rules.may("reviewer", Action.RETURN)  # what nobody is named for, nobody may


@pytest.mark.parametrize(
    ("step", "verdict", "target"),
    [
        ("discovered", "confirm", "accepted"),
        ("discovered", "reject", "rejected"),
        ("rejected", "confirm", "accepted"),
        ("rejected", "reject", None),
        ("accepted", "confirm", None),
        ("dispatched", "confirm", None),
        ("handled", "reject", "rejected"),
        ("archived", "confirm", None),
        ("archived", "reject", "rejected"),
        ("merged", "confirm", None),
        ("merged", "reject", None),
    ],
)
def test_where_a_verdict_leads(step: str, verdict: str, target: str | None) -> None:
    assert verdict_moves(Step(step), verdict) == target


ENDED = {"state": "ended", "why": {"left": True}, "evidence": [{"name": PROOF_STILL, "sha256": "a"}]}


@pytest.mark.parametrize(
    ("changes", "stored", "is_proven"),
    [
        ({}, {PROOF_STILL: "a"}, True),
        ({}, {}, False),  # announced, not arrived
        ({}, {PROOF_STILL: "b"}, False),  # another picture
        ({"state": "confirmed"}, {PROOF_STILL: "a"}, False),
        ({"why": {"left": False}}, {PROOF_STILL: "a"}, False),  # something has hidden the place
        ({"why": {"left": "yes"}}, {PROOF_STILL: "a"}, False),
        ({"why": {}}, {PROOF_STILL: "a"}, False),
        ({"why": None}, {PROOF_STILL: "a"}, False),
        ({"evidence": []}, {PROOF_STILL: "a"}, False),  # a file that the incident does not claim
        ({"evidence": None}, {PROOF_STILL: "a"}, False),
    ],
)
def test_what_proves_that_a_place_is_clear(changes: dict[str, Any], stored: dict[str, str], is_proven: bool) -> None:
    assert (proof_of_clear(ENDED | changes, stored) == PROOF_STILL) is is_proven
