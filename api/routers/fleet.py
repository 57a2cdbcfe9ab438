"""Workers and their cameras: signs of life, leases, what a successor needs, and how cameras do."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.clock import now
from api.fleet import handovers, leases
from api.fleet.beats import take_beat
from api.fleet.documents import EPOCH_MAX, Answer, Beat, CameraReport, OutboxReport, WorkerId
from api.fleet.leases import SUBJECT
from api.identity.principals import CurrentPrincipal, RegistrarPrincipal, WorkerPrincipal
from api.parts import CurrentParts
from api.problems import documented
from api.registry.configuration import configuration_of, etag_of
from api.schema import Identifier, Sha256Hex, as_utc_text
from api.storage.tables import Camera, CameraHealth, CameraLease, WorkerReport

router = APIRouter(tags=["fleet"])

CameraInPath = Annotated[Identifier, Path(description="The camera's id")]
Epoch = Annotated[int, Query(ge=1, le=EPOCH_MAX, description="Of the worker's lease")]
PAGE = 1000


class HandoverReceipt(BaseModel):
    """What has been kept."""

    sha256: Sha256Hex


class HandoverDocument(BaseModel):
    """What the worker before has left."""

    epoch: int
    sha256: Sha256Hex
    stored_at: str
    document: dict[str, Any]
    revisions: dict[str, int] = Field(description="The latest of the camera's newest incidents")


class CameraState(BaseModel):
    """How a camera does."""

    camera: str
    area: str | None
    condition: str | None = Field(description="ok, ended, or what is wrong; null: nobody has ever said")
    since: str | None
    seen_at: str | None
    worker: str | None = Field(description="Who watches it now")
    report: CameraReport | None = Field(description="As its worker said last")


class CameraPage(BaseModel):
    """Cameras by id; `next` is where to go on."""

    cameras: list[CameraState]
    next: str | None = None


class WorkerState(BaseModel):
    """A worker, as it said last."""

    worker: str
    name: str
    version: str
    started_at: str
    seen_at: str
    left_at: str | None
    cameras: int
    capacity: int | None
    outbox: OutboxReport | None


class WorkerList(BaseModel):
    """Workers, by name."""

    workers: list[WorkerState]


@router.post("/v1/worker/beat", responses=documented(401, 403, 409, 413, 422))
def post_beat(body: Beat, parts: CurrentParts, principal: WorkerPrincipal) -> Answer:
    """A worker's sign of life. The answer says what it watches from now on: what is not in it is not its own any more."""
    for camera in body.cameras or ():
        principal.require_camera(camera)
    with parts.database.write(about=SUBJECT) as session:
        return take_beat(session, principal, body, parts.settings.fleet, now())


