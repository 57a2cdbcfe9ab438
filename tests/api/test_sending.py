"""Sending files: through a front server, and what becomes of it when the place they lie in is away."""

import hashlib
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.server import EmbeddedServer
from tests.api.conftest import write_settings
from tests.api.events import System, incident, put, put_file, repr_digest

CLIP = b"\x00\x00\x00\x20ftypisom" + os.urandom(20 * 1024 * 1024)
"""More than any piece or part; random, so that a wrong order shows."""


@pytest.fixture(scope="module", autouse=True)
def case(worker: httpx.Client) -> None:
    put(worker, incident("sent"))


def test_a_large_clip_whole_and_in_parts(worker: httpx.Client) -> None:
    assert put_file(worker, "sent", "clip.mp4", CLIP).status_code == 201
    address = "/v1/incidents/sent/evidence/clip.mp4"
    whole = worker.get(address)
    assert (whole.content, whole.headers["content-length"]) == (CLIP, str(len(CLIP)))
    assert whole.headers["accept-ranges"] == "bytes"
    seam = 512 * 1024  # where the first piece of a bucket ends
    part = worker.get(address, headers={"Range": f"bytes={seam - 1}-{seam + 5_000_000}"})
    assert part.content == CLIP[seam - 1 : seam + 5_000_001]
    etag = whole.headers["etag"]
    for fresh in (etag, f'"other", {etag}'):
        assert worker.get(address, headers={"If-None-Match": fresh}).status_code == 304
    assert worker.get(address, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206


def test_an_upload_that_breaks_off_leaves_nothing(system: System, worker: httpx.Client) -> None:
    """12 MB of 20 arrive: in a bucket some parts have gone up by then."""
    before = system.stored()
    address = urlsplit(system.url)
    with socket.create_connection((address.hostname, address.port)) as line:
        head = (
            f"PUT /v1/incidents/sent/evidence/broken.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(CLIP)}\r\n"
            f"Authorization: {worker.headers['authorization']}\r\nRepr-Digest: {repr_digest(CLIP)}\r\n\r\n"
        )
        line.sendall(head.encode() + CLIP[:12_000_000])
    put(worker, incident("after-the-break"))
    assert {name for name in system.stored() if not name.startswith("incoming")} == before
    assert worker.get("/v1/incidents/sent/evidence/broken.mp4").status_code == 404


def test_an_empty_file(worker: httpx.Client) -> None:
    assert put_file(worker, "sent", "empty.json", b"").status_code == 201
    address = "/v1/incidents/sent/evidence/empty.json"
    assert worker.get(address).content == b""
    for asked in ("bytes=0-", "bytes=-5"):
        assert worker.get(address, headers={"Range": asked}).status_code == 416


@pytest.mark.sqlite_only
def test_lost_and_unreadable_files(system: System, worker: httpx.Client) -> None:
    content = b"\xff\xd8\xff lost"
    put_file(worker, "sent", "lost.jpg", content)
    sha256 = hashlib.sha256(content).hexdigest()
    (system.data_dir / "evidence" / sha256[:2] / sha256).unlink()
    answer = worker.get("/v1/incidents/sent/evidence/lost.jpg")
    assert answer.status_code == 500
    assert "lost from the evidence store" in answer.json()["detail"]
    (system.data_dir / "evidence" / sha256[:2] / sha256).mkdir()  # neither a file nor writable
    assert worker.get("/v1/incidents/sent/evidence/lost.jpg").status_code == 503
    answer = put_file(worker, "sent", "again.jpg", content)
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The evidence store can't be used at the moment. Try again."
    assert worker.get("/v1/incidents/sent/evidence/again.jpg").status_code == 404


def test_the_front_server_sends_it(tmp_path: Path) -> None:
    """The answer names the file; its bytes, and ranges, are the front server's."""
    data_dir = tmp_path / "data"
    write_settings(data_dir, accel_redirect="/evidence-files")
    content = b"\x00\x00\x00\x20ftypisom" + b"x" * 1000
    sha256 = hashlib.sha256(content).hexdigest()
    with EmbeddedServer(data_dir) as server:
        system = System(data_dir, server.url)
        worker = system.with_token()
        put(worker, incident("front"))
        put_file(worker, "front", "clip.mp4", content)
        address = "/v1/incidents/front/evidence/clip.mp4"
        answer = worker.get(address, headers={"Range": "bytes=0-1"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-accel-redirect"] == f"/evidence-files/{sha256[:2]}/{sha256}"
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["content-disposition"] == 'inline; filename="front-clip.mp4"'
        assert (data_dir / "evidence" / sha256[:2] / sha256).stat().st_mode & 0o777 == 0o440
        # Whoever may not see it learns no place.
        stranger = system.with_token(cameras=["elsewhere"])
        refused = stranger.get(address)
        assert refused.status_code == 404
        assert "x-accel-redirect" not in refused.headers
        system.close()
