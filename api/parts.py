"""What the routes share: the parts of one running application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.settings import Settings
from api.storage.database import Database
from api.storage.evidence_store import EvidenceStore


@dataclass(frozen=True)
class Parts:
    """Made once by `create_app`."""

    settings: Settings
    database: Database
    store: EvidenceStore
    metrics: Metrics


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    if not isinstance(parts, Parts):
        raise TypeError("the application has been made without its parts")
    return parts


CurrentParts = Annotated[Parts, Depends(_parts)]
"""A route's parameter: the parts of the application it runs in."""
