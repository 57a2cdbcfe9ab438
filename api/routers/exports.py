"""Taking lists away: as a table, as JSON, or as points on a map."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy import func, select

from api.casework.cases import case_documents
from api.casework.queries import Filters, cursor_after, matching, page_of
from api.clock import now
from api.handout.case_table import BOM, Language, csv_of, feature_of, json_of, row_of
from api.identity.principals import CurrentPrincipal, Principal, Role
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.access_log import checked_purpose
from api.records.audit import Deed, actor_of, append

router = APIRouter(tags=["exports"])

EXPORT_MAX = 1_000_000
"""Cases of one export: about 300 MB of CSV. A spreadsheet takes 1,048,576 rows."""

ROWS_AT_ONCE = 500
"""So many cases are read in one transaction: none stays open while a slow client reads, and memory stays flat."""

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json", "geojson": "application/geo+json"}


class ExportFilters(Filters):
    """The filters of the list, and what for."""

    purpose: str | None = Field(default=None, max_length=2000, description="What it is taken for; registered")
    language: Language = Field(default="en", description="Of the names of codes")
    bom: bool = Field(default=False, description="Begin a CSV file so that Excel reads it as UTF-8")
    limit: int = Field(default=EXPORT_MAX, ge=1, le=EXPORT_MAX, description="At most so many cases")
    cursor: None = Field(default=None, description="Not taken: an export has no pages")


@router.get(
    "/v1/exports/cases.{form}",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The cases", "content": {kind: {} for kind in MEDIA_TYPES.values()}},
        **documented(401, 403, 422),
    },
)
def get_cases(
    request: Request,
    form: Literal["csv", "json", "geojson"],
    parts: CurrentParts,
    principal: CurrentPrincipal,
    filters: Annotated[ExportFilters, Query()],
) -> StreamingResponse:
    """The cases that fit the filters and that whoever asks may see; the export is registered with its purpose.

    More than a million cases are 422 and no cut table. What comes or changes while it is written may be in it or not.
    """
    if principal.role is Role.WORKER:
        raise Problem(403, f"{principal.name} is a worker; exports are for people and their programs.")
    purpose = checked_purpose(filters.purpose)
    moment = now()
    _require_few(parts, principal, filters, moment)
    with parts.database.write(about="exports") as session:
        deed = Deed("export", f"/v1/exports/cases.{form}?{_asked(filters)}", reason=purpose)
        append(session, actor_of(principal, request), deed, moment)
    disposition = {"Content-Disposition": f'attachment; filename="cases-{moment:%Y%m%d-%H%M%S}.{form}"'}
    body = _written(form, _pages(parts, principal, filters, moment), BOM if filters.bom else "")
    return StreamingResponse(body, media_type=MEDIA_TYPES[form], headers=disposition)


def _require_few(parts: Parts, principal: Principal, filters: ExportFilters, moment: datetime) -> None:
    """Looks whether all of it fits into one export; whoever asks for fewer gets as many as they ask for.

    Raises:
        Problem: 422.
    """
    if filters.limit < EXPORT_MAX:
        return
    found = matching(principal, filters, moment).limit(EXPORT_MAX + 1)
    with parts.database.read() as session:
        count = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    if count > EXPORT_MAX:
        raise Problem(422, f"These are more than {EXPORT_MAX} cases: narrow `from` and `until`, or set `limit`.")


def _pages(
    parts: Parts, principal: Principal, filters: ExportFilters, moment: datetime
) -> Iterator[list[dict[str, Any]]]:
    """The rows, a page in memory at a time."""
    left, cursor = filters.limit, None
    while left > 0:
        asked = filters.model_copy(update={"limit": min(left, ROWS_AT_ONCE), "cursor": cursor})
        with parts.database.read() as session:
            found = page_of(session, principal, asked, moment)
            page = found[: asked.limit]
            cases = case_documents(session, page, principal.cameras, moment)
        yield [row_of(case, parts.settings, filters.language) for case in cases]
        if len(found) <= asked.limit:
            return
        left, cursor = left - len(page), cursor_after(page[-1], filters.order)


def _written(form: str, pages: Iterator[list[dict[str, Any]]], bom: str) -> Iterator[str]:
    """The pages in a form."""
    if form == "csv":
        yield bom + csv_of((), header=True)
        for page in pages:
            yield csv_of(page, header=False)
        return
    yield '{"cases":[\n' if form == "json" else '{"type":"FeatureCollection","features":[\n'
    between = ""
    for page in pages:
        if page:
            yield between + ",\n".join(json_of(feature_of(row) if form == "geojson" else row) for row in page)
            between = ",\n"
    yield "\n]}\n"


def _asked(filters: ExportFilters) -> str:
    """The filters that count, as an address has them: of a key that is there twice, the last."""
    asked = filters.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"purpose"})
    return urlencode({key: value for key, value in asked.items() if value is not None}, doseq=True)
