"""The form of the cameras file as JSON Schemas, for the event system's registry, which holds the same in parts.

What only makes sense on the worker's own machine is left out: files of it, and recordings that stand in for cameras. Of
variables of its environment only those may be named that say by their name that they hold a login or a secret: whoever may
change the registry must not have a worker send its other secrets anywhere.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from detector.zoning.cameras_file import CameraEntry
from detector.zoning.event_codes import Code
from detector.zoning.zones import ZoneKind

ONLY_HERE = ("id", "login_file", "ca_file", "starts_at", "loop")
"""Keys of a camera in the file that the registry has not; an entry's name is the camera's id."""

VARIABLE = "^[A-Z0-9_]{0,60}%s[A-Z0-9_]{0,60}$"
NAME = {"type": "string", "pattern": "^[a-z0-9_-]{1,100}$"}
FRACTION = {"type": "number", "minimum": 0, "maximum": 1}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def registry_schemas() -> dict[str, Any]:
    """The schemas by kind of entry: `camera`, `calendar`, `event_codes`."""
    whole = _plain(CameraEntry.model_json_schema())
    parts = whole.pop("$defs")
    camera = whole["properties"]
    for key in ONLY_HERE:
        camera.pop(key)
    camera["login_env"]["pattern"] = VARIABLE % "LOGIN"
    camera["area"] = NAME
    parts["CallOutEntry"]["properties"]["secret_env"]["pattern"] = VARIABLE % "SECRET"
    zone = parts["ZoneEntry"]["properties"]
    zone["polygon"]["items"]["prefixItems"] = [FRACTION, FRACTION]
    zone["calendar"] = {"if": {"type": "string"}, "then": NAME, "else": zone["calendar"]}
    codes = TypeAdapter(dict[ZoneKind, Code]).json_schema()
    return {
        "camera": {"$schema": DIALECT, **whole, "required": ["source", "zones"], "$defs": parts},
        "calendar": {"$schema": DIALECT, **parts["CalendarEntry"], "$defs": parts},
        "event_codes": {"$schema": DIALECT, **_plain(codes)},
    }


def _plain(schema: Any) -> Any:
    """The schema without what says nothing to a person who has made a mistake: titles, and null for what can be left out."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if "anyOf" in schema and len(options) == 1:
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return _plain({**options[0], **rest})
    return {
        key: {name: _plain(part) for name, part in value.items()} if key in ("properties", "$defs") else _plain(value)
        for key, value in schema.items()
        if key not in ("title", "default")
    }
