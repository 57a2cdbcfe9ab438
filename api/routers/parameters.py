"""What several routes take: parts of a path, and bodies that are files."""

from typing import Annotated, Any

from fastapi import Path

from api.schema import IncidentId

IncidentInPath = Annotated[IncidentId, Path(description="The incident's id")]

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""For the OpenAPI document: the body is a file, read as it comes."""
