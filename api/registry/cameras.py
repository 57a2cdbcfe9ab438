"""Cameras in the registry: what must hold beyond their form, and what follows from a change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.addresses import IpNetwork
from api.fleet.health import forget
from api.problems import Problem
from api.registry.documents import Kind
from api.registry.entries import documents
from api.registry.known_cameras import make_known
from api.registry.sources import CALLOUT_SCHEMES, check_source
from api.storage.tables import Camera, RegistryEntry

AREA = "area"
"""The key of a camera's document that is the event system's own; workers don't see it."""


def check_addresses(document: Mapping[str, Any], networks: Sequence[IpNetwork]) -> None:
    """Checks where a camera's settings send its worker; names may have to be looked up, so do it in no transaction.

    Raises:
        Problem: 422.
    """
    check_source(document["source"], networks, where="camera.source")
    callouts = {"camera.callout": document.get("callout")}
    callouts |= {f"camera.zones.{zone['id']}.callout": zone.get("callout") for zone in document["zones"]}
    for where, callout in callouts.items():
        if callout is not None:
            check_source(callout["url"], networks, where=f"{where}.url", schemes=CALLOUT_SCHEMES)


def check_references(session: Session, document: Mapping[str, Any]) -> None:
    """Checks that what a camera names is there, and that its zones have names of their own.

    Raises:
        Problem: 422.
    """
    names = [zone["id"] for zone in document["zones"]]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Problem(422, f"camera.zones: id {twice!r} is given twice; allowed is once.")
    for zone in document["zones"]:
        calendar = zone.get("calendar")
        if isinstance(calendar, str):
            _require(session, Kind.CALENDAR, calendar, f"camera.zones.{zone['id']}.calendar")
    if document.get(AREA) is not None:
        _require(session, Kind.AREA, document[AREA], "camera.area")


def has_changed(session: Session, name: str, document: Mapping[str, Any] | None, moment: datetime) -> None:
    """Follows up a change of a camera, in its transaction: it is known from now on, and lies in its area."""
    if document is None:
        forget(session, name)
        return
    make_known(session, [name], moment)
    session.get_one(Camera, name).area = document.get(AREA)


def named_by(session: Session, kind: Kind, name: str) -> list[str]:
    """The cameras that name a calendar or an area."""
    found: list[str] = []
    for camera, document in documents(session, Kind.CAMERA).items():
        zones = document.get("zones", ())
        uses = document.get(AREA) == name if kind is Kind.AREA else any(z.get("calendar") == name for z in zones)
        if uses:
            found.append(camera)
    return found


def _require(session: Session, kind: Kind, name: str, where: str) -> None:
    there = select(RegistryEntry.name).where(
        RegistryEntry.kind == kind.value, RegistryEntry.name == name, RegistryEntry.document.is_not(None)
    )
    if session.scalar(there) is None:
        raise Problem(422, f"{where}: the registry has no {kind.value} {name!r}.")
