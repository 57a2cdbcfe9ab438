"""The API reference: the OpenAPI document as a page that people read, with who may do what."""

import pkgutil
import tempfile
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api import routers
from api.app import create_app
from api.identity.principals import RequiredRoles
from api.settings import load_settings

HEAD = """# API reference

Made from the OpenAPI document (`GET /openapi.json`) by `streetwarden reference > docs/api.md`.

Everything under `/v1` needs `Authorization: Bearer TOKEN` or the cookie of `POST /v1/session`; with the cookie, whatever
changes something needs the header `X-CSRF-Token` as well. Errors are problem documents (RFC 9457,
`application/problem+json`): `detail` says what is wrong and what is allowed. Times are RFC 3339. Lists have `next`: give it
back as `cursor` for the page that follows.
"""

TAGS = {
    "ingest": "Taking in",
    "read": "Incidents and evidence",
    "review": "Verdicts",
    "cases": "Cases",
    "packages": "Evidence packs",
    "notices": "Telling others",
    "webhooks": "Webhooks",
    "exports": "Exports",
    "jobs": "Jobs",
    "audit": "Audit",
    "retention": "Retention",
    "identity": "Who asks",
    "operations": "Operation",
}
"""Headings by tag, in the order of the page; a tag that is not here comes last under its own name."""


def reference() -> str:
    """The page, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="streetwarden-reference-") as folder:
        app = create_app(load_settings(Path(folder) / "data"))
        try:
            return "\n".join([HEAD, *_groups(app)]).rstrip() + "\n"
        finally:
            app.state.parts.database.close()


def _groups(app: FastAPI) -> Iterator[str]:
    document = app.openapi()
    routes = {(route.path_format, method.lower()): route for route in _routes() for method in route.methods or ()}
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(path, method, operation, routes[path, method], document))
    order = {tag: place for place, tag in enumerate(TAGS)}
    for tag in sorted(by_tag, key=lambda tag: (order.get(tag, len(order)), tag)):
        yield f"## {TAGS.get(tag, tag.capitalize())}\n"
        yield from by_tag[tag]


def _routes() -> Iterator[APIRoute]:
    for module in pkgutil.iter_modules(routers.__path__):
        router = getattr(import_module(f"{routers.__name__}.{module.name}"), "router", None)
        if isinstance(router, APIRouter):
            yield from (route for route in router.routes if isinstance(route, APIRoute))


def _operation(
    path: str, method: str, operation: Mapping[str, Any], route: APIRoute, document: Mapping[str, Any]
) -> str:
    lines = [f"### {method.upper()} {path}", str(operation.get("description", "")).strip(), ""]
    lines.append(f"Who may: {_who(path, route)}.")
    parameters = operation.get("parameters", [])
    if parameters:
        lines += ["", "| parameter | in | | |", "|---|---|---|---|", *(_parameter(one, document) for one in parameters)]
    body = operation.get("requestBody")
    if body is not None:
        lines += ["", f"Body: {_body(body, document)}"]
    lines += ["", "Answers: " + "; ".join(_answer(status, said) for status, said in operation["responses"].items()), ""]
    return "\n".join(lines)


def _who(path: str, route: APIRoute) -> str:
    if not path.startswith("/v1"):
        return "anybody"
    found = [*_roles(route.dependant)]
    if found:
        return ", ".join(f"`{role}`" for role in found)
    return "anybody with an account's name and password" if path == "/v1/session" else "any account or token"


def _roles(dependant: Dependant) -> Iterator[str]:
    """What `api.identity.principals.requires` was asked for, wherever it stands among a route's dependencies."""
    if isinstance(dependant.call, RequiredRoles):
        yield from dependant.call.roles
    for part in dependant.dependencies:
        yield from _roles(part)


def _parameter(parameter: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    about = str(parameter.get("description") or "").replace("|", "\\|").replace("\n", " ")
    need = "needed" if parameter.get("required") else ""
    kind = _kind(parameter.get("schema", {}), document)
    return f"| `{parameter['name']}` | {parameter['in']} | {kind}{', ' if kind and need else ''}{need} | {about} |"


def _body(body: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    told = []
    for media_type, content in body["content"].items():
        schema = _resolved(content.get("schema", {}), document)
        names = [
            f"`{name}`{'' if name in schema.get('required', ()) else '?'}" for name in schema.get("properties", {})
        ]
        told.append(f"`{media_type}`{': ' if names else ''}{', '.join(names)}")
    return "; ".join(told)


def _answer(status: str, said: Mapping[str, Any]) -> str:
    types = [name for name in said.get("content", {}) if name != "application/problem+json"]
    about = str(said.get("description", "")).rstrip(".")
    known = HTTPStatus(int(status)).phrase if status.isdigit() else ""
    return f"{status}{'' if about in ('', known, 'Successful Response') else f' {about}'}{_in(types)}"


def _in(types: list[str]) -> str:
    return f" (`{types[0]}`{', …' if len(types) > 1 else ''})" if types else ""


def _kind(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A short word for a type."""
    schema = _resolved(schema, document)
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    choices = [kind for one in schema.get("anyOf", ()) if (kind := _kind(one, document)) not in ("", "null")]
    if choices:
        return " \\| ".join(dict.fromkeys(choices))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), document) or 'values'}"
    return str(schema.get("format") or schema.get("type") or "")


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found
