"""Bearer tokens, for administrators who see all; and renewing one's own."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.clock import now
from api.identity import tokens
from api.identity.asking import bearer_of
from api.identity.principals import ChiefPrincipal, CurrentPrincipal, Principal, Role
from api.parts import CurrentParts
from api.problems import Problem, documented, refused_as_422
from api.records.audit import Deed, actor_of, append
from api.routers.parameters import Name, Names
from api.schema import Moment, as_utc_text
from api.storage.tables import Token, TokenArea, TokenCamera, User

router = APIRouter(tags=["people"])

TokenInPath = Annotated[int, Path(ge=1, le=2**31 - 1, description="The token's id")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewToken(_Body):
    """A token to make."""

    role: Role
    name: Name | None = None
    cameras: Names = []
    areas: Names = Field(default=[], description="Without cameras and areas: all")
    user: Name | None = Field(
        default=None, description="The account it acts for: for all roles of people but a viewer's"
    )
    expires_at: Moment | None = None


class Overlap(_Body):
    """For how long the secret before stays good."""

    overlap_hours: float = Field(default=24, ge=0, le=168)


class TokenDocument(BaseModel):
    """A token; never its secret, but for the answer that makes it."""

    id: int
    name: str
    role: Role
    user: str | None
    cameras: list[str]
    areas: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    secret: str | None = Field(default=None, description="Shown once")


class TokenList(BaseModel):
    """All tokens, the newest first."""

    tokens: list[TokenDocument]


@router.get("/v1/tokens", responses=documented(401, 403))
def get_tokens(parts: CurrentParts, _principal: ChiefPrincipal) -> TokenList:
    """All tokens."""
    with parts.database.read() as session:
        return TokenList(
            tokens=[_token(session, token) for token in session.scalars(select(Token).order_by(-Token.id))]
        )


@router.post("/v1/tokens", status_code=201, responses=documented(401, 403, 413, 422))
def post_token(request: Request, body: NewToken, parts: CurrentParts, principal: ChiefPrincipal) -> TokenDocument:
    """Makes a token; the answer holds its secret, this once."""
    if body.expires_at is not None and body.expires_at <= now():
        raise Problem(422, "expires_at: is over already.")
    with parts.database.write() as session, refused_as_422():
        token, secret = tokens.add_token(
            session,
            body.role,
            cameras=body.cameras,
            areas=body.areas,
            name=body.name,
            user=body.user,
            expires_at=body.expires_at,
        )
        session.flush()
        _log(session, request, principal, "token.create", f"/v1/tokens/{token.id}", f"role {token.role}")
        return _token(session, token, secret)


@router.delete("/v1/tokens/{token_id}", status_code=204, responses=documented(401, 403, 404, 422))
def delete_token(request: Request, token_id: TokenInPath, parts: CurrentParts, principal: ChiefPrincipal) -> Response:
    """Ends a token at once."""
    with parts.database.write() as session:
        token = _find_token(session, token_id)
        token.revoked_at = token.revoked_at or now()
        session.flush()
        _log(session, request, principal, "token.revoke", f"/v1/tokens/{token.id}")
    return Response(status_code=204)


@router.post("/v1/tokens/{token_id}/rotate", responses=documented(401, 403, 404, 413, 422))
def post_rotate(
    request: Request, token_id: TokenInPath, body: Overlap, parts: CurrentParts, principal: ChiefPrincipal
) -> TokenDocument:
    """Gives a token a new secret; the one before stays good for a while."""
    return _rotate(request, parts, principal, token_id, body)


@router.post("/v1/token/rotate", responses=documented(401, 403, 404, 413, 422))
def post_own(request: Request, body: Overlap, parts: CurrentParts, principal: CurrentPrincipal) -> TokenDocument:
    """Gives the token that this is asked with a new secret; the one before stays good for a while."""
    if principal.token_id is None:
        raise Problem(403, "Only what is asked with a token can be renewed.")
    with parts.database.read() as session:
        # Whoever has found an old secret must not take the token over.
        if not tokens.is_current(_find_token(session, principal.token_id), bearer_of(request.headers) or ""):
            raise Problem(403, "This is the secret before; only the token's present one renews it.")
    return _rotate(request, parts, principal, principal.token_id, body)


def _rotate(request: Request, parts: CurrentParts, principal: Principal, token_id: int, body: Overlap) -> TokenDocument:
    with parts.database.write() as session:
        token = _find_token(session, token_id)
        if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now()):
            raise Problem(404, f"Token {token_id} has been revoked, or is over.")
        secret = tokens.rotate(session, token, timedelta(hours=body.overlap_hours), now())
        session.flush()
        _log(session, request, principal, "token.rotate", f"/v1/tokens/{token.id}", f"overlap {body.overlap_hours:g} h")
        return _token(session, token, secret)


def _find_token(session: Session, token_id: int) -> Token:
    token = session.get(Token, token_id)
    if token is None:
        raise Problem(404, f"There is no token {token_id}.")
    return token


def _token(session: Session, token: Token, secret: str | None = None) -> TokenDocument:
    owner = session.get(User, token.user_id) if token.user_id is not None else None
    return TokenDocument(
        id=token.id,
        name=token.name,
        role=Role(token.role),
        user=owner.name if owner else None,
        cameras=sorted(session.scalars(select(TokenCamera.camera_id).where(TokenCamera.token_id == token.id))),
        areas=sorted(session.scalars(select(TokenArea.area).where(TokenArea.token_id == token.id))),
        created_at=as_utc_text(token.created_at),
        expires_at=as_utc_text(token.expires_at) if token.expires_at else None,
        revoked_at=as_utc_text(token.revoked_at) if token.revoked_at else None,
        secret=secret,
    )


def _log(
    session: Session, request: Request, principal: Principal, action: str, what: str, reason: str | None = None
) -> None:
    append(session, actor_of(principal, request), Deed(action, what, reason=reason), now())
