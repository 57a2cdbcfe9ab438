"""Bodies as they come: JSON that is an object, and what it says of an incident."""

import json
from typing import Any, NoReturn

from pydantic import ValidationError

from api.problems import Problem, invalid
from api.schema import IncidentRevision, canonical_json


def read_json(body: bytes) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        Problem: 422.
    """
    try:
        document = json.loads(body.decode(), parse_constant=_refuse_constant)
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Problem(422, f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise Problem(422, "The body is not a JSON object.")
    return document


def read_revision(document: Any, where: str = "body") -> IncidentRevision:
    """Reads a revision.

    Raises:
        Problem: 422, naming what is wrong.
    """
    try:
        revision = IncidentRevision.model_validate(document)
        # Also what this version does not know has to have a byte form: 1e999 is JSON, but no number that can be kept.
        canonical_json(document)
    except ValidationError as error:
        raise invalid(error.errors(), where) from None
    except (ValueError, RecursionError) as error:
        raise Problem(422, f"{where}: allowed are finite numbers and whole texts: {error}.") from None
    return revision


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
