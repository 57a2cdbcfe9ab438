"""Files come from the first source that has them, over real HTTP."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import ModelError
from models.registry import fetch as fetching
from models.registry.artifacts import Artifact, PackageSource, UrlSource
from models.registry.fetch import cached_path, fetch, is_cached
from tests.models.web import CONTENT, Server


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


def test_of_unknown_length(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    wanted = Artifact(name="thing.bin", sha256=digest, sources=(UrlSource(url=f"{server.url}/file"),))
    seen: list[int | None] = []
    assert fetch(wanted, tmp_path, lambda _, whole: seen.append(whole)).read_bytes() == CONTENT
    assert set(seen) == {None}
    assert is_cached(wanted, tmp_path)
    monkeypatch.setattr(fetching, "SIZE_MAX_BYTES", 255_999)  # one less than it has
    with pytest.raises(ModelError, match="longer than the 255999 bytes"):
        fetch(wanted, tmp_path / "another")


def test_who_fetches_says_so_once(server: Server, tmp_path: Path) -> None:
    wanted = artifact(UrlSource(url=f"{server.url}/file"))
    before: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda _: fetch(wanted, tmp_path, on_start=lambda: before.append(len(server.requests))), range(8))
        )
    assert before == [0]  # once, and before anything was asked for


def test_no_network_is_not_blamed_on_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as closed:
        monkeypatch.setenv("PIP_INDEX_URL", closed.url)
    wanted = artifact(PackageSource(package="streetwarden-not-there==1.0", member="a/b.bin"))
    with pytest.raises(ModelError, match=r"pip: the index cannot be reached: .*Connection refused$"):
        fetch(wanted, tmp_path)
