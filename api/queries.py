"""Lists of incidents: filters, two orders, and cursors that stay true while incidents keep arriving."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from sqlalchemy import ColumnElement, Select, and_, case, or_, select

from api.principals import Principal
from api.problems import Problem
from api.schema import Identifier, IncidentState, IncidentType
from api.tables import Incident

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
    from_: Annotated[AwareDatetime | None, _EMPTY_IS_NONE] = Field(
        default=None, alias="from", description="RFC 3339; confirmed (or else begun) at or after"
    )
    until: Annotated[AwareDatetime | None, _EMPTY_IS_NONE] = Field(default=None, description="RFC 3339; before")
    order: Literal["newest", "queue"] = Field(
        default="newest",
        description=(
            "`newest`: newest confirmed first; `queue`: what a reviewer should see first, with candidates only when "
            "`state` asks for them"
        ),
    )
    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: Annotated[str | None, _EMPTY_IS_NONE] = None


@dataclass(frozen=True)
class _Key:
    column: ColumnElement[Any]
    descending: bool


_IS_REVIEWED = case((Incident.verdict.is_(None), 0), else_=1)
_ORDERS = {
    "newest": (_Key(Incident.listed_at.expression, descending=True), _Key(Incident.id.expression, descending=True)),
    "queue": (
        _Key(_IS_REVIEWED, descending=False),
        _Key(Incident.urgency.expression, descending=True),
        _Key(Incident.listed_at.expression, descending=True),
        _Key(Incident.id.expression, descending=True),
    ),
}


def list_query(principal: Principal, filters: Filters) -> Select[Incident]:
    """The query for one page and one incident more, which tells whether there is another page.

    Raises:
        Problem: 422: the cursor is not one of this order's.
    """
    keys = _ORDERS[filters.order]
    query = select(Incident).where(*_conditions(principal, filters))
    if filters.cursor is not None:
        query = query.where(_after(keys, _read_cursor(filters.cursor, filters.order)))
    ordering = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    return query.order_by(*ordering).limit(filters.limit + 1)


def cursor_after(incident: Incident, order: str) -> str:
    """The cursor of the page that follows this incident."""
    moment = _exact_text(incident.listed_at)
    values = (
        [moment, incident.id]
        if order == "newest"
        else [0 if incident.verdict is None else 1, incident.urgency, moment, incident.id]
    )
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode().rstrip("=")


def _exact_text(moment: datetime) -> str:
    """RFC 3339 with microseconds: a cursor must not round what it points behind."""
    return moment.isoformat(timespec="microseconds")


def _conditions(principal: Principal, filters: Filters) -> list[ColumnElement[bool]]:
    equal = {
        Incident.type: filters.type,
        Incident.camera_id: filters.camera,
        Incident.zone: filters.zone,
        Incident.state: filters.state,
    }
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if principal.cameras is not None:
        conditions.append(Incident.camera_id.in_(sorted(principal.cameras)))
    if filters.review is not None:
        conditions.append(
            Incident.verdict.is_(None) if filters.review == "none" else Incident.verdict == filters.review
        )
    if filters.order == "queue" and filters.state is None:
        conditions.append(Incident.state != IncidentState.CANDIDATE)
    if filters.from_ is not None:
        conditions.append(Incident.listed_at >= filters.from_)
    if filters.until is not None:
        conditions.append(Incident.listed_at < filters.until)
    return conditions


def _after(keys: tuple[_Key, ...], values: list[Any]) -> ColumnElement[bool]:
    """Everything behind these values: the first key further on, or equal and the second further on, and so forth."""
    alternatives = []
    for position, (key, value) in enumerate(zip(keys, values, strict=True)):
        equal = [before.column == known for before, known in zip(keys[:position], values[:position], strict=True)]
        further = key.column < value if key.descending else key.column > value
        alternatives.append(and_(*equal, further))
    return or_(*alternatives)


def _read_cursor(cursor: str, order: str) -> list[Any]:
    """Reads the values of the last incident that has been seen, one for each key of the order.

    Raises:
        Problem: 422.
    """
    try:
        return list(_CURSORS[order].validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[1:])
    except (ValueError, binascii.Error):
        raise Problem(422, "cursor: allowed is what `next` said, with the same order and filters.") from None
