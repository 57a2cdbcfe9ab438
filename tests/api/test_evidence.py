"""Files of evidence: in with the right digest only, out in whole or in part, never as something else."""

import concurrent.futures
import hashlib
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.server import EmbeddedServer
from tests.api.conftest import LARGE
from tests.api.events import System, entry, incident, put, put_file, repr_digest

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 400
JPEG = b"\xff\xd8\xff\xe0" + b"j" * 1000


@pytest.fixture(scope="module", autouse=True)
def case(worker: httpx.Client) -> None:
    put(worker, incident("files", evidence=[entry("clip.mp4", MP4)]))


def test_new_same_and_other(system: System, worker: httpx.Client) -> None:
    codes = [put_file(worker, "files", "clip.mp4", content).status_code for content in (MP4, MP4, MP4 + b"!")]
    assert codes == [201, 200, 409]
    assert f"{hashlib.sha256(MP4).hexdigest()[:2]}/{hashlib.sha256(MP4).hexdigest()}" in system.stored()
    [item] = worker.get("/v1/incidents/files").json()["evidence"]
    assert (item["stored"], item["size_bytes"], item["media_type"]) == (True, len(MP4), "video/mp4")
    assert worker.get(item["href"]).content == MP4


@pytest.mark.parametrize(
    ("digest", "status"),
    [
        (repr_digest(JPEG + b"!"), 400),
        ("", 400),
        ("sha-256=abc", 400),
        ("sha-256=:AAAA:", 400),
        ("md5=:AAAA:", 400),
        (f"sha-512=:AAAA:, {repr_digest(JPEG)}", 201),
    ],
)
def test_digests(system: System, worker: httpx.Client, digest: str, status: int) -> None:
    before = system.stored()
    answer = worker.put(
        "/v1/incidents/files/evidence/still.jpg", content=JPEG, headers={"Repr-Digest": digest} if digest else {}
    )
    assert answer.status_code == status
    assert (system.stored() == before) == (status == 400)
    assert not any(name.startswith("incoming") for name in system.stored())


def test_unknown_incident(worker: httpx.Client) -> None:
    assert put_file(worker, "nowhere", "clip.mp4", MP4).status_code == 404


def test_declared_content_counts(system: System, worker: httpx.Client) -> None:
    put(worker, incident("declared", evidence=[entry("snapshot-alarm.jpg", JPEG)]))
    before = system.stored()
    answer = put_file(worker, "declared", "snapshot-alarm.jpg", JPEG + b"!")
    assert answer.status_code == 409
    assert answer.json()["declared_sha256"] == hashlib.sha256(JPEG).hexdigest()
    assert system.stored() == before


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("..", 422),
        ("%2e%2e%2f%2e%2e%2fstreetwarden.db", 404),
        ("..%5cx.jpg", 422),
        (".hidden.jpg", 422),
        ("UPPER.jpg", 201),
        ("a%00.jpg", 422),
        ("x" * 120 + ".jpg", 422),
        ("page.html", 415),
        ("noending", 415),
        ("review.json", 422),  # a pack has a file of this name itself
        ("Review.json", 422),  # nor one that is the same on some disks
    ],
)
def test_names(system: System, worker: httpx.Client, name: str, status: int) -> None:
    content = JPEG + name.encode()  # nobody else's: what is kept already is not kept again
    before = system.stored()
    assert put_file(worker, "files", name, content).status_code == status
    assert len(system.stored() - before) == (status == 201)


def test_size_limit(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "settings.yaml").write_text("limits: {evidence_file_bytes: 1000}\n")
    with EmbeddedServer(data_dir) as server:
        system = System(data_dir, server.url)
        worker = system.with_token()
        put(worker, incident("small"))
        assert put_file(worker, "small", "a.jpg", JPEG[:1000]).status_code == 201
        assert put_file(worker, "small", "b.jpg", JPEG[:1001]).status_code == 413
        assert len(system.stored()) == 1
        # The same without a length that is known beforehand, and much more than the sockets hold.
        chunks = (b"\xff\xd8\xff" + b"x" * 65_536 for _ in range(200))
        answer = worker.put(
            "/v1/incidents/small/evidence/c.jpg", content=chunks, headers={"Repr-Digest": repr_digest(b"")}
        )
        assert answer.status_code == 413
        worker.close()


