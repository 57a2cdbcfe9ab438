"""Talking to the event system about cameras. What it answers is checked before anything is done with it."""

from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from api.schema import Identifier, Sha256Hex

WAIT = httpx.Timeout(10.0, connect=3.0)
UNKNOWN_HERE = frozenset({404, 405})
"""Answers of an event system that is older than leases."""


class AwayError(Exception):
    """The event system can't be asked for now."""


class NoLeasesError(Exception):
    """It knows no leases: it is older than this worker."""


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Lease(_Said):
    """A camera that is this worker's; `handover` is the digest of what the worker before has left."""

    camera: Identifier
    epoch: int
    handover: Sha256Hex | None = None
    handover_epoch: int | None = None


class Elsewhere(_Said):
    """A camera that another worker watches."""

    camera: Identifier
    worker: str


class Answer(_Said):
    """What is this worker's from now on."""

    leases: list[Lease]
    elsewhere: list[Elsewhere] = []
    lease_s: float
    configuration: str | None = None


class Left(_Said):
    """What the worker before has left; `revisions` are the latest of its open incidents that have arrived."""

    document: dict[str, Any]
    revisions: dict[str, int] = {}


class FleetClient:
    """One worker's connection.

    Args:
        events_url: The event system.
        token: A worker's.
    """

    def __init__(self, events_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=events_url, headers={"Authorization": f"Bearer {token}"}, timeout=WAIT, trust_env=False
        )

    def close(self) -> None:
        """Ends it."""
        self._http.close()

    def beat(self, said: dict[str, Any]) -> Answer:
        """Gives a sign of life.

        Raises:
            AwayError: It can't be asked, or does not take this worker.
            NoLeasesError: It is too old.
        """
        answer = self._ask("POST", "/v1/worker/beat", json=said)
        if answer.status_code in UNKNOWN_HERE:
            raise NoLeasesError
        try:
            return Answer.model_validate_json(_good(answer).content)
        except ValidationError as error:
            raise AwayError(f"its answer can't be read: {error.errors()[0]['msg']}") from None

    def configuration(self, worker: str, etag: str | None) -> tuple[dict[str, Any] | None, str | None]:
        """What the worker's cameras are set to, and its ETag; None: nothing has changed.

        Raises:
            AwayError: It can't be asked.
        """
        headers = {"If-None-Match": etag} if etag else {}
        answer = self._ask("GET", "/v1/worker/configuration", params={"worker": worker}, headers=headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None, etag
        return _json(_good(answer)), answer.headers.get("ETag")

    def left(self, lease: Lease) -> Left | None:
        """What the worker before has left; None: nothing.

        Raises:
            AwayError: It can't be asked.
        """
        answer = self._ask("GET", _handover(lease.camera), params={"epoch": lease.epoch})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        try:
            return Left.model_validate_json(_good(answer).content)
        except ValidationError as error:
            raise AwayError(f"its answer can't be read: {error.errors()[0]['msg']}") from None

    def leave(self, camera: str, epoch: int, document: bytes) -> bool:
        """Leaves what a successor needs; tells whether it was taken: the camera may have passed to another one.

        Raises:
            AwayError: It can't be asked.
        """
        headers = {"Content-Type": "application/json"}
        answer = self._ask("PUT", _handover(camera), params={"epoch": epoch}, content=document, headers=headers)
        if answer.status_code in (httpx.codes.CONFLICT, httpx.codes.REQUEST_ENTITY_TOO_LARGE):
            return False
        _good(answer)
        return True

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise AwayError(str(error) or type(error).__name__) from None


def _handover(camera: str) -> str:
    return f"/v1/worker/cameras/{camera}/handover"


def _good(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise AwayError(f"it answers {answer.status_code} {answer.text[:200]}")
    return answer


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError as error:
        raise AwayError(f"its answer can't be read: {error}") from None
    if not isinstance(content, dict):
        raise AwayError("its answer can't be read: it is no object")
    return content
