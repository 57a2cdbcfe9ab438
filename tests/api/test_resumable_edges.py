"""Large files at the edges: several event systems, what broke between storing and following up, bodies without an end."""

import hashlib
import io
import zipfile
from contextlib import closing
from pathlib import Path

import httpx
import pytest

import api.routers.uploads as routes
from api.intake import resumable
from api.problems import Problem
from api.server import EmbeddedServer
from tests.api.events import System, incident, put
from tests.api.test_resumable import PARTIAL, TUS, append, begin, clip, offset, stored_file


@pytest.fixture(scope="module", autouse=True)
def case(worker: httpx.Client) -> None:
    put(worker, incident("large"))


def test_two_event_systems_take_parts_in_turn(
    data_dir: Path, tmp_path: Path, system: System, worker: httpx.Client, reviewer: httpx.Client
) -> None:
    """The second shares database and bucket (or, with SQLite, the folder) and nothing else."""
    content = clip(11)
    with (
        EmbeddedServer(data_dir) as server,
        closing(httpx.Client(base_url=server.url, headers=dict(worker.headers), timeout=20)) as other,
    ):
        place = begin(worker, "clip-11.mp4", content).headers["location"]
        at = 0
        for client, end in ((worker, 3_000_000), (other, 7_000_000), (worker, 7_500_001), (other, len(content))):
            assert append(client, place, content[at:end], at).status_code == 204
            at = end
    assert stored_file(worker, reviewer, "clip-11.mp4") == content


def test_what_broke_after_it_was_stored_is_mended_when_it_is_sent_again(
    system: System, worker: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = clip(12)
    place = begin(worker, "clip-12.mp4", content).headers["location"]

    def broken(*_: object) -> None:
        raise Problem(503, "The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(routes, "evidence_has_arrived", broken)
        assert append(worker, place, content, 0).status_code == 503
    assert begin(worker, "clip-12.mp4", content).status_code == 200
    log = system.signed_in("chief-2", "administrator").get("/v1/incidents/large/audit").json()["entries"]
    assert hashlib.sha256(content).hexdigest() in [row["content_sha256"] for row in log if row["action"] == "evidence"]


def test_a_body_of_unknown_length_ends_where_was_said(system: System, worker: httpx.Client) -> None:
    """Without a Content-Length: three times as much as was said, of which the bytes beyond are nowhere kept."""
    content = clip(13)
    before = system.stored()
    place = begin(worker, "clip-13.mp4", content).headers["location"]
    pieces = (bytes(65_536) for _ in range(3 * len(content) // 65_536))
    answer = worker.patch(place, content=pieces, headers={**PARTIAL, "Upload-Offset": "0"})
    assert answer.status_code == 413
    assert offset(worker, place) <= len(content)
    assert worker.delete(place, headers=TUS).status_code == 204
    assert system.stored() == before


def test_who_begins_and_who_gives_up_is_in_the_log(system: System, worker: httpx.Client) -> None:
    content = clip(16)
    place = begin(worker, "clip-16.mp4", content).headers["location"]
    assert begin(worker, "clip-16.mp4", content).headers["location"] == place  # the same one, no other deed
    assert worker.delete(place, headers=TUS).status_code == 204
    assert worker.delete(place, headers=TUS).status_code == 404
    log = system.signed_in("chief-16", "administrator").get("/v1/incidents/large/audit").json()["entries"]
    mine = [row for row in log if row["object"].endswith("/evidence/clip-16.mp4")]
    assert [(row["who"], row["action"]) for row in mine] == [
        ("worker-1", "upload.begin"),
        ("worker-1", "upload.cancel"),
    ]
    assert {row["content_sha256"] for row in mine} == {hashlib.sha256(content).hexdigest()}


def test_an_archive_in_disguise_is_not_kept(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    """50 MB of zeros in 49 kB by the name of a film: nobody unpacks it, and nothing of it stays."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    content = packed.getvalue()
    before = system.stored()
    place = begin(worker, "clip-14.mp4", content).headers["location"]
    refused = append(worker, place, content, 0)
    assert (refused.status_code, "application/zip" in refused.json()["detail"]) == (415, True)
    answer = reviewer.get("/v1/incidents/large/evidence/clip-14.mp4", params={"purpose": "test"})
    assert (answer.status_code, worker.head(place, headers=TUS).status_code) == (404, 404)
    assert system.stored() == before


def test_the_last_byte_came_and_nothing_was_made_of_it(
    system: System, worker: httpx.Client, reviewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = clip(15)
    place = begin(worker, "clip-15.mp4", content).headers["location"]

    def broken(*_: object) -> None:
        raise Problem(503, "The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(resumable, "finish", broken)
        assert append(worker, place, content, 0).status_code == 503
    assert begin(worker, "clip-15.mp4", content).headers["upload-offset"] == str(len(content))
    assert append(worker, place, b"", len(content)).status_code == 204
    assert stored_file(worker, reviewer, "clip-15.mp4") == content


def test_a_block_that_is_lost_costs_a_new_start_and_no_more(tmp_path: Path) -> None:
    content = clip(16)
    with EmbeddedServer(tmp_path) as server:
        system = System(tmp_path, server.url)
        worker = system.with_token()
        put(worker, incident("large"))
        place = begin(worker, "clip-16.mp4", content).headers["location"]
        append(worker, place, content[:5000], 0)
        (block,) = [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()]
        block.unlink()
        assert append(worker, place, content[5000:], 5000).status_code == 404
        begun = begin(worker, "clip-16.mp4", content)
        assert (begun.status_code, begun.headers["upload-offset"]) == (201, "0")
        assert append(worker, begun.headers["location"], content, 0).status_code == 204
        system.close()
