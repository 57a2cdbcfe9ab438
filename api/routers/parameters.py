"""What several routes take: parts of a path, and bodies that are files."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import Field, StringConstraints

from api.identity.accounts import NAME_CHARACTERS
from api.schema import Identifier, IncidentId

IncidentInPath = Annotated[IncidentId, Path(description="The incident's id")]

Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARACTERS)]
"""What somebody or something is called in records."""

Names = Annotated[list[Identifier], Field(max_length=1000)]
"""Cameras or areas."""

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""For the OpenAPI document: the body is a file, read as it comes."""
