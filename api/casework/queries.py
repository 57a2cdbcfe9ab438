"""Lists of incidents: filters, two orders, and cursors that stay true while incidents keep arriving."""

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from sqlalchemy import ColumnElement, Select, bindparam, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from api.casework.workflow import Step
from api.identity.principals import Principal
from api.problems import Problem
from api.schema import Identifier, IncidentState, IncidentType
from api.storage.tables import RANK_CANDIDATE, RANK_REVIEWED, RANK_WAITING, CaseTag, Incident, User

LIMIT_DEFAULT = 50
LIMIT_MAX = 200

_EMPTY_IS_NONE = BeforeValidator(lambda value: None if value == "" else value)
_CURSORS: dict[str, TypeAdapter[Any]] = {
    "newest": TypeAdapter(tuple[Literal["newest"], AwareDatetime, str]),
    "queue": TypeAdapter(tuple[Literal["queue"], int, float, AwareDatetime, str]),
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
    from_: Annotated[AwareDatetime | None, _EMPTY_IS_NONE] = Field(
        default=None, alias="from", description="RFC 3339; confirmed (or else begun) at or after"
    )
    until: Annotated[AwareDatetime | None, _EMPTY_IS_NONE] = Field(default=None, description="RFC 3339; before")
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


_BEFORE_ALL: dict[str, list[Any]] = {
    "newest": [datetime(9999, 1, 1, tzinfo=UTC), ""],
    "queue": [RANK_WAITING + 1, 0.0, datetime(9999, 1, 1, tzinfo=UTC), ""],
}


def list_query(principal: Principal, filters: Filters, moment: datetime) -> Select[Incident]:
    """The query for one page and one incident more, which tells whether there is another page; `moment` is now.

    Raises:
        Problem: 422: the cursor is not one of this order's.
    """
    keys = _ORDERS[filters.order]
    query = select(Incident).where(*_conditions(principal, filters, moment))
    # The first page has a bound as well, before which everything lies: without one, SQLite would rather sort half the table.
    seen = _BEFORE_ALL[filters.order] if filters.cursor is None else _read_cursor(filters.cursor, filters.order)
    query = query.where(tuple_(*keys) < tuple_(*_bound(keys, seen)))
    return query.order_by(*(key.desc() for key in keys)).limit(filters.limit + 1)


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


def _conditions(principal: Principal, filters: Filters, moment: datetime) -> list[ColumnElement[bool]]:
    equal = {
        Incident.type: filters.type,
        Incident.camera_id: filters.camera,
        Incident.zone: filters.zone,
        Incident.state: filters.state,
        Incident.step: filters.step,
    }
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if principal.cameras is not None:
        conditions.append(Incident.camera_id.in_(sorted(principal.cameras)))
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
    if filters.order == "queue" and filters.step is not Step.MERGED:
        yield _in_queue(filters)


def _in_queue(filters: Filters) -> ColumnElement[bool]:
    """What belongs into the queue, in the words of its index: candidates when they are asked for, and parts never."""
    if filters.state is IncidentState.CANDIDATE:
        return Incident.queue_rank == RANK_CANDIDATE
    if filters.review is None:
        return Incident.queue_rank >= RANK_REVIEWED
    return Incident.queue_rank == (RANK_WAITING if filters.review == "none" else RANK_REVIEWED)


def _of_the_case(principal: Principal, filters: Filters, moment: datetime) -> Iterator[ColumnElement[bool]]:
    if filters.assignee == "none":
        yield Incident.assignee_id.is_(None)
    elif filters.assignee == "me":
        yield Incident.assignee_id == principal.user_id
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
        held = select(Incident.id).where(Incident.hold_reason.is_not(None))
        yield Incident.id.in_(held) if filters.hold else Incident.hold_reason.is_(None)


def _bound(keys: tuple[InstrumentedAttribute[Any], ...], values: list[Any]) -> list[ColumnElement[Any]]:
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
