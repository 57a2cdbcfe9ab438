"""What may stand in the registry: each kind's form. Pure.

The form of cameras, calendars and event codes is the worker's, which reads the same from its cameras file: `schemas.json` is
written by `streetwarden cameras schema`, and a test finds it stale. What goes together with what (corners on the ground, dates
that there are) the worker judges when it takes the settings over, and says so in its sign of life.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
from pydantic import ValidationError

from api.problems import Problem, invalid
from api.registry.areas import Area

ERRORS_SHOWN = 5


class Kind(StrEnum):
    """What the registry holds."""

    CAMERA = "camera"
    CALENDAR = "calendar"
    AREA = "area"
    EVENT_CODES = "event_codes"


SHARED = (Kind.CALENDAR, Kind.EVENT_CODES)
"""What every worker needs, whatever its cameras."""

ONLY_NAME = {Kind.EVENT_CODES: "default"}
"""Kinds of which there is one entry, by this name."""


def check_form(kind: Kind, document: Mapping[str, Any]) -> None:
    """Checks a document's form.

    Raises:
        Problem: 422, naming each thing that is wrong.
    """
    if kind is Kind.AREA:
        try:
            Area.model_validate(document)
        except ValidationError as error:
            raise invalid(error.errors(), kind) from None
        return
    errors = [
        {"where": ".".join((kind.value, *map(str, error.instance_path))), "what": error.message}
        for error in _validator(kind).iter_errors(document)
    ]
    if errors:
        told = "; ".join(f"{error['where']}: {error['what']}" for error in errors[:ERRORS_SHOWN])
        raise Problem(422, told[:2000], errors=errors[:100])


def schema_of(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a kind."""
    return Area.model_json_schema() if kind is Kind.AREA else _schemas()[kind.value]


@cache
def _validator(kind: Kind) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_of(kind))


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = json.loads(
        resources.files("api.registry").joinpath("schemas.json").read_text("utf-8")
    )
    return schemas