def test_what_it_is_not_is_never_shown(worker: httpx.Client) -> None:
    page = b"<svg><script>alert(1)</script></svg>"
    assert put_file(worker, "files", "snapshot-odd.jpg", page).status_code == 201
    answer = worker.get("/v1/incidents/files/evidence/snapshot-odd.jpg")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("other.mp4", b"PK\x03\x04" + bytes(500), "application/zip"),
        ("other.mp4", b"\x1f\x8b\x08" + bytes(500), "application/gzip"),
        ("other.mkv", b"\x7fELF" + bytes(500), "application/x-elf"),
        ("other.json", b"%PDF-1.7", "application/pdf"),
        ("other.jpg", b"\n<!DOCTYPE html><script>", "text/html"),
        ("other.png", JPEG + b"png", None),  # kept, and never shown
        ("other.mp4", b"{}", None),  # as many things begin
        ("odd.mp4", b"", None),
        ("odd.json", b"not yet JSON", None),
    ],
)
def test_what_is_recognisably_something_else_is_not_kept(
    system: System, worker: httpx.Client, name: str, content: bytes, said: str | None
) -> None:
    before = system.stored()
    answer = put_file(worker, "files", name, content)
    assert answer.status_code == (201 if said is None else 415)
    if said is not None:
        assert said in answer.json()["detail"]
        assert worker.get(f"/v1/incidents/files/evidence/{name}").status_code == 404
        assert system.stored() == before


LAST = len(MP4) - 1


@pytest.mark.parametrize(
    ("header", "status", "first", "last"),
    [
        ("bytes=0-99", 206, 0, 99),
        ("bytes=100-", 206, 100, LAST),
        ("bytes=-10", 206, LAST - 9, LAST),
        ("bytes=0-999999999", 206, 0, LAST),
        (f"bytes={LAST}-{LAST}", 206, LAST, LAST),
        (f"bytes={LAST + 1}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=9-3", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, LAST),  # several ranges: the whole file is a right answer, too
        ("lines=1-2", 200, 0, LAST),
        ("bytes=-", 200, 0, LAST),
        (f"bytes={'9' * 5000}-", 200, 0, LAST),
    ],
)
def test_ranges(worker: httpx.Client, header: str, status: int, first: int, last: int) -> None:
    put_file(worker, "files", "clip.mp4", MP4)
    answer = worker.get("/v1/incidents/files/evidence/clip.mp4", headers={"Range": header})
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(MP4)}"
        assert answer.headers["content-type"] == "application/problem+json"
        return
    assert answer.content == MP4[first : last + 1]
    assert answer.headers["content-type"] == "video/mp4"
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(MP4)}"


def test_etag(worker: httpx.Client) -> None:
    put_file(worker, "files", "clip.mp4", MP4)
    address = "/v1/incidents/files/evidence/clip.mp4"
    etag = worker.get(address).headers["etag"]
    assert worker.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert worker.get(address, headers={"Range": "bytes=0-1", "If-Range": '"old"'}).status_code == 200


def test_of_racing_uploads_one_wins(worker: httpx.Client, system: System, storage: str) -> None:
    contents = [JPEG + bytes([number]) for number in range(6)]
    before = system.stored()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda content: put_file(worker, "files", "raced.jpg", content), contents))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    # A bucket may hold the file of one that came second, under a digest that no case names.
    assert len(system.stored() - before) == 1 or storage == LARGE
    assert len(worker.get("/v1/incidents/files/evidence/raced.jpg").content) == len(JPEG) + 1


def test_same_content_in_two_cases_is_one_file(worker: httpx.Client, system: System) -> None:
    put(worker, incident("twin"))
    put_file(worker, "files", "shared.jpg", JPEG + b"shared")
    before = system.stored()
    assert put_file(worker, "twin", "shared.jpg", JPEG + b"shared").status_code == 201
    assert system.stored() == before


@pytest.mark.sqlite_only
def test_broken_upload_leaves_nothing(worker: httpx.Client, system: System) -> None:
    before = system.stored()
    address = urlsplit(system.url)
    with socket.create_connection((address.hostname, address.port)) as line:
        head = (
            f"PUT /v1/incidents/files/evidence/broken.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
            f"Authorization: {worker.headers['authorization']}\r\nRepr-Digest: {repr_digest(JPEG)}\r\n\r\n"
        )
        line.sendall(head.encode() + JPEG)
        deadline = time.monotonic() + 5
        while system.stored() == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(system.stored() - before) == 1  # on its way in
    while system.stored() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert system.stored() == before
