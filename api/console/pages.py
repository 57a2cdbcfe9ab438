"""The console's pages. They are shells: what they show, their scripts fetch from `/v1`."""

from fastapi import APIRouter, Request, Response

from api.casework.workflow import Step
from api.console.shell import page, to
from api.fleet.health import RECOVERED
from api.notices.telling import CAMERA_CONDITIONS
from api.schema import IncidentState, IncidentType

router = APIRouter()


@router.get("/")
def home() -> Response:
    """The queue is where work begins."""
    return to("/queue")


@router.get("/queue")
def queue(request: Request) -> Response:
    """Cases that wait for a person."""
    return page(request, "queue.html", types=list(IncidentType), states=list(IncidentState), steps=list(Step))


@router.get("/cameras")
def cameras(request: Request) -> Response:
    """How cameras do."""
    return page(
        request, "cameras.html", conditions=[condition for condition in CAMERA_CONDITIONS if condition != RECOVERED]
    )


@router.get("/cases/{incident_id}")
def case(request: Request, incident_id: str) -> Response:
    """One case."""
    return page(request, "case.html", incident_id=incident_id)
