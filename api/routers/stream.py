"""What happens, as it happens: a stream for the console and programs, and the same log to be asked for."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement

from api.identity.asking import who_asks
from api.identity.principals import CurrentPrincipal, Principal
from api.notices.cloudevents import event_of
from api.notices.going_out import GoingOut
from api.notices.kinds import KINDS, SCHEMAS, schema_document
from api.notices.log import PAGE_ROWS, read, visible_to
from api.notices.streaming import Asked, NoticeStream, StreamResponse
from api.parts import CurrentParts
from api.problems import Problem, documented
from api.settings import Name
from api.storage.tables import Notice

router = APIRouter(tags=["notices"])

SEQUENCE_MAX = 2**63 - 1

Types = Annotated[
    list[str], Query(max_length=len(KINDS), description="Kinds of notices, see `/v1/notices/kinds`; none: all")
]


class NoticePage(BaseModel):
    """Notices in their order; `next` is where to go on, also when there is nothing yet."""

    notices: list[dict[str, Any]] = Field(description="CloudEvents 1.0")
    next: int


class Kind(BaseModel):
    """A kind of notices."""

    type: str
    name: Name


class Kinds(BaseModel):
    """All kinds."""

    kinds: list[Kind]


@router.get(
    "/v1/stream",
    status_code=200,  # StreamResponse names none by itself
    response_class=StreamResponse,
    responses={
        200: {"description": "Server-sent events, each with a CloudEvent", "content": {"text/event-stream": {}}},
        **documented(401, 422, 429, 503),
    },
)
async def get_stream(
    request: Request,
    parts: CurrentParts,
    principal: CurrentPrincipal,
    types: Types = [],  # noqa: B006 - FastAPI copies it
    after: Annotated[int | None, Query(ge=0, le=SEQUENCE_MAX, description="0: from the beginning")] = None,
    last_event_id: Annotated[str | None, Header(description="Where to go on; goes before `after`")] = None,
) -> StreamResponse:
    """Notices as they come, of the cameras that whoever asks may see.

    `ready` says where it begins (`reset`: what you have seen is no longer there, begin anew); each `notice` carries a
    CloudEvent and has its number as id; `end` says why it ends: `signed_out`, `restart` or `outage`.
    """
    asked = Asked(_number(last_event_id) if last_event_id else after, _of_types(types))
    going_out: GoingOut = request.app.state.going_out
    stream = NoticeStream(parts, going_out, partial(who_asks, headers=request.headers), asked)
    return StreamResponse(stream, _key(principal), going_out.tail.watchers, parts.metrics.notices)


@router.get("/v1/notices", responses=documented(401, 422))
def get_notices(
    parts: CurrentParts,
    principal: CurrentPrincipal,
    types: Types = [],  # noqa: B006
    after: Annotated[int, Query(ge=0, le=SEQUENCE_MAX, description="`next` of the page before; 0: the beginning")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_ROWS)] = PAGE_ROWS,
) -> NoticePage:
    """The log of notices, page by page, for programs that ask instead of listening."""
    with parts.database.read() as session:
        found = read(session, after, *_of_types(types), *visible_to(principal), limit=limit)
    events = [event_of(notice, parts.settings.public_url) for notice in found]
    return NoticePage(notices=events, next=found[-1].sequence if found else after)


@router.get("/v1/notices/kinds", responses=documented(401))
def get_kinds(_principal: CurrentPrincipal) -> Kinds:
    """All kinds of notices, by name."""
    return Kinds(kinds=[Kind(type=kind, name=Name(en=en, zh=zh)) for kind, (en, zh) in KINDS.items()])


@router.get("/v1/notices/schemas/{name}", responses=documented(401, 404, 422))
def get_schema(
    name: Annotated[str, Path(max_length=40, description=f"One of {', '.join(SCHEMAS)}")], _principal: CurrentPrincipal
) -> dict[str, Any]:
    """The JSON Schema of what notices of a family carry: what their `dataschema` names."""
    if name not in SCHEMAS:
        raise Problem(404, f"There is no schema {name!r}; there are {', '.join(SCHEMAS)}.")
    return schema_document(name)


def _of_types(types: list[str]) -> tuple[ColumnElement[bool], ...]:
    unknown = [kind for kind in types if kind not in KINDS]
    if unknown:
        raise Problem(422, f"types: {unknown[0]!r} is none; see /v1/notices/kinds.")
    return (Notice.type.in_(types),) if types else ()


def _number(last_event_id: str) -> int:
    number = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else -1
    if not 0 <= number <= SEQUENCE_MAX:
        raise Problem(422, "Last-Event-ID: allowed is the id of an event of this stream.")
    return number


def _key(principal: Principal) -> str:
    """Whose streams are counted together."""
    return f"{principal.name} ({principal.role})" if principal.token_id is None else f"token {principal.token_id}"
