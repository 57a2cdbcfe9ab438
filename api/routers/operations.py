"""For whoever runs the service: is it alive, is it ready, what does it count."""

import logging
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from api.parts import CurrentParts
from api.problems import Problem, documented

router = APIRouter(tags=["operations"])

_LOG = logging.getLogger(__name__)


class Health(BaseModel):
    """A sign of life."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses=documented(503))
def readyz(parts: CurrentParts) -> Health:
    """Database and evidence store work."""
    try:
        parts.database.ping()
        parts.store.probe()
    except (SQLAlchemyError, OSError) as error:
        _LOG.error("not ready: %s", error)
        raise Problem(503, f"Not ready: {type(error).__name__}.") from None
    return Health()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(parts: CurrentParts) -> Response:
    """Counters in the Prometheus text format."""
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
