"""Puts the event system together."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import console, problems
from api.casework.counters import CaseCounts
from api.fleet.counters import FleetCounts
from api.fleet.watch import FleetWatch
from api.identity.gate import BodyGuard, Gate, SecurityHeaders
from api.identity.oidc import OidcClient
from api.jobs.counters import JobBacklog
from api.jobs.upkeep import Upkeep
from api.metrics import CountRequests, Metrics
from api.notices.going_out import GoingOut
from api.parts import Parts
from api.records.refusals import AuditRefusals
from api.routers import (
    audit,
    batch,
    cases,
    exports,
    fleet,
    identity,
    ingest,
    jobs,
    operations,
    packages,
    photos,
    read,
    registry,
    retention,
    review,
    second_factor,
    stream,
    tokens,
    uploads,
    users,
    webhooks,
    worker_jobs,
)
from api.settings import Settings
from api.storage.data_folder import open_database, open_store
from api.tracing import TraceRequests


def create_app(settings: Settings) -> FastAPI:
    """Builds the application on a data folder, whose tables it brings to the newest form.

    Args:
        settings: From `api.settings.load_settings`.

    Raises:
        ApiError: The data folder can't be used.
    """
    parts = Parts(
        settings=settings,
        database=open_database(settings.data_dir, settings),
        store=open_store(settings.data_dir, settings),
        metrics=Metrics(),
    )

    for counted in (CaseCounts, FleetCounts, JobBacklog):
        parts.metrics.registry.register(counted(parts.database))
    parts.metrics.disk_free_bytes.set_function(lambda: shutil.disk_usage(settings.data_dir).free)
    going_out = GoingOut(parts)
    fleet_watch = FleetWatch(parts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        going_out.start()
        fleet_watch.start()
        yield
        await fleet_watch.stop()
        await going_out.stop()
        parts.database.close()

    # No interactive docs: they load scripts from elsewhere, and the house works offline.
    app = FastAPI(
        title="Streetwarden event system",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Its own spans carry paths and queries, in which people's names and purposes stand; `api.tracing` tells routes.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.parts = parts
    app.state.going_out = going_out
    app.state.job_upkeep = Upkeep()
    app.state.oidc = OidcClient(settings.oidc) if settings.oidc else None
    rooms = (
        ingest,
        batch,
        uploads,
        read,
        review,
        cases,
        photos,
        packages,
        audit,
        retention,
        identity,
        operations,
        stream,
        webhooks,
        exports,
        jobs,
        worker_jobs,
        fleet,
        registry,
        users,
        tokens,
        second_factor,
    )
    for room in rooms:
        app.include_router(room.router)
    console.install(app)
    problems.install(app)
    # The last one added is the first one met.
    app.add_middleware(Gate, database=parts.database, second_factor_for=settings.second_factor_for)
    app.add_middleware(AuditRefusals, database=parts.database)
    app.add_middleware(BodyGuard, limit_bytes=settings.limits.request_bytes)
    app.add_middleware(problems.AnswerBugs)
    app.add_middleware(CountRequests, metrics=parts.metrics)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(TraceRequests)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {})["ProblemDocument"] = problems.ProblemDocument.model_json_schema()
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "streetwarden_session"},
        }
        schema["security"] = [{"token": []}, {"session": []}]
        app.openapi_schema = schema
    return app.openapi_schema


def _version() -> str:
    try:
        return version("streetwarden")
    except PackageNotFoundError:
        return "0"
