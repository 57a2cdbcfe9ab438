"""Backups while jobs are at work: what a worker has sent, and what is no evidence yet, is in the copy or not known to it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.clock import now
from api.server import EmbeddedServer
from api.settings import load_settings
from api.storage.backup import back_up, evidence_path
from api.storage.data_folder import open_store
from api.storage.restore import restore
from tests.api.conftest import LARGE
from tests.api.events import System
from tests.api.job_steps import ask, empty_queue, lease, send_file, tell
from tests.api.pictures import clip_bytes
from tests.api.whole_case import put_whole_case

REDACTED = clip_bytes() + b"\x00\x00\x00\x08free"
"""A clip unlike the one that it is made from."""


@pytest.fixture
def elsewhere(storage: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where a restore goes: variables that name a fresh database and bucket."""
    if storage != LARGE:
        return {}
    postgresql, s3 = request.getfixturevalue("postgresql"), request.getfixturevalue("s3")
    return {
        "STREETWARDEN_DATABASE": postgresql.new_database(),
        "STREETWARDEN_EVIDENCE": f"s3://{s3.new_bucket()}",
    }


@contextmanager
def restored(
    copy: Path, folder: Path, elsewhere: dict[str, str], worker: httpx.Client
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """The copy as an event system of its own: the worker, and somebody who looks."""
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in elsewhere.items():
            environment.setenv(variable, value)
        assert restore(copy, folder).missing == ()
        with EmbeddedServer(folder) as server:
            system = System(folder, server.url)
            with (
                httpx.Client(base_url=server.url, headers={"Authorization": worker.headers["Authorization"]}) as same,
                system.with_token(role="viewer") as reader,
            ):
                yield same, reader


@pytest.fixture
def sent(system: System, worker: httpx.Client, reviewer: httpx.Client) -> dict[str, Any]:
    """A job whose file has arrived, and whose result has not."""
    empty_queue(system)
    put_whole_case(worker, "jobbed", camera="gate-3")
    assert ask(reviewer, kind="redaction", incident="jobbed", name="clip-arrival.mp4").status_code == 201
    job: dict[str, Any] = lease(worker).json()
    (output,) = job["outputs"]
    answer = send_file(worker, job, output["name"], REDACTED)
    assert answer.status_code == 201, answer.text
    return job | {"name": output["name"], "sha256": answer.json()["sha256"]}


def end(worker: httpx.Client, job: dict[str, Any]) -> httpx.Response:
    return tell(worker, job, "result", result={}, files={job["name"]: job["sha256"]})


def test_what_a_job_has_sent_comes_along(
    system: System, worker: httpx.Client, elsewhere: dict[str, str], sent: dict[str, Any], tmp_path: Path
) -> None:
    manifest = back_up(system.data_dir, tmp_path / "copy", now())
    assert end(worker, sent).status_code == 200  # here it becomes evidence after the copy
    assert (manifest.missing, sent["sha256"] in {entry.sha256 for entry in manifest.evidence}) == ((), True)
    with restored(tmp_path / "copy", tmp_path / "back", elsewhere, worker) as (same, reader):
        assert end(same, sent).status_code == 200
        assert reader.get(f"/v1/incidents/jobbed/evidence/{sent['name']}").content == REDACTED


def test_what_is_not_there_any_more_becomes_no_evidence(
    system: System, worker: httpx.Client, elsewhere: dict[str, str], sent: dict[str, Any], tmp_path: Path
) -> None:
    """The job's file goes between the copy of the database and that of the files; so it does from a copied folder."""
    open_store(system.data_dir, load_settings(system.data_dir)).remove(sent["sha256"])
    manifest = back_up(system.data_dir, tmp_path / "copy", now())
    assert (manifest.missing, sent["sha256"] in {entry.sha256 for entry in manifest.evidence}) == ((), False)
    with restored(tmp_path / "copy", tmp_path / "back", elsewhere, worker) as (same, reader):
        assert end(same, sent).status_code == 409
        assert reader.get(f"/v1/incidents/jobbed/evidence/{sent['name']}").status_code == 404
        assert send_file(same, sent, sent["name"], REDACTED).status_code == 201
        assert end(same, sent).status_code == 200
    # Where it happened, the database knows the file still.
    refused = end(worker, sent)
    assert (refused.status_code, "the bytes are not there any more" in refused.json()["detail"]) == (409, True)
    assert send_file(worker, sent, sent["name"], REDACTED).is_success
    assert end(worker, sent).status_code == 200


@pytest.mark.sqlite_only
def test_digests_alone_name_it_as_well(system: System, sent: dict[str, Any], tmp_path: Path) -> None:
    manifest = back_up(system.data_dir, tmp_path / "copy", now(), with_evidence=False)
    assert sent["sha256"] in {entry.sha256 for entry in manifest.evidence}
    assert not evidence_path(tmp_path / "copy", sent["sha256"]).exists()
    shutil.copytree(system.data_dir / "evidence", tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / sent["sha256"][:2] / sent["sha256"]).unlink()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STREETWARDEN_EVIDENCE", str(tmp_path / "elsewhere"))
        assert restore(tmp_path / "copy", tmp_path / "back").missing == ()