@router.get(
    "/v1/worker/configuration",
    responses={304: {"description": "Nothing has changed"}, **documented(401, 403, 422)},
)
def get_configuration(
    worker: Annotated[WorkerId, Query()],
    response: Response,
    parts: CurrentParts,
    principal: WorkerPrincipal,
    if_none_match: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """The settings of the worker's cameras, in the form of a cameras file."""
    with parts.database.read() as session:
        held = _held(session, worker, principal.token_id)
        etag = f'"{etag_of(session, held)}"'
        if if_none_match == etag:
            return Response(status_code=304, headers={"ETag": etag})  # type: ignore[return-value]
        response.headers["ETag"] = etag
        return configuration_of(session, held)


@router.put("/v1/worker/cameras/{camera}/handover", responses=documented(401, 403, 409, 413, 422))
def put_handover(
    camera: CameraInPath, epoch: Epoch, document: dict[str, Any], parts: CurrentParts, principal: WorkerPrincipal
) -> HandoverReceipt:
    """Leaves what a successor needs to go on with the camera's open incidents."""
    principal.require_camera(camera)
    with parts.database.write(about=SUBJECT) as session:
        sha256 = handovers.leave(session, principal.token_id, camera, epoch, document, now())
    return HandoverReceipt(sha256=sha256)


@router.get("/v1/worker/cameras/{camera}/handover", responses=documented(401, 403, 404, 409, 422))
def get_handover(
    camera: CameraInPath, epoch: Epoch, parts: CurrentParts, principal: WorkerPrincipal
) -> HandoverDocument:
    """What the worker before has left; only for the one that has the camera now."""
    principal.require_camera(camera)
    with parts.database.read() as session:
        leases.require_lease(session, principal.token_id, camera, epoch)
        row = handovers.left(session, camera)
        return HandoverDocument(
            epoch=row.epoch,
            sha256=row.sha256,
            stored_at=as_utc_text(row.stored_at),
            document=handovers.document_of(row),
            revisions=handovers.latest_revisions(session, camera),
        )


@router.get("/v1/cameras", responses=documented(401, 422))
def get_cameras(
    parts: CurrentParts,
    principal: CurrentPrincipal,
    condition: Annotated[str | None, Query(max_length=40, description="Only those in this condition")] = None,
    after: Annotated[Identifier | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 200,
) -> CameraPage:
    """How cameras do: those that whoever asks may see, by id."""
    chosen = (
        select(Camera, CameraHealth, CameraLease)
        .outerjoin(CameraHealth, CameraHealth.camera_id == Camera.id)
        .outerjoin(CameraLease, CameraLease.camera_id == Camera.id)
        .order_by(Camera.id)
        .limit(limit + 1)
    )
    if principal.cameras is not None:
        chosen = chosen.where(Camera.id.in_(sorted(principal.cameras)))
    if condition is not None:
        chosen = chosen.where(CameraHealth.condition == condition)
    if after is not None:
        chosen = chosen.where(Camera.id > after)
    moment = now()
    with parts.database.read() as session:
        found = session.execute(chosen).all()
        names = {row.id: row.name for row in session.scalars(select(WorkerReport))}
    page = [_camera_state(camera, health, _watcher(lease, names, moment)) for camera, health, lease in found[:limit]]
    return CameraPage(cameras=page, next=page[-1].camera if len(found) > limit else None)


@router.get("/v1/workers", responses=documented(401, 403))
def get_workers(parts: CurrentParts, _principal: RegistrarPrincipal) -> WorkerList:
    """Workers, as they said last."""
    moment = now()
    with parts.database.read() as session:
        rows = session.scalars(select(WorkerReport).order_by(WorkerReport.name, WorkerReport.id)).all()
        live = session.scalars(select(CameraLease.worker).where(CameraLease.expires_at > moment)).all()
    return WorkerList(workers=[_worker_state(row, live.count(row.id)) for row in rows])


def _held(session: Session, worker: str, token_id: int | None) -> list[str]:
    chosen = select(CameraLease.camera_id).where(
        CameraLease.worker == worker, CameraLease.token_id == token_id, CameraLease.expires_at > now()
    )
    return sorted(session.scalars(chosen))


def _watcher(lease: CameraLease | None, names: dict[str, str], moment: Any) -> str | None:
    if lease is None or lease.expires_at <= moment:
        return None
    return names.get(lease.worker, lease.worker)


def _camera_state(camera: Camera, health: CameraHealth | None, watcher: str | None) -> CameraState:
    return CameraState(
        camera=camera.id,
        area=camera.area,
        condition=health.condition if health else None,
        since=as_utc_text(health.since) if health else None,
        seen_at=as_utc_text(health.seen_at) if health else None,
        worker=watcher,
        report=CameraReport.model_validate_json(health.report) if health else None,
    )


def _worker_state(row: WorkerReport, cameras: int) -> WorkerState:
    return WorkerState(
        worker=row.id,
        name=row.name,
        version=row.version,
        started_at=as_utc_text(row.started_at),
        seen_at=as_utc_text(row.seen_at),
        left_at=as_utc_text(row.left_at) if row.left_at else None,
        cameras=cameras,
        capacity=row.capacity,
        outbox=OutboxReport.model_validate_json(row.report) if row.report else None,
    )
