"""What whoever may see some cameras only leaves as it is: a camera's area, and where its worker is sent to with which login.

Another address would show them another camera, or hand a camera's login to a machine of theirs.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from api.identity.principals import Principal
from api.problems import Problem
from api.registry.cameras import AREA
from api.registry.documents import Kind
from api.registry.entries import document_of
from api.storage.tables import Camera, RegistryEntry

_CONNECTION = ("source", "login_env", "certificate_name", "verify_certificate")


def require_kept(session: Session, principal: Principal, camera: str, document: Mapping[str, Any]) -> None:
    """Checks that a change of a camera leaves these things as they are, if whoever makes it may see some cameras only.

    Raises:
        Problem: 403, naming what may not be changed.
    """
    if principal.cameras is None:
        return
    known, now_is = session.get(Camera, camera), _registered(session, camera)
    changed = [name for name in _CONNECTION if document.get(name) != now_is.get(name)]
    if document.get(AREA) != (known.area if known else None):
        changed.append(AREA)
    if any(callout not in _callouts(now_is) for callout in _callouts(document)):
        changed.append("callout")
    if changed:
        told = ", ".join(changed)
        raise Problem(403, f"{principal.name} may see some cameras only; {told} of a camera is set by who sees all.")


def require_registered(session: Session, principal: Principal, camera: str, address: str, login: str | None) -> None:
    """Checks that somebody who may see some cameras only looks at no address but a camera's own.

    Raises:
        Problem: 403.
    """
    registered = _registered(session, camera)
    if principal.cameras is not None and (address, login) != (registered.get("source"), registered.get("login_env")):
        raise Problem(
            403,
            f"{principal.name} may see some cameras only: for {camera} leave `address` out, or say the registered one.",
        )


def _registered(session: Session, camera: str) -> dict[str, Any]:
    entry = session.get(RegistryEntry, (Kind.CAMERA.value, camera))
    return {} if entry is None else document_of(entry)


def _callouts(document: Mapping[str, Any]) -> list[Any]:
    said = [document.get("callout"), *(zone.get("callout") for zone in document.get("zones", ()))]
    return [callout for callout in said if callout is not None]
