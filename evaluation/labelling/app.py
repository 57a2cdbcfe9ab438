"""The server behind the page: clips, their pictures, what is marked on them. For one person on this machine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

import api.console
from detector.zoning.zones import DEFAULT_DWELL_S, ZoneKind
from evaluation.datasets.checks import TYPES_OF_KIND
from evaluation.errors import EvaluationError
from evaluation.labelling.films import Films
from evaluation.labelling.frames import FrameReader
from evaluation.labelling.labels import LabelledClip, Labels, load, save

STATIC: Final = Path(__file__).parent / "static"
HOUSE: Final = Path(api.console.__file__).parent / "static"
"""Style and helpers of the review console: one house, one look."""
HOSTS: Final = ("127.0.0.1", "localhost")
"""A request for another name comes from another site's page (DNS rebinding)."""
POLICY: Final = "default-src 'self'; img-src 'self' data:"
KINDS: Final = {str(kind): {"type": TYPES_OF_KIND[kind], "dwell_s": DEFAULT_DWELL_S[kind]} for kind in ZoneKind}

router = APIRouter()


@dataclass(frozen=True)
class Parts:
    """What the routes work with.

    Attributes:
        clips: what is labelled; routes count them from 0.
        readers: of their pictures.
        films: of them.
        version: of this start of the server: a picture of an earlier one, under the same address, is not this one's.
    """

    clips: tuple[LabelledClip, ...]
    readers: tuple[FrameReader, ...]
    films: Films
    version: str


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - for the type checker
    return parts


def _known(request: Request, number: int) -> int:
    count = len(_parts(request).clips)
    if not 0 <= number < count:
        raise HTTPException(404, f"there is no clip {number}: allowed are 0 to {count - 1}")
    return number


CurrentParts = Annotated[Parts, Depends(_parts)]
Known = Annotated[int, Depends(_known)]


def create_app(clips: Sequence[LabelledClip]) -> FastAPI:
    """The page for these clips."""
    readers = tuple(FrameReader(clip.timeline) for clip in clips)
    parts = Parts(tuple(clips), readers, Films(clips), secrets.token_hex(4))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for reader in parts.readers:
            reader.close()
        parts.films.close()

    app = FastAPI(title="Streetwarden labelling", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    app.middleware("http")(_guard)
    app.add_exception_handler(EvaluationError, _refuse)
    app.include_router(router)
    app.mount("/house", StaticFiles(directory=HOUSE), name="house")
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=422)


@router.get("/")
def page() -> FileResponse:
    """The page itself."""
    return FileResponse(STATIC / "index.html")


@router.get("/api/clips")
def list_clips(parts: CurrentParts) -> dict[str, Any]:
    """All clips by name, and what kinds of zones there are."""
    return {"clips": [clip.name for clip in parts.clips], "kinds": KINDS, "version": parts.version}


@router.get("/api/clips/{number}")
def read_clip(number: Known, parts: CurrentParts) -> dict[str, Any]:
    """A clip: the time of each picture, and what is marked so far."""
    clip = parts.clips[number]
    timeline = clip.timeline
    parts.films.get(number)
    return {
        "name": clip.name,
        "width_px": timeline.width_px,
        "height_px": timeline.height_px,
        "length_s": round(timeline.length_s, 3),
        "times_s": [round(float(time_s), 6) for time_s in timeline.times_s],
        "labels": load(clip),
    }


@router.put("/api/clips/{number}")
def write_clip(number: Known, labels: Labels, parts: CurrentParts) -> dict[str, Any]:
    """Checks and saves what is marked; 422 says what is missing, a line each."""
    clip = parts.clips[number]
    truths = save(clip, labels)
    return {"alarms_s": [truth.alarm_s for truth in truths], "files": [clip.cameras.name, clip.truth.name]}


@router.get("/api/clips/{number}/frames/{frame}.jpg")
def read_frame(number: Known, frame: int, parts: CurrentParts) -> Response:
    """A picture, counted from 0; its exact time is in `X-Time-S`."""
    timeline = parts.clips[number].timeline
    if not 0 <= frame < len(timeline):
        raise HTTPException(404, f"there is no picture {frame}: allowed are 0 to {len(timeline) - 1}")
    headers = {"Cache-Control": "private, max-age=3600", "X-Time-S": f"{timeline.time_s(frame):.6f}"}
    return Response(parts.readers[number].jpeg(frame), media_type="image/jpeg", headers=headers)


@router.get("/api/clips/{number}/film")
def film_state(number: Known, parts: CurrentParts) -> dict[str, str]:
    """Whether the film is `ready`, `preparing`, or `failed`, and then why."""
    film = parts.films.get(number)
    if isinstance(film, Path):
        return {"state": "ready"}
    if not film.done():
        return {"state": "preparing"}
    error = film.exception()
    return {"state": "ready"} if error is None else {"state": "failed", "reason": str(error)}


@router.get("/api/clips/{number}/film.mp4")
def read_film(number: Known, parts: CurrentParts) -> FileResponse:
    """The film, also in parts (range requests)."""
    film = parts.films.get(number)
    if isinstance(film, Future):
        if not film.done() or film.exception() is not None:
            raise HTTPException(404, "the viewing copy is not there")
        film = film.result()
    return FileResponse(film, media_type="video/mp4")
