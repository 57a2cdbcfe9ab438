"""Large files in several requests: they go on where they were, end as the same file, and leave nothing behind."""

import hashlib
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.intake import resumable
from api.intake.resumable import BLOCK_BYTES
from api.server import EmbeddedServer
from tests.api.conftest import write_settings
from tests.api.events import System, incident, put, put_file, repr_digest

TUS = {"Tus-Resumable": "1.0.0"}
PARTIAL = {**TUS, "Content-Type": "application/offset+octet-stream"}
SIZE = 2 * BLOCK_BYTES + 12_345


@pytest.fixture(scope="module", autouse=True)
def case(worker: httpx.Client) -> None:
    put(worker, incident("large"))


def clip(number: int) -> bytes:
    """Each test its own file."""
    return b"\x00\x00\x00\x20ftypisom" + random.Random(number).randbytes(SIZE)


def begin(worker: httpx.Client, name: str, content: bytes, **changes: str) -> httpx.Response:
    said = {**TUS, "Upload-Length": str(len(content)), "Repr-Digest": repr_digest(content), **changes}
    return worker.post(f"/v1/incidents/large/evidence/{name}/uploads", headers=said)


def append(worker: httpx.Client, place: str, content: bytes, at: int, **changes: str) -> httpx.Response:
    return worker.patch(place, content=content, headers={**PARTIAL, "Upload-Offset": str(at), **changes})


def offset(worker: httpx.Client, place: str) -> int:
    answer = worker.head(place, headers=TUS)
    assert (answer.status_code, answer.headers["upload-length"]) == (200, str(len(clip(0))))
    return int(answer.headers["upload-offset"])


def stored_file(worker: httpx.Client, reviewer: httpx.Client, name: str) -> bytes:
    answer = reviewer.get(f"/v1/incidents/large/evidence/{name}", params={"purpose": "test"}, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_in_three_requests(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    content = clip(1)
    begun = begin(worker, "clip-1.mp4", content)
    place = begun.headers["location"]
    assert (begun.status_code, begun.headers["upload-offset"], begun.headers["tus-resumable"]) == (201, "0", "1.0.0")
    before = system.stored()
    for start, end in ((0, 1000), (1000, BLOCK_BYTES + 5000)):
        assert append(worker, place, content[start:end], start).headers["upload-offset"] == str(end)
    assert offset(worker, place) == BLOCK_BYTES + 5000
    assert begin(worker, "clip-1.mp4", content).headers["location"] == place  # who has forgotten it finds it again
    missing = reviewer.get("/v1/incidents/large/evidence/clip-1.mp4", params={"purpose": "test"})
    assert missing.status_code == 404  # not before it is whole
    done = append(worker, place, content[BLOCK_BYTES + 5000 :], BLOCK_BYTES + 5000)
    assert (done.status_code, done.headers["upload-offset"]) == (204, str(len(content)))
    assert stored_file(worker, reviewer, "clip-1.mp4") == content
    assert len(system.stored() - before) == 1  # the file, and no block of it
    assert worker.head(place, headers=TUS).status_code == 404
    assert begin(worker, "clip-1.mp4", content).status_code == 200  # it is there
    log = system.signed_in("chief-1", "administrator").get("/v1/incidents/large/audit").json()["entries"]
    sha256 = hashlib.sha256(content).hexdigest()
    assert sha256 in [row["content_sha256"] for row in log if row["object"].endswith("/clip-1.mp4")]


def test_what_came_before_the_connection_broke_is_kept(
    system: System, worker: httpx.Client, reviewer: httpx.Client
) -> None:
    content = clip(2)
    place = begin(worker, "clip-2.mp4", content).headers["location"]
    address = urlsplit(system.url)
    sent = BLOCK_BYTES + 70_000
    with socket.create_connection((address.hostname, address.port)) as line:
        head = (
            f"PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\nUpload-Offset: 0\r\n"
            f"Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n"
            f"Authorization: {worker.headers['authorization']}\r\n\r\n"
        )
        line.sendall(head.encode() + content[:sent])
    deadline = time.monotonic() + 10
    while offset(worker, place) != sent:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert append(worker, place, content[sent:], sent).status_code == 204
    assert stored_file(worker, reviewer, "clip-2.mp4") == content


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    content = clip(3)
    with EmbeddedServer(tmp_path) as server:
        system = System(tmp_path, server.url)
        worker = system.with_token()
        put(worker, incident("large"))
        place = begin(worker, "clip.mp4", content).headers["location"]
        append(worker, place, content[:1_000_000], 0)
        token = worker.headers["authorization"]
        system.close()
    with (
        EmbeddedServer(tmp_path) as server,
        closing(httpx.Client(base_url=server.url, headers={"Authorization": token}, timeout=20)) as worker,
    ):
        assert offset(worker, place) == 1_000_000
        assert append(worker, place, content[1_000_000:], 1_000_000).status_code == 204


def test_offsets_that_are_elsewhere(worker: httpx.Client) -> None:
    content = clip(4)
    place = begin(worker, "clip-4.mp4", content).headers["location"]
    append(worker, place, content[:500], 0)
    for wrong in (0, 499, 501, len(content)):
        answer = append(worker, place, content[wrong:], wrong)
        assert (answer.status_code, answer.headers["upload-offset"]) == (409, "500")
    assert offset(worker, place) == 500
    # Two that go on at once: one does, the other learns where it is.
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda end: append(worker, place, content[500:end], 500), (900_000, 900_001)))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert offset(worker, place) in (900_000, 900_001)


