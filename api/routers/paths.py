"""Parts of a path that several routes share."""

from typing import Annotated

from fastapi import Path

from api.schema import IncidentId

IncidentInPath = Annotated[IncidentId, Path(description="The incident's id")]
