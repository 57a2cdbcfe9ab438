"""What a case goes through, as a pure table: which step follows which, who may take it, and what it asks for.

discovered → accepted → dispatched → handled → verified → archived → appraised; beside the way lie rejected (it was
none), reopened (it was one after all) and merged (it is the same as another).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal


class Step(StrEnum):
    """How far people have got with a case."""

    DISCOVERED = "discovered"
    ACCEPTED = "accepted"
    DISPATCHED = "dispatched"
    HANDLED = "handled"
    VERIFIED = "verified"
    ARCHIVED = "archived"
    APPRAISED = "appraised"
    REJECTED = "rejected"
    MERGED = "merged"


class Action(StrEnum):
    """What somebody does to a case. The first nine move it to another step."""

    ACCEPT = "accept"
    DISPATCH = "dispatch"
    HANDLE = "handle"
    RETURN = "return"
    VERIFY = "verify"
    ARCHIVE = "archive"
    APPRAISE = "appraise"
    REJECT = "reject"
    REOPEN = "reopen"
    MERGE = "merge"
    SPLIT = "split"
    ASSIGN = "assign"
    COMMENT = "comment"
    TAG = "tag"
    PHOTO = "photo"
    HOLD = "hold"


_OPEN = (Step.DISCOVERED, Step.ACCEPTED, Step.DISPATCHED, Step.HANDLED, Step.VERIFIED)

MOVES: Mapping[Action, Mapping[Step, Step]] = {
    Action.ACCEPT: {Step.DISCOVERED: Step.ACCEPTED},
    # Sent once more: to somebody else.
    Action.DISPATCH: {Step.ACCEPTED: Step.DISPATCHED, Step.DISPATCHED: Step.DISPATCHED},
    Action.HANDLE: {Step.DISPATCHED: Step.HANDLED},
    # Looked at, and not done: whoever was sent goes once more.
    Action.RETURN: {Step.HANDLED: Step.DISPATCHED},
    Action.VERIFY: {Step.HANDLED: Step.VERIFIED},
    Action.ARCHIVE: {Step.VERIFIED: Step.ARCHIVED},
    Action.APPRAISE: {Step.ARCHIVED: Step.APPRAISED},
    Action.REJECT: dict.fromkeys(_OPEN, Step.REJECTED),
    # What was rejected has to be judged anew; what was confirmed stays so, and has to be done anew.
    Action.REOPEN: {
        Step.REJECTED: Step.DISCOVERED,
        Step.VERIFIED: Step.ACCEPTED,
        Step.ARCHIVED: Step.ACCEPTED,
        Step.APPRAISED: Step.ACCEPTED,
    },
}
"""Where each action leads from each step; what is not here is not allowed."""

PHOTO_STEPS = (Step.DISPATCHED, Step.HANDLED)
"""While somebody is out there: photos show what they did."""

MERGE_STEPS = (*_OPEN, Step.REJECTED)
"""A case that is filed away is not merged any more: reopen it first."""

PROOF_STILL = "snapshot-left.jpg"
"""The name under which workers send the picture of the place without the thing."""

ASKED_FOR: Mapping[Action, tuple[Literal["reason", "note", "assignee"], ...]] = {
    Action.DISPATCH: ("assignee",),
    Action.HANDLE: ("note",),
    Action.RETURN: ("reason",),
    Action.APPRAISE: ("reason",),
    Action.REJECT: ("reason",),
    Action.REOPEN: ("note",),
}
"""What an action can't do without: a code of its table, a text, or whom it goes to."""


@dataclass(frozen=True)
class Rules:
    """What a department has settled.

    Attributes:
        roles: Who may do what.
        camera_verifies: The steps from which a camera that saw the place clear verifies a case.
        verified_by_another: Whoever handled a case does not verify it.
    """

    roles: Mapping[Action, frozenset[str]]
    camera_verifies: frozenset[Step] = frozenset({Step.HANDLED})
    verified_by_another: bool = True

    def may(self, role: str, action: Action) -> bool:
        """Whether a role may do this at all."""
        return role in self.roles.get(action, frozenset())


class NotAllowedError(Exception):
    """The case's step does not allow the action.

    Attributes:
        allowed: The actions that its step does allow.
    """

    def __init__(self, step: Step, action: Action) -> None:
        self.allowed = possible(step)
        named = ", ".join(self.allowed) or "none"
        super().__init__(f"{action.value} is not possible while the case is {step.value}; possible are: {named}.")


def possible(step: Step) -> tuple[Action, ...]:
    """The actions that move a case on from this step, in the order of the table.

    Examples:
        >>> [action.value for action in possible(Step.HANDLED)]
        ['return', 'verify', 'reject']
    """
    return tuple(action for action, ways in MOVES.items() if step in ways)


def open_to(step: Step, role: str, rules: Rules) -> tuple[Action, ...]:
    """The moves that this role may make from this step."""
    return tuple(action for action in possible(step) if rules.may(role, action))


def target_of(step: Step, action: Action) -> Step:
    """Where an action leads.

    Raises:
        NotAllowedError: It leads nowhere from this step.
    """
    try:
        return MOVES[action][step]
    except KeyError:
        raise NotAllowedError(step, action) from None


def verdict_moves(step: Step, verdict: str) -> Step | None:
    """Where a reviewer's verdict leads: the same way as the step of that name, and from more steps.

    A verdict can be given at any time, and the latest counts. One that says what the step says already moves nothing.

    Returns:
        Where to; None when the case stays where it is.
    """
    if step is Step.MERGED:
        return None
    if verdict == "reject":
        return None if step is Step.REJECTED else Step.REJECTED
    return Step.ACCEPTED if step in (Step.DISCOVERED, Step.REJECTED) else None


def proof_of_clear(document: Mapping[str, Any], stored: Mapping[str, str]) -> str | None:
    """The still that proves that the camera saw the place clear.

    Args:
        document: The latest revision, as it came.
        stored: Digest of each file of evidence that has arrived, by name.

    Returns:
        Its name; None when the incident has not ended so, or its still has not arrived as announced: a proof that
        nobody can look at is none.
    """
    why = document.get("why")
    if document.get("state") != "ended" or not isinstance(why, Mapping) or why.get("left") is not True:
        return None
    evidence: Sequence[Mapping[str, Any]] = document.get("evidence") or ()
    for item in evidence:
        if item.get("name") == PROOF_STILL and stored.get(PROOF_STILL) == item.get("sha256"):
            return PROOF_STILL
    return None
