"""Lists of incidents: filters, two orders, and cursors that stay true while incidents keep arriving."""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, TypeAdapter
from sqlalchemy import ColumnElement, Select, bindparam, false, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.casework.workflow import Step
from api.identity.principals import Principal
from api.problems import Problem
from api.schema import Identifier, IncidentState, IncidentType, Moment
from api.storage.tables import RANK_CANDIDATE, RANK_REVIEWED, RANK_WAITING, CaseTag, Incident, User

LIMIT_DEFAULT = 50
LIMIT_MAX = 200

FEW_MAX = 2000
"""So many cases are looked at one by one within some milliseconds, whatever else is asked of them."""

_EMPTY_IS_NONE = BeforeValidator(lambda value: None if value == "" else value)
_Rank = Annotated[int, Field(ge=0, le=RANK_WAITING + 1)]
_CURSORS: dict[str, TypeAdapter[Any]] = {
    "newest": TypeAdapter(tuple[Literal["newest"], Moment, str]),
    "queue": TypeAdapter(tuple[Literal["queue"], _Rank, FiniteFloat, Moment, str]),
}


class Filters(BaseModel):
    """Query parameters of a list; an empty one counts as not given."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    type: Annotated[IncidentType | None, _EMPTY_IS_NONE] = None
    camera: Annotated[Identifier | None, _EMPTY_IS_NONE] = None
    zone: Annotated[Identifier | None, _EMPTY_IS_NONE] = None
    state: Annotated[IncidentState | None, _EMPTY_IS_NONE] = None
    review: Annotated[Literal["none", "confirm", "reject"] | None, _EMPTY_IS_NONE] = Field(
        default=None, description="The latest verdict; `none` means that nobody has reviewed it"
    )
    step: Annotated[Step | None, _EMPTY_IS_NONE] = Field(default=None, description="How far people have got with it")
    assignee: Annotated[Annotated[str, Field(max_length=100)] | None, _EMPTY_IS_NONE] = Field(
        default=None, description="An account's name; `me`: whoever asks; `none`: nobody's"
    )
    overdue: Annotated[bool | None, _EMPTY_IS_NONE] = Field(
        default=None, description="Whether its step should be over by now"
    )
    tag: Annotated[Annotated[str, Field(max_length=40)] | None, _EMPTY_IS_NONE] = None
    hold: Annotated[bool | None, _EMPTY_IS_NONE] = Field(default=None, description="Whether it is on legal hold")
    from_: Annotated[Moment | None, _EMPTY_IS_NONE] = Field(
        default=None, alias="from", description="RFC 3339; confirmed (or else begun) at or after"
    )
    until: Annotated[Moment | None, _EMPTY_IS_NONE] = Field(default=None, description="RFC 3339; before")
    order: Literal["newest", "queue"] = Field(
        default="newest",
        description=(
            "`newest`: newest confirmed first; `queue`: what a reviewer should see first, with candidates only when "
            "`state` asks for them, and parts of other cases only when `step` does"
        ),
    )
    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: Annotated[str | None, _EMPTY_IS_NONE] = None


_ORDERS: dict[str, tuple[InstrumentedAttribute[Any], ...]] = {
    "newest": (Incident.listed_at, Incident.id),
    "queue": (Incident.queue_rank, Incident.urgency, Incident.listed_at, Incident.id),
}
"""Each from its highest value down, as an index has it: so a page is read off the index from where the last one ended."""


_HELD = Incident.hold_reason.is_not(None)
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def page_of(session: Session, principal: Principal, filters: Filters, moment: datetime) -> Sequence[Incident]:
    """One page, and one incident more if there is another page; `moment` is now.

    Raises:
        Problem: 422: the cursor is not one of this order's.
    """
    return session.scalars(list_query(principal, filters, moment, are_few=_are_few(session, filters))).all()


def list_query(principal: Principal, filters: Filters, moment: datetime, *, are_few: bool = False) -> Select[Incident]:
    """The query for one page and one incident more.

    Args:
        principal: Who asks.
        filters: For what.
        moment: Now.
        are_few: Few have the tag that is asked for, or few are on hold.

    Raises:
        Problem: 422: the cursor is not one of this order's.
    """
    order = [key.desc() for key in _ORDERS[filters.order]]
    # The page first, by what an index has; then the rows of the page alone.
    found = matching(principal, filters, moment, are_few=are_few).order_by(*order).limit(filters.limit + 1).subquery()
    return select(Incident).join(found, found.c.id == Incident.id).order_by(*order)


def matching(principal: Principal, filters: Filters, moment: datetime, *, are_few: bool = False) -> Select[str]:
    """The ids of all that the filters let through behind the cursor, in no order; as for `list_query`."""
    # The first page has a bound as well, before which everything lies: without one, SQLite would rather sort half the table.
    seen = _before_all(filters) if filters.cursor is None else _read_cursor(filters.cursor, filters.order)
    behind = _behind(principal, filters, seen, are_few=are_few)
    return select(Incident.id).where(*_conditions(principal, filters, moment, are_few=are_few), *behind)


def _are_few(session: Session, filters: Filters) -> bool:
    some = [select(CaseTag.incident_id).where(CaseTag.tag == filters.tag)] if filters.tag is not None else []
    some += [select(Incident.id).where(_HELD)] if filters.hold else []
    return any(
        (session.scalar(select(func.count()).select_from(query.limit(FEW_MAX + 1).subquery())) or 0) <= FEW_MAX
        for query in some
    )


def cursor_after(incident: Incident, order: str) -> str:
    """The cursor of the page that follows this incident."""
    moment = _exact_text(incident.listed_at)
    values = (
        [moment, incident.id] if order == "newest" else [incident.queue_rank, incident.urgency, moment, incident.id]
    )
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode().rstrip("=")


def _exact_text(moment: datetime) -> str:
    """RFC 3339 with microseconds: a cursor must not round what it points behind."""
    return moment.isoformat(timespec="microseconds")


def _conditions(
    principal: Principal, filters: Filters, moment: datetime, *, are_few: bool
) -> list[ColumnElement[bool]]:
    # Few are looked at one by one: in these words, SQLite does not begin with an index of something else.
    step, camera = (func.coalesce(it, "") if are_few else it for it in (Incident.step, Incident.camera_id))
    equal = (
        (Incident.type, filters.type),
        (camera, filters.camera),
        (Incident.zone, filters.zone),
        (Incident.state, filters.state),
        (step, filters.step),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if principal.cameras is not None:
        conditions.append(camera.in_(sorted(principal.cameras)))
    if filters.from_ is not None:
        conditions.append(Incident.listed_at >= filters.from_)
    if filters.until is not None:
        conditions.append(Incident.listed_at < filters.until)
    return [*conditions, *_of_the_review(filters), *_of_the_case(principal, filters, moment)]


def _of_the_review(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.review == "none":
        yield Incident.verdict.is_(None)
    elif filters.review is not None:
        yield Incident.verdict == filters.review


def _ranks(filters: Filters) -> tuple[int, ...]:
    """What belongs into the queue, in the words of its index: candidates when they are asked for; nothing said: all."""
    if filters.order != "queue" or filters.step is Step.MERGED:
        return ()
    if filters.state is IncidentState.CANDIDATE:
        return (RANK_CANDIDATE,)
    if filters.review is None:
        return RANK_REVIEWED, RANK_WAITING
    return (RANK_WAITING if filters.review == "none" else RANK_REVIEWED,)


def _of_the_case(principal: Principal, filters: Filters, moment: datetime) -> Iterator[ColumnElement[bool]]:
    if filters.assignee == "none":
        yield Incident.assignee_id.is_(None)
    elif filters.assignee == "me":
        # Whoever acts for nobody has no cases: `== None` would be those that nobody has.
        yield false() if principal.user_id is None else Incident.assignee_id == principal.user_id
    elif filters.assignee is not None:
        yield Incident.assignee_id == select(User.id).where(User.name == filters.assignee).scalar_subquery()
    if filters.overdue is not None:
        # In these words the limits are looked up while walking through the order; by their own index, they would be sorted.
        limit = func.coalesce(Incident.due_at, moment)
        yield limit < moment if filters.overdue else limit >= moment
        if filters.overdue:
            yield Incident.due_at.is_not(None)
    if filters.tag is not None:
        yield Incident.id.in_(select(CaseTag.incident_id).where(CaseTag.tag == filters.tag))
    if filters.hold is not None:
        yield Incident.id.in_(select(Incident.id).where(_HELD)) if filters.hold else Incident.hold_reason.is_(None)


def _behind(principal: Principal, filters: Filters, seen: list[Any], *, are_few: bool) -> Iterator[ColumnElement[bool]]:
    """What is in the order, behind what has been seen; in the words with which both databases find the shortest way to it.

    In the last rank of the queue, PostgreSQL takes "below (2, 13.3, …)" for next to nothing, and reads it all: there the
    rank is said by itself. But where the way shall lead over somebody's cameras, SQLite would walk through that whole rank.
    """
    keys: list[Any] = [*_ORDERS[filters.order]]
    ranks = _ranks(filters)
    if are_few and ranks:
        keys = [func.coalesce(keys[0], 0, type_=keys[0].type), *keys[1:]]
    elif principal.cameras is None and ranks and seen[0] == min(ranks):
        yield keys[0] == seen[0]
        keys, seen, ranks = keys[1:], seen[1:], ()
    if ranks:
        yield keys[0] >= min(ranks)
    yield tuple_(*keys) < tuple_(*_bound(keys, seen))


def _before_all(filters: Filters) -> list[Any]:
    if filters.order == "newest":
        return [filters.until or _FAR, ""]
    return [max(_ranks(filters), default=RANK_WAITING) + 1, 0.0, _FAR, ""]


def _bound(keys: Sequence[ColumnElement[Any]], values: list[Any]) -> list[ColumnElement[Any]]:
    return [bindparam(None, value, type_=key.type) for key, value in zip(keys, values, strict=True)]


def _read_cursor(cursor: str, order: str) -> list[Any]:
    """Reads the values of the last incident that has been seen, one for each key of the order.

    Raises:
        Problem: 422.
    """
    try:
        return list(_CURSORS[order].validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[1:])
    except (ValueError, binascii.Error):
        raise Problem(422, "cursor: allowed is what `next` said, with the same order and filters.") from None
