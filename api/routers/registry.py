"""The registry: cameras with their zones, calendars, areas, event codes. Every version is kept."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select

from api.clock import now
from api.identity.principals import CurrentPrincipal, Principal, RegistrarPrincipal
from api.parts import CurrentParts, Parts
from api.problems import Problem, documented
from api.records.audit import Deed, actor_of, append
from api.registry import entries
from api.registry.cameras import check_addresses, check_references, has_changed, named_by
from api.registry.documents import ONLY_NAME, Kind, check_form, schema_of
from api.registry.restricted import require_kept
from api.schema import Identifier, as_utc_text, content_digest
from api.storage.tables import RegistryEntry, RegistryVersion

router = APIRouter(prefix="/v1/registry", tags=["registry"])

KindInPath = Annotated[Kind, Path(description="What it is")]
NameInPath = Annotated[Identifier, Path(description="Its name; a camera's id")]
PAGE = 500
VERSION = re.compile(r'"?([0-9]{1,9})"?')
ANY = "*"


def _seen(
    if_match: Annotated[str | None, Header(description='The version that you have seen: `"3"`')] = None,
    if_none_match: Annotated[str | None, Header(description="`*`: there is none yet")] = None,
) -> int | None:
    """The version that somebody has seen; None: none.

    Raises:
        Problem: 428: they don't say; 422: what they say is no version.
    """
    if (if_match is None) == (if_none_match is None):
        raise Problem(
            428, 'Needed is `If-Match: "VERSION"` for an entry that is there, or `If-None-Match: *` for a new one.'
        )
    if if_match is None:
        if if_none_match != ANY:
            raise Problem(422, "If-None-Match: allowed is *.")
        return None
    version = VERSION.fullmatch(if_match.strip())
    if version is None:
        raise Problem(422, 'If-Match: allowed is the ETag of an entry, such as "3".')
    return int(version[1])


Seen = Annotated[int | None, Depends(_seen)]


class Entry(BaseModel):
    """An entry at a version; `document` is null where it was removed."""

    kind: Kind
    name: str
    version: int
    changed_at: str
    changed_by: str
    document: dict[str, Any] | None


class EntryPage(BaseModel):
    """Entries by name; `next` is where to go on."""

    entries: list[Entry]
    next: str | None = None


class History(BaseModel):
    """All that an entry was, newest first."""

    versions: list[Entry]


@router.get("/{kind}", responses=documented(401, 403, 422))
def get_entries(
    kind: KindInPath,
    parts: CurrentParts,
    principal: RegistrarPrincipal,
    after: Annotated[Identifier | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
) -> EntryPage:
    """Entries of a kind, by name; of cameras, those that whoever asks may see."""
    chosen = select(RegistryEntry).where(RegistryEntry.kind == kind.value, RegistryEntry.document.is_not(None))
    if kind is Kind.CAMERA and principal.cameras is not None:
        chosen = chosen.where(RegistryEntry.name.in_(sorted(principal.cameras)))
    if after is not None:
        chosen = chosen.where(RegistryEntry.name > after)
    with parts.database.read() as session:
        found = session.scalars(chosen.order_by(RegistryEntry.name).limit(limit + 1)).all()
        page = [_entry(row) for row in found[:limit]]
    return EntryPage(entries=page, next=page[-1].name if len(found) > limit else None)


@router.get("/{kind}/schema", responses=documented(401, 422))
def get_schema(kind: KindInPath, _principal: CurrentPrincipal) -> dict[str, Any]:
    """The JSON Schema of what entries of a kind say."""
    return schema_of(kind)


@router.get("/{kind}/{name}", responses=documented(401, 403, 404, 422))
def get_entry(
    kind: KindInPath, name: NameInPath, response: Response, parts: CurrentParts, principal: RegistrarPrincipal
) -> Entry:
    """An entry as it is now; its version is the `ETag`."""
    _require_scope(principal, kind, name)
    with parts.database.read() as session:
        entry = _entry(entries.find(session, kind, name))
    response.headers["ETag"] = f'"{entry.version}"'
    return entry


@router.get("/{kind}/{name}/history", responses=documented(401, 403, 404, 422))
def get_history(kind: KindInPath, name: NameInPath, parts: CurrentParts, principal: RegistrarPrincipal) -> History:
    """All that an entry was, with who changed it and when."""
    _require_scope(principal, kind, name)
    with parts.database.read() as session:
        return History(versions=[_entry(row) for row in entries.history(session, kind, name)])


@router.put(
    "/{kind}/{name}",
    responses={
        200: {"description": "Changed"},
        201: {"model": Entry, "description": "New"},
        **documented(401, 403, 412, 413, 422, 428),
    },
)
def put_entry(
    request: Request,
    response: Response,
    *,
    kind: KindInPath,
    name: NameInPath,
    document: Annotated[dict[str, Any], Body(description="See `/v1/registry/{kind}/schema`")],
    parts: CurrentParts,
    principal: RegistrarPrincipal,
    seen: Seen,
) -> Entry:
    """Sets an entry. `If-Match` says which version you have seen, `If-None-Match: *` that there is none."""
    _require_scope(principal, kind, name, changes=True)
    if name != ONLY_NAME.get(kind, name):
        raise Problem(422, f"name: {kind.value} has one entry, {ONLY_NAME[kind]!r}.")
    check_form(kind, document)
    if kind is Kind.CAMERA:
        check_addresses(document, parts.settings.camera_networks)
    entry = _change(request, parts, principal, (kind, name), document, seen)
    response.status_code = 201 if seen is None else 200
    response.headers["ETag"] = f'"{entry.version}"'
    return entry


@router.delete("/{kind}/{name}", status_code=204, responses=documented(401, 403, 404, 409, 412, 422, 428))
def delete_entry(
    request: Request,
    kind: KindInPath,
    name: NameInPath,
    parts: CurrentParts,
    principal: RegistrarPrincipal,
    seen: Seen,
) -> Response:
    """Removes an entry; a camera is not watched any more. What was is kept, and its cases stay."""
    _require_scope(principal, kind, name, changes=True)
    _change(request, parts, principal, (kind, name), None, seen)
    return Response(status_code=204)


def _change(
    request: Request,
    parts: Parts,
    principal: Principal,
    which: tuple[Kind, str],
    document: dict[str, Any] | None,
    seen: int | None,
) -> Entry:
    kind, name = which
    moment = now()
    with parts.database.write(about=entries.SUBJECT) as session:
        if kind is Kind.CAMERA and document is not None:
            check_references(session, document)
            require_kept(session, principal, name, document)
        elif document is None and (cameras := named_by(session, kind, name)):
            raise Problem(409, f"{kind.value} {name!r} is named by camera {', '.join(cameras[:5])}.", cameras=cameras)
        changed = entries.put(session, kind, name, document, seen=seen, who=principal.name, moment=moment)
        if kind is Kind.CAMERA:
            has_changed(session, name, document, moment)
        deed = Deed(
            f"registry.{'remove' if document is None else 'set'}",
            f"/v1/registry/{kind.value}/{name}",
            reason=f"version {changed.version}",
            content_sha256=None if document is None else content_digest(document),
        )
        append(session, actor_of(principal, request), deed, moment)
        return _entry(changed)


def _entry(row: RegistryEntry | RegistryVersion) -> Entry:
    return Entry(
        kind=Kind(row.kind),
        name=row.name,
        version=row.version,
        changed_at=as_utc_text(row.changed_at),
        changed_by=row.changed_by,
        document=None if row.document is None else entries.document_of(row),
    )


def _require_scope(principal: Principal, kind: Kind, name: str, *, changes: bool = False) -> None:
    if kind is Kind.CAMERA:
        principal.require_camera(name)
    elif changes and principal.cameras is not None:
        raise Problem(403, f"{principal.name} may see some cameras only, and {kind.value} {name!r} is everybody's.")