def test_what_is_not_what_was_said(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    content = clip(5)
    before = system.stored()
    place = begin(worker, "clip-5.mp4", content).headers["location"]
    assert append(worker, place, content + b"x", 0).status_code == 413
    reached = offset(worker, place)
    assert append(worker, place, content[reached:-1] + b"x", reached).status_code == 400  # another digest
    assert worker.head(place, headers=TUS).status_code == 404  # it is over, and nothing is kept
    assert system.stored() == before
    answer = reviewer.get("/v1/incidents/large/evidence/clip-5.mp4", params={"purpose": "test"})
    assert answer.status_code == 404
    place = begin(worker, "clip-5.mp4", content).headers["location"]
    append(worker, place, content[:5000], 0)
    assert worker.delete(place, headers=TUS).status_code == 204
    assert worker.delete(place, headers=TUS).status_code == 404
    assert system.stored() == before


def test_what_is_refused_at_once(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    content = clip(6)
    for name, changes, status in (
        ("clip-6.mp4", {"Tus-Resumable": "0.2.2"}, 412),
        ("clip-6.mp4", {"Upload-Length": "0"}, 422),
        ("clip-6.mp4", {"Upload-Length": "many"}, 422),
        ("clip-6.mp4", {"Upload-Length": str(2**40)}, 413),
        ("clip-6.mp4", {"Repr-Digest": "md5=:AA==:"}, 400),
        ("clip.exe", {}, 415),
        ("..%2Fclip.mp4", {}, 404),
    ):
        assert begin(worker, name, content, **changes).status_code == status, (name, changes)
    path = "/v1/incidents/nowhere/evidence/clip.mp4/uploads"
    said = {**TUS, "Upload-Length": "5", "Repr-Digest": repr_digest(b"12345")}
    assert worker.post(path, headers=said).status_code == 404
    assert begin(reviewer, "clip-6.mp4", content).status_code == 403
    assert begin(system.with_token(cameras=["elsewhere"]), "clip-6.mp4", content).status_code == 403
    put_file(worker, "large", "snapshot-alarm.jpg", b"\xff\xd8\xff\xe0other")
    assert begin(worker, "snapshot-alarm.jpg", content).status_code == 409
    place = begin(worker, "clip-6.mp4", content).headers["location"]
    assert append(worker, place, b"x", 0, **{"Content-Type": "video/mp4"}).status_code == 415
    assert append(worker, place, b"x", 0, **{"Tus-Resumable": "2"}).status_code == 412
    stranger = system.with_token(name="stranger")
    for answer in (
        append(stranger, place, b"x", 0),
        stranger.head(place, headers=TUS),
        stranger.delete(place, headers=TUS),
    ):
        assert answer.status_code == 404
    assert offset(worker, place) == 0


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[System]:
    """Where two may be under way, and for a second."""
    write_settings(tmp_path, limits={"open_uploads": 2, "upload_hours": 1 / 3600})
    with EmbeddedServer(tmp_path) as server:
        system = System(tmp_path, server.url)
        yield system
        system.close()


def test_what_is_left_lying_is_forgotten_and_counted(strict: System) -> None:
    worker = strict.with_token()
    put(worker, incident("large"))
    places = [begin(worker, f"clip-{n}.mp4", clip(n)).headers["location"] for n in range(2)]
    append(worker, places[0], clip(0)[:5000], 0)
    assert begin(worker, "clip-2.mp4", clip(2)).status_code == 429
    assert begin(strict.with_token(name="other"), "clip-2.mp4", clip(2)).status_code == 201  # each has its own
    time.sleep(1.2)
    assert begin(worker, "clip-2.mp4", clip(2)).status_code == 201
    assert worker.head(places[0], headers=TUS).status_code == 404
    assert strict.stored() == set()
    assert "streetwarden_uploads_abandoned_total 3.0" in worker.get("/metrics").text


def test_the_daily_deletion_takes_what_is_left_lying_with_it(strict: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "AT_ONCE", 1)
    worker, chief = strict.with_token(), strict.signed_in("chief", "administrator")
    put(worker, incident("large"))
    place = begin(worker, "clip.mp4", clip(1)).headers["location"]
    append(worker, place, clip(1)[:5000], 0)
    begin(worker, "another.mp4", clip(2))
    time.sleep(1.2)
    for dry_run, status in ((True, 200), (False, 404)):
        assert chief.post("/v1/retention/runs", json={"dry_run": dry_run}).status_code == 201
        assert worker.head(place, headers=TUS).status_code == status
    assert strict.execute("SELECT count(*) FROM uploads") == [(0,)]
    assert strict.stored() == set()
