"""Deleting footage whose time is over, when an administrator asks for it; `streetwarden retention` does it for a timer."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api.clock import now
from api.identity.principals import ChiefPrincipal
from api.parts import CurrentParts
from api.problems import documented
from api.records import retention
from api.records.audit import actor_of

router = APIRouter(tags=["retention"])


class RunBody(BaseModel):
    """How to go about it."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


class RunDocument(BaseModel):
    """What has been deleted, or would have been."""

    dry_run: bool
    cases: list[str]
    files: int
    size_bytes: int


@router.post("/v1/retention/runs", status_code=201, responses=documented(401, 403, 413, 422))
def post_run(request: Request, body: RunBody, parts: CurrentParts, principal: ChiefPrincipal) -> RunDocument:
    """Deletes the footage of cases whose time is over and that are not on legal hold; what is recorded of them stays."""
    done = retention.run(parts, actor_of(principal, request), now(), dry_run=body.dry_run)
    return RunDocument(dry_run=body.dry_run, cases=list(done.cases), files=done.files, size_bytes=done.size_bytes)
