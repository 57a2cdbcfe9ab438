"""From what somebody asks for to a job that a worker can do: what it starts from, what it makes, and under which names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.addresses import IpNetwork
from api.casework.cases import case_documents, find_incident
from api.clock import now
from api.identity.principals import Principal
from api.jobs.kinds import (
    RULES,
    AskedJob,
    AskedPreview,
    AskedProbe,
    AskedRedaction,
    AskedViewingCopy,
    JobKind,
)
from api.problems import Problem
from api.registry.restricted import require_registered
from api.registry.sources import check_source
from api.schema import content_digest
from api.storage.tables import Camera, EvidenceFile, Incident, Job

STEM_CHARACTERS = 70
"""Of the source's name, so that what is made of it has a name that is not too long."""

VIDEO_TYPES = ("video/mp4", "video/x-matroska", "video/x-msvideo")
STILL_TYPES = ("image/jpeg", "image/png")
TRACKS_MAX = 8


@dataclass(frozen=True)
class PlannedJob:
    """A job before it is in the queue.

    Attributes:
        kind: What is done.
        spec: All that the worker needs to know; JSON. `outputs` are the only files that it may send: name and media type.
        camera_id: Whose pictures; None: nobody's yet.
        incident_id: The case it is for.
        needs_camera: Only a worker that has this camera's address can do it.
    """

    kind: JobKind
    spec: Mapping[str, Any]
    camera_id: str | None = None
    incident_id: str | None = None
    needs_camera: bool = False

    @property
    def key(self) -> str:
        """What makes another request the same one: SHA-256 (hex)."""
        return content_digest({"kind": self.kind.value, "camera": self.camera_id, **_essence(self.spec)})


def _essence(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in ("outputs", "tracks")}


def check(principal: Principal, asked: AskedJob, networks: Sequence[IpNetwork]) -> None:
    """Checks what can be said of a request without the database; a name may have to be looked up.

    Args:
        principal: Who asks.
        asked: For what.
        networks: Where workers may be sent beside the public internet.

    Raises:
        Problem: 403 for the role; 422 for the address.
    """
    rules = RULES[asked.kind]
    if principal.role not in rules.roles:
        allowed = ", ".join(rules.roles)
        raise Problem(403, f"{principal.name} is a {principal.role}; a job {asked.kind} takes one of: {allowed}.")
    if isinstance(asked, AskedPreview | AskedProbe) and asked.address is not None:
        check_source(asked.address, networks, where="address")


def plan(session: Session, principal: Principal, asked: AskedJob) -> PlannedJob:
    """Checks what somebody asks for against what is there.

    Raises:
        Problem: 403 for a camera outside the scope; 404, 409, 410, 415 or 422 as far as the source goes.
    """
    match asked:
        case AskedViewingCopy():
            return _unmade(session, _viewing_copy(session, principal, asked))
        case AskedRedaction():
            return _unmade(session, _redaction(session, principal, asked))
        case AskedPreview():
            _require_camera(session, principal, asked)
            return plan_preview(
                asked.camera,
                address=asked.address,
                login_env=asked.login_env,
                zones=None if asked.zones is None else [zone.model_dump(mode="json") for zone in asked.zones],
            )
        case AskedProbe():
            _require_camera(session, principal, asked)
            return plan_probe(asked.camera, address=asked.address, login_env=asked.login_env)
        case _ as unreachable:
            assert_never(unreachable)


def plan_probe(camera: str | None, *, address: str | None = None, login_env: str | None = None) -> PlannedJob:
    """A look at an address, or at the one that a worker has for a camera."""
    spec: dict[str, Any] = {"address": address, "login_env": login_env, "outputs": []}
    return PlannedJob(JobKind.PROBE, spec, camera, needs_camera=address is None)


def plan_preview(
    camera: str | None,
    *,
    address: str | None = None,
    login_env: str | None = None,
    zones: Sequence[Mapping[str, Any]] | None = None,
) -> PlannedJob:
    """A picture with zones: `{"id", "label", "polygon"}` each; None: those that the worker knows."""
    outputs = [{"name": "preview.jpg", "media_type": "image/jpeg"}]
    drawn = None if zones is None else [dict(zone) for zone in zones]
    spec = {"address": address, "login_env": login_env, "zones": drawn, "outputs": outputs}
    return PlannedJob(JobKind.PREVIEW, spec, camera, needs_camera=address is None)


