"""Reads reviewed incidents: from the event system, or from a file with one incident on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluation.errors import EvaluationError
from streams.source.address import redact

PAGE: Final = 200
"""Incidents to a page: what the event system gives at most."""
TIMEOUT_S: Final = 30.0
_OK: Final = 200
_FORBIDDEN: Final = (401, 403)


class _Review(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    verdict: Literal["confirm", "reject"]
    reason: str | None = None


class _Incident(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    camera: str
    type: str
    score: float = Field(ge=0, le=1)
    review: _Review | None = None


@dataclass(frozen=True)
class Verdict:
    """What a reviewer said of an incident.

    Attributes:
        camera: that saw it.
        type: of incident; there is one rule for each.
        score: of the alarm, 0…1.
        confirmed: it was one.
        reason: code of the reject reason; None if it was confirmed.
    """

    camera: str
    type: str
    score: float
    confirmed: bool
    reason: str | None = None


@dataclass(frozen=True)
class Reviews:
    """All verdicts, the latest of each incident, and what could not be used.

    Attributes:
        verdicts: by incident id.
        unreviewed: incidents that nobody has judged.
        problems: a line for each line that is no incident.
    """

    verdicts: tuple[Verdict, ...]
    unreviewed: int = 0
    problems: tuple[str, ...] = ()


def fetch_incidents(url: str, token: str) -> Iterator[dict[str, Any]]:
    """All reviewed incidents of an event system, page by page.

    Args:
        url: its address, such as `http://127.0.0.1:8000`.
        token: of the role `viewer` or more.

    Raises:
        EvaluationError: it can't be reached, or does not let us read.
    """
    try:
        with httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S, trust_env=False
        ) as client:
            for verdict in ("confirm", "reject"):
                cursor: str | None = ""
                while cursor is not None:
                    page = _page(client, {"review": verdict, "limit": str(PAGE), "cursor": cursor})
                    yield from page["incidents"]
                    cursor = page["next"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        if isinstance(error, EvaluationError):
            raise
        reason = str(error) or type(error).__name__
        raise EvaluationError(f"--events {redact(url)}: can't be read: {redact(reason)}") from error


def _page(client: httpx.Client, query: Mapping[str, str]) -> dict[str, Any]:
    answer = client.get("/v1/incidents", params=dict(query))
    if answer.status_code in _FORBIDDEN:
        raise EvaluationError(
            f"--events {redact(str(client.base_url))}: refuses the token in STREETWARDEN_TOKEN: it must be one that may read "
            "(`streetwarden token create --role viewer`)"
        )
    if answer.status_code != _OK:
        raise EvaluationError(f"--events {redact(str(client.base_url))}: answers {answer.status_code}")
    page: dict[str, Any] = answer.json()
    return page


def read_lines(path: Path) -> Iterator[object]:
    """What stands on each line of a JSON Lines file; a line that is no JSON is given as the text it is.

    Raises:
        EvaluationError: the file can't be read.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield _json_or_text(line)
    except OSError as error:
        raise EvaluationError(f"--file {path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"--file {path}: is not UTF-8 text") from error


def reviews_of(incidents: Iterator[object], where: str) -> Reviews:
    """The verdicts among incidents as the event system gives them; of one that comes twice, the last counts."""
    verdicts: dict[str, Verdict] = {}
    unreviewed: set[str] = set()
    problems: list[str] = []
    for number, raw in enumerate(incidents, start=1):
        try:
            incident = _Incident.model_validate(raw)
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
            key = ".".join(map(str, mistake["loc"]))
            problems.append(f"{where}: incident {number}: {key + ': ' if key else ''}{mistake['msg']}")
            continue
        if incident.review is None:
            unreviewed.add(incident.id)
            continue
        confirmed = incident.review.verdict == "confirm"
        reason = None if confirmed else incident.review.reason or "none given"
        verdicts[incident.id] = Verdict(incident.camera, incident.type, incident.score, confirmed, reason)
    return Reviews(tuple(verdicts[key] for key in sorted(verdicts)), len(unreviewed - set(verdicts)), tuple(problems))


def _json_or_text(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return line.strip()
