"""Talking to the event system about jobs. What it answers is checked before anything is done with it."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from api.schema import EvidenceName, Sha256Hex, header_of_sha256
from detector.delivery.signing_in import check_token
from detector.jobs.task import JobError, LostError, Output, Task

LEASE_WAIT_S = 5.0
"""Long enough that an idle worker asks seldom, short enough that it stops soon when told to."""
GONE = frozenset({404, 409, 410})
PIECE_BYTES = 1 << 20

JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Href = Annotated[str, StringConstraints(pattern=r"^/v1/[A-Za-z0-9._/-]{1,400}$")]


class AwayError(Exception):
    """Nobody takes anything for now; says for how long there is no use in asking, where that is known."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class _Output(BaseModel):
    name: EvidenceName
    media_type: str
    max_bytes: int


class _Leased(BaseModel):
    """A newer event system may say more than this."""

    id: JobId
    kind: str
    attempt: int = Field(ge=1)
    lease_s: float = Field(gt=0)
    camera: str | None
    incident: str | None
    spec: dict[str, Any]
    outputs: list[_Output]


class File(BaseModel):
    """A file of evidence that a job starts from."""

    name: EvidenceName
    sha256: Sha256Hex
    href: Href


class JobsClient:
    """One worker's connection.

    Args:
        events_url: The event system.
        token: A worker's.
    """

    def __init__(self, events_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=events_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(60.0, connect=5.0),
            trust_env=False,
        )

    def check_token(self) -> None:
        """As `signing_in.check_token`."""
        check_token(self._http)

    def close(self) -> None:
        """Ends it."""
        self._http.close()

    def lease(self, kinds: Collection[str], cameras: Collection[str]) -> Task | None:
        """Asks for a job, and waits some seconds for one.

        Raises:
            AwayError: The event system is away, knows no jobs, or does not take this token.
        """
        body = {"kinds": sorted(kinds), "cameras": sorted(cameras), "wait_s": LEASE_WAIT_S}
        answer = self._ask("POST", "/v1/worker/jobs/lease", json=body)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        if answer.status_code != httpx.codes.OK:
            raise AwayError(f"it answers {answer.status_code} {answer.text[:200]}", wait_s=60.0)
        try:
            leased = _Leased.model_validate_json(answer.content)
        except ValidationError as error:
            raise AwayError(f"its answer can't be read: {error.errors()[0]['msg']}", wait_s=60.0) from None
        outputs = tuple(Output(it.name, it.media_type, it.max_bytes) for it in leased.outputs)
        return Task(
            leased.id,
            leased.kind,
            leased.attempt,
            leased.lease_s,
            leased.camera,
            leased.incident,
            leased.spec,
            outputs,
        )

    def fetch(self, task: Task, file: Mapping[str, Any], folder: Path) -> Path:
        """Brings a file of evidence into a folder, under its own name.

        Raises:
            JobError: It is not there, is not what it was, or the job names no such file.
            AwayError: The event system is away.
        """
        try:
            wanted = File.model_validate(dict(file))
        except ValidationError as error:
            raise JobError(f"the job names a file that is none: {error.errors()[0]['msg']}", final=True) from None
        path, digest = folder / wanted.name, hashlib.sha256()
        try:
            with self._http.stream("GET", wanted.href, params={"purpose": f"job {task.kind} {task.id}"}) as answer:
                if answer.status_code != httpx.codes.OK:
                    gone = answer.status_code in GONE
                    raise JobError(f"{wanted.name} is not to be had: {answer.status_code}", final=gone)
                with path.open("wb") as copy:
                    for piece in answer.iter_bytes(PIECE_BYTES):
                        digest.update(piece)
                        copy.write(piece)
        except httpx.TransportError as error:
            raise AwayError(str(error) or type(error).__name__) from None
        if digest.hexdigest() != wanted.sha256:
            raise JobError(f"{wanted.name} is not what its digest says")
        return path

    def progress(self, task: Task, share: float, stage: str) -> None:
        """A sign of life.

        Raises:
            LostError: The job is somebody else's.
            AwayError: As above.
        """
        self._tell(task, "progress", {"progress": round(min(1.0, max(0.0, share)), 4), "stage": stage[:200]})

    def send(self, task: Task, name: str, path: Path) -> str:
        """Sends a file; gives its SHA-256 (hex).

        Raises:
            JobError: It is not taken, whatever we do.
            LostError, AwayError: As above.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with path.open("rb") as file:
            answer = self._ask(
                "PUT",
                f"/v1/worker/jobs/{task.id}/files/{name}",
                params={"attempt": task.attempt},
                content=file,
                headers={"Repr-Digest": header_of_sha256(sha256), "Content-Length": str(path.stat().st_size)},
            )
        self._check(task, answer)
        return sha256

    def result(self, task: Task, result: Mapping[str, Any], files: Mapping[str, str]) -> None:
        """Ends a job well; errors as `send`."""
        self._tell(task, "result", {"result": dict(result), "files": dict(files)})

    def failure(self, task: Task, reason: str, ending: str) -> None:
        """Ends an attempt that came to nothing: `retry`, `final` or `given_back`; errors as `send`."""
        self._tell(task, "failure", {"reason": reason[:1000], "ending": ending})

    def _tell(self, task: Task, what: str, body: Mapping[str, Any]) -> None:
        answer = self._ask("PUT", f"/v1/worker/jobs/{task.id}/{what}", json={"attempt": task.attempt, **body})
        self._check(task, answer)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise AwayError(str(error) or type(error).__name__) from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code in (401, 429):
            raise AwayError(f"it answers {answer.status_code}")
        return answer

    @staticmethod
    def _check(task: Task, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        if answer.status_code == httpx.codes.CONFLICT:
            raise LostError(f"job {task.id}: {answer.text[:300]}")
        raise JobError(f"the event system refuses it: {answer.status_code} {answer.text[:300]}", final=True)