def _require_camera(session: Session, principal: Principal, asked: AskedPreview | AskedProbe) -> None:
    if asked.camera is not None:
        principal.require_camera(asked.camera)
        if asked.address is not None:
            require_registered(session, principal, asked.camera, asked.address, asked.login_env)
        elif session.get(Camera, asked.camera) is None:
            raise Problem(404, f"There is no camera {asked.camera}; with an `address` it can be looked at beforehand.")
    elif principal.cameras is not None:
        raise Problem(403, f"{principal.name} may see some cameras only: say for which `camera` this is.")


def _viewing_copy(session: Session, principal: Principal, asked: AskedViewingCopy) -> PlannedJob:
    incident, case = _case(session, principal, asked.incident)
    source = _source(session, asked.incident, asked.name, VIDEO_TYPES)
    for item in case["evidence"]:
        if item.get("derived_from") == asked.name and item["kind"] == "clip" and item["stored"] and "job" not in item:
            raise Problem(409, f"{asked.name} has a viewing copy already: {item['name']}.", name=item["name"])
    return _derived(JobKind.VIEWING_COPY, incident, source, {}, "view", "mp4", "video/mp4")


def _redaction(session: Session, principal: Principal, asked: AskedRedaction) -> PlannedJob:
    incident, case = _case(session, principal, asked.incident)
    source = _source(session, asked.incident, asked.name, (*VIDEO_TYPES, *STILL_TYPES))
    is_still = source.media_type in STILL_TYPES
    tracks = [item for item in case["evidence"] if item["kind"] == "tracks" and item["stored"]][:TRACKS_MAX]
    more = {
        "method": asked.method,
        "still": is_still,
        "box": case["box"],
        "subjects": [str(subject.get("class")) for subject in case.get("subjects") or ()],
        "tracks": [{key: item[key] for key in ("name", "sha256", "href")} for item in tracks],
    }
    ending, media_type = ("jpg", "image/jpeg") if is_still else ("mp4", "video/mp4")
    return _derived(JobKind.REDACTION, incident, source, more, "redacted", ending, media_type)


def _unmade(session: Session, planned: PlannedJob) -> PlannedJob:
    """A job whose copy is not there; while the job that made it is, asking once more leads to that."""
    if session.scalar(select(Job.id).where(Job.active_key == planned.key)) is None:
        for output in planned.spec["outputs"]:
            if session.get(EvidenceFile, (planned.incident_id, output["name"])) is not None:
                raise Problem(409, f"{output['name']} is there already.", name=output["name"])
    return planned


def _case(session: Session, principal: Principal, incident_id: str) -> tuple[Incident, dict[str, Any]]:
    incident = find_incident(session, principal, incident_id)
    return incident, case_documents(session, [incident], principal.cameras, now())[0]


def _source(session: Session, incident_id: str, name: str, media_types: Sequence[str]) -> EvidenceFile:
    file = session.scalar(
        select(EvidenceFile).where(EvidenceFile.incident_id == incident_id, EvidenceFile.name == name)
    )
    if file is None:
        raise Problem(404, f"{incident_id} has no evidence {name}.")
    if file.deleted_at is not None:
        raise Problem(410, f"{name} was deleted by the retention rule.")
    if file.media_type not in media_types:
        raise Problem(415, f"{name} is {file.media_type}; allowed are {', '.join(media_types)}.")
    return file


def _derived(  # noqa: PLR0917 - what it starts from, and what it is to become
    kind: JobKind,
    incident: Incident,
    source: EvidenceFile,
    more: Mapping[str, Any],
    word: str,
    ending: str,
    media_type: str,
) -> PlannedJob:
    spec = {
        "incident": incident.id,
        "source": {
            "name": source.name,
            "sha256": source.sha256,
            "href": f"/v1/incidents/{incident.id}/evidence/{source.name}",
        },
        **more,
    }
    planned = PlannedJob(kind, spec, incident.camera_id, incident.id)
    # The same request has the same name, and another one never has it: neither a worker's file nor another copy.
    name = f"{source.name.rpartition('.')[0][:STEM_CHARACTERS]}-{word}-{planned.key[:8]}.{ending}"
    return PlannedJob(
        kind,
        {**spec, "outputs": [{"name": name, "media_type": media_type}]},
        incident.camera_id,
        incident.id,
    )


def spec_of(text: str) -> dict[str, Any]:
    """A kept spec."""
    spec: dict[str, Any] = json.loads(text)
    return spec
