"""The review console: pages that talk to `/v1` like any other program."""

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from api.console import outside, pages, signing_in

_STATIC = Path(__file__).parent / "static"


def install(app: FastAPI) -> None:
    """Adds pages and static files."""
    for room in (pages, signing_in, outside):
        app.include_router(room.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
