"""Where files of evidence lie: a folder and a bucket keep the same promises."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from api.errors import ApiError, StoreUnavailableError
from api.settings import load_settings
from api.storage.data_folder import open_store
from api.storage.evidence_bucket import PART_BYTES, EvidenceBucket
from api.storage.evidence_folder import EvidenceFolder
from api.storage.evidence_store import EvidenceStore
from api.storage.places import Bucket
from tests.api import storages
from tests.api.conftest import LARGE
from tests.api.events import System

LARGE_FILE = random.Random(1).randbytes(PART_BYTES * 2 + 3)
"""Two whole parts of a bucket's upload, and a bit."""


@pytest.fixture(scope="module")
def store(data_dir: Path) -> EvidenceStore:
    return open_store(data_dir, load_settings(data_dir))


@pytest.fixture
def place(data_dir: Path) -> System:
    """Only to look into the store from outside."""
    return System(data_dir, "")


def chunks(content: bytes, size: int = 65_536) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def keep(store: EvidenceStore, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    with store.stage(sha256) as staged:
        for chunk in chunks(content):
            staged.write(chunk)
        staged.sync()
        store.publish(staged)
    return sha256


@pytest.mark.parametrize(
    "content",
    [b"", b"x", LARGE_FILE[: PART_BYTES - 1], LARGE_FILE[:PART_BYTES], LARGE_FILE],
    ids=["empty", "a byte", "less than a part", "a part", "parts"],
)
def test_what_goes_in_comes_out(store: EvidenceStore, content: bytes) -> None:
    for _ in range(2):  # the second time it is there already
        sha256 = keep(store, content)
        assert store.size_bytes(sha256) == len(content)
        assert b"".join(store.pieces(sha256)) == content


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (5, 6), (0, len(LARGE_FILE)), (PART_BYTES - 1, PART_BYTES + 1), (len(LARGE_FILE) - 1, None), (7, 7)],
)
def test_parts_of_a_file(store: EvidenceStore, start: int, end: int | None) -> None:
    sha256 = keep(store, LARGE_FILE)
    assert b"".join(store.pieces(sha256, start, end)) == LARGE_FILE[start:end]


def test_pieces_are_small(store: EvidenceStore) -> None:
    """Whatever its length, a file is never in memory as a whole."""
    sizes = [len(piece) for piece in store.pieces(keep(store, LARGE_FILE))]
    assert max(sizes) <= 4 * 1024 * 1024
    assert sizes[0] <= 1024 * 1024


def test_what_is_not_there(store: EvidenceStore) -> None:
    assert store.size_bytes("0" * 64) is None
    for end in (None, 10):
        with pytest.raises(FileNotFoundError):
            next(store.pieces("0" * 64, 0, end))


@pytest.mark.parametrize("size", [1000, PART_BYTES, len(LARGE_FILE)])
@pytest.mark.parametrize("why", ["given up", "broken off"])
def test_what_was_not_synced_leaves_nothing(
    store: EvidenceStore, place: System, data_dir: Path, request: pytest.FixtureRequest, size: int, why: str
) -> None:
    content = random.Random(2).randbytes(size)
    before = place.stored()
    with suppress(ConnectionError), store.stage(hashlib.sha256(content).hexdigest()) as staged:
        for chunk in chunks(content):
            staged.write(chunk)
        if why == "broken off":
            raise ConnectionError
    assert place.stored() == before
    bucket = load_settings(data_dir).storage.evidence
    if isinstance(bucket, Bucket):
        assert request.getfixturevalue("s3").unfinished_uploads(bucket.name) == 0


def test_a_bucket_completes_nothing_under_a_wrong_digest(
    s3: storages.S3, tmp_path: Path, place: System, store: EvidenceStore, storage: str
) -> None:
    if storage != LARGE:
        pytest.skip("a folder names a file by what it has written")
    before = place.stored()
    with store.stage("1" * 64) as staged:
        for chunk in chunks(LARGE_FILE):
            staged.write(chunk)
        with pytest.raises(ValueError, match="can't be stored"):
            staged.sync()
    assert place.stored() == before


def test_what_is_removed_is_gone_and_never_published(store: EvidenceStore) -> None:
    """A retention rule removes the same content while a second copy of it is on its way in: no row may name it then."""
    sha256 = keep(store, b"twice")
    with store.stage(sha256) as staged:
        staged.write(b"twice")
        staged.sync()
        for _ in range(2):  # the second time there is nothing to remove
            store.remove(sha256)
        with suppress(StoreUnavailableError):
            store.publish(staged)
            assert store.size_bytes(sha256) == len(b"twice")
            return
    assert store.size_bytes(sha256) is None


def test_probe(store: EvidenceStore, place: System) -> None:
    before = place.stored()
    store.probe()
    assert place.stored() == before


def test_files_are_private_unless_a_front_server_sends_them(tmp_path: Path) -> None:
    for group_may_read, modes in ((False, (0o400, 0o700)), (True, (0o440, 0o750))):
        folder = EvidenceFolder(tmp_path / str(group_may_read), group_may_read=group_may_read)
        path = folder.path(keep(folder, b"private"))
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == modes


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("http://127.0.0.1:1", "error sending request"),
        (None, "NoSuchBucket|not found|404"),
        ("ftp://x", "ftp|URL|scheme"),
    ],
)
def test_a_bucket_that_cannot_be_used(
    s3: storages.S3, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, told: str
) -> None:
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ApiError, match=told) as caught:
        EvidenceBucket(Bucket("no-such-bucket", "x"))
    assert str(caught.value).startswith("evidence s3://no-such-bucket/x: can't be used: ")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("size", [1000, len(LARGE_FILE)])
def test_a_bucket_that_goes_away_is_said_so(s3: storages.S3, size: int) -> None:
    name = s3.new_bucket()
    store = EvidenceBucket(Bucket(name))
    stored = keep(store, b"before")
    httpx.request("DELETE", f"{s3.endpoint}/{name}/{stored[:2]}/{stored}", headers=storages.SIGNED).raise_for_status()
    httpx.request("DELETE", f"{s3.endpoint}/{name}", headers=storages.SIGNED).raise_for_status()
    with pytest.raises(StoreUnavailableError):
        keep(store, LARGE_FILE[:size])
    with pytest.raises(StoreUnavailableError):
        store.probe()
