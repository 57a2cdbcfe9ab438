"""What workers and people do with jobs, as functions."""

from typing import Any

import httpx

from tests.api.events import System, repr_digest
from tests.api.pictures import clip_bytes, jpeg

ALL_KINDS = ["viewing_copy", "redaction", "preview", "probe"]


def ask(person: httpx.Client, **body: Any) -> httpx.Response:
    return person.post("/v1/jobs", json=body)


def lease(worker: httpx.Client, **body: Any) -> httpx.Response:
    return worker.post("/v1/worker/jobs/lease", json={"kinds": ALL_KINDS, **body})


def send_file(worker: httpx.Client, job: dict[str, Any], name: str, content: bytes, **more: Any) -> httpx.Response:
    digest = more.pop("digest", repr_digest(content))
    attempt = more.pop("attempt", job["attempt"])
    return worker.put(
        f"/v1/worker/jobs/{job['id']}/files/{name}",
        params={"attempt": attempt},
        content=content,
        headers={"Repr-Digest": digest},
    )


def tell(worker: httpx.Client, job: dict[str, Any], what: str, **body: Any) -> httpx.Response:
    return worker.put(f"/v1/worker/jobs/{job['id']}/{what}", json={"attempt": job["attempt"], **body})


def finish(worker: httpx.Client, job: dict[str, Any]) -> httpx.Response:
    """Does a job as a worker would that knows nothing of video."""
    files: dict[str, str] = {}
    for output in job["outputs"]:
        content = clip_bytes() if output["media_type"] == "video/mp4" else jpeg("made by a job")
        sent = send_file(worker, job, output["name"], content)
        assert sent.status_code in (200, 201), sent.text
        files[output["name"]] = sent.json()["sha256"]
    return tell(worker, job, "result", result={"pictures": 3}, files=files)


def empty_queue(system: System) -> None:
    """Forgets the jobs of earlier tests, and the copies that they made."""
    tables = ("job_files", "job_failures", "jobs")
    copies = "SELECT name FROM derived_files"
    system.execute(
        *(f"DELETE FROM {table}" for table in tables),
        f"DELETE FROM evidence_files WHERE name IN ({copies})",
        "DELETE FROM derived_files",
    )
