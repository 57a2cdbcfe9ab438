"""What a worker is to watch: its cameras as the cameras file would have them, calendars filled in."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.registry.cameras import AREA
from api.registry.documents import ONLY_NAME, SHARED, Kind
from api.registry.entries import documents
from api.schema import content_digest
from api.storage.tables import RegistryEntry


def cameras_for(session: Session, scope: Collection[str] | None) -> list[str]:
    """The registry's cameras that a token may watch, in order."""
    names = session.scalars(
        select(RegistryEntry.name)
        .where(RegistryEntry.kind == Kind.CAMERA.value, RegistryEntry.document.is_not(None))
        .order_by(RegistryEntry.name)
    )
    return [name for name in names if scope is None or name in scope]


def etag_of(session: Session, cameras: Collection[str]) -> str:
    """Changes whenever `configuration_of` does; costs no reading of documents."""
    wanted = set(cameras)
    rows = session.execute(
        select(RegistryEntry.kind, RegistryEntry.name, RegistryEntry.version).where(
            RegistryEntry.kind.in_((Kind.CAMERA.value, *(kind.value for kind in SHARED)))
        )
    )
    versions = {f"{kind}/{name}": version for kind, name, version in rows if kind != Kind.CAMERA or name in wanted}
    return content_digest({"cameras": sorted(wanted), "versions": versions})


def configuration_of(session: Session, cameras: Collection[str]) -> dict[str, Any]:
    """The configuration of some cameras, in the form of a cameras file.

    A camera that the registry does not have (any more) is not in it.
    """
    calendars = documents(session, Kind.CALENDAR)
    codes = documents(session, Kind.EVENT_CODES).get(ONLY_NAME[Kind.EVENT_CODES])
    entries = documents(session, Kind.CAMERA)
    written: dict[str, Any] = {
        "cameras": [_camera(name, entries[name], calendars) for name in sorted(cameras) if name in entries]
    }
    return written if codes is None else {**written, "event_codes": codes}


def _camera(name: str, document: Mapping[str, Any], calendars: Mapping[str, Any]) -> dict[str, Any]:
    zones = [_zone(zone, calendars) for zone in document["zones"]]
    return {"id": name, **{key: value for key, value in document.items() if key != AREA}, "zones": zones}


def _zone(zone: Mapping[str, Any], calendars: Mapping[str, Any]) -> dict[str, Any]:
    calendar = zone.get("calendar")
    # A calendar that has been removed although a zone names it: the worker refuses the name, and says so.
    return {**zone, "calendar": calendars.get(calendar, calendar)} if isinstance(calendar, str) else dict(zone)
