"""Evidence in an S3 bucket: streamed up in parts that become an object only after the digest is right.

The parts of a file that turns out wrong, or whose sender goes away, are given up; a crash may leave some, which nobody can
read and which a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) clears away.
"""

import queue
import secrets
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from api.errors import ApiError, StoreUnavailableError
from api.storage.evidence_store import StagedFile
from api.storage.places import Bucket

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

PART_BYTES = 8 * 1024 * 1024
"""Of a large upload. S3 takes 10,000 parts of at least 5 MiB; what is smaller than one part goes up in one request."""

PARTS_AT_ONCE = 2
"""On the line at the same time: bounds the memory of one upload to about three parts."""

CHUNKS_WAITING = 16
"""Chunks of 64 KiB that may wait for the uploading thread: a slow bucket slows its sender down."""

FIRST_PIECE_BYTES = 512 * 1024
PIECE_BYTES = 4 * 1024 * 1024
"""Of a download; the first is small, so that a player begins soon. Each is a request that is tried again by itself, so
that a slow reader holds no connection open for an hour."""

SIGN_OF_LIFE_S = 1.0
"""How often a waiting writer looks whether the uploading thread is still there."""

_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=60),
    # The endpoint's own scheme decides; a bucket server in the same rack often speaks plain HTTP.
    "allow_http": True,
}
_RETRY: "RetryConfig" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}
"""Shorter than what a worker waits for an answer: it keeps its copy and comes again anyway."""


class _Abandoned(Exception):  # noqa: N818 - a signal to our own thread, not an error
    """The upload is not wanted any more."""


class _Upload(StagedFile):
    """One file on its way into the bucket. Its key is the digest it is said to have; without it nothing is completed."""

    def __init__(self, store: S3Store, key: str, sha256: str) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._expected = sha256
        self._small = bytearray()
        self._chunks: queue.Queue[bytes | _Abandoned | None] = queue.Queue(CHUNKS_WAITING)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def _append(self, chunk: bytes) -> None:
        if self._thread is None:
            self._small += chunk
            if len(self._small) < PART_BYTES:
                return
            chunk, self._small = bytes(self._small), bytearray()
            self._thread = threading.Thread(target=self._send_parts, name="evidence-upload", daemon=True)
            self._thread.start()
        self._hand_over(chunk)

    def sync(self) -> None:
        """Completes the object, if the digest is what was said."""
        if self.sha256 != self._expected:
            raise ValueError(f"an object with the digest {self.sha256} can't be stored as {self._expected}")
        if self._thread is None:
            with _told():
                obstore.put(self._store, self._key, bytes(self._small), use_multipart=False)
            return
        self._hand_over(None)
        self._thread.join()
        self._thread = None
        if self._failure is not None:
            raise self._failure

    def discard(self) -> None:
        """Gives up the parts that have gone up."""
        if self._thread is None:
            return
        self._put(_Abandoned())
        self._thread.join()
        self._thread = None

    def _hand_over(self, chunk: bytes | None) -> None:
        if not self._put(chunk):
            raise self._failure or StoreUnavailableError("the upload has ended")

    def _put(self, chunk: bytes | _Abandoned | None) -> bool:
        """Gives the uploading thread something, waiting for room; False when it has ended by itself."""
        while self._thread is not None and self._thread.is_alive():
            try:
                self._chunks.put(chunk, timeout=SIGN_OF_LIFE_S)
            except queue.Full:
                continue
            return True
        return False

    def _send_parts(self) -> None:
        try:
            with _told():
                # An error from the generator makes obstore abort the upload: nothing becomes visible.
                obstore.put(
                    self._store,
                    self._key,
                    self._handed_over(),
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
        except _Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._failure = error

    def _handed_over(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None:
            if isinstance(chunk, _Abandoned):
                raise chunk
            yield chunk


class EvidenceBucket:
    """A content-addressed part of a bucket; several processes may share it.

    Args:
        bucket: Where. Endpoint, region and credentials are the usual variables of the environment: `AWS_ENDPOINT_URL`,
            `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; without keys the machine's role.

    Raises:
        ApiError: The bucket can't be reached, does not exist, or refuses; or a variable is wrong.
    """

    def __init__(self, bucket: Bucket) -> None:
        try:
            self._store = S3Store(
                bucket.name, prefix=bucket.prefix or None, client_options=_CLIENT, retry_config=_RETRY
            )
            obstore.list_with_delimiter(self._store, "incoming")
        except (BaseError, OSError, ValueError) as error:
            raise ApiError(f"evidence {bucket}: can't be used: {_line(error)}") from None

    @contextmanager
    def stage(self, sha256: str) -> Generator[StagedFile]:
        """A new file on its way in; it is gone afterwards unless it has been synced."""
        staged = _Upload(self._store, _key(sha256), sha256)
        try:
            yield staged
        finally:
            staged.discard()

    def publish(self, staged: StagedFile) -> None:
        """Looks once more: the synced object lies in its place, unless a retention rule has removed the same content since."""
        if self.size_bytes(staged.sha256) != staged.size_bytes:
            raise StoreUnavailableError(f"{staged.sha256} has been removed from the bucket since it was stored")

    def remove(self, sha256: str) -> None:
        """Removes an object for good; harmless if there is none."""
        with suppress(FileNotFoundError), _told(passing=FileNotFoundError):
            obstore.delete(self._store, _key(sha256))

    def pieces(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, piece by piece, each a request of its own."""
        if end is None:
            end = self.size_bytes(sha256)
            if end is None:
                raise FileNotFoundError(_key(sha256))
        length = FIRST_PIECE_BYTES
        while start < end:
            upto = min(start + length, end)
            with _told(passing=FileNotFoundError):
                piece = bytes(obstore.get_range(self._store, _key(sha256), start=start, end=upto))
            yield piece
            start, length = upto, PIECE_BYTES

    def size_bytes(self, sha256: str) -> int | None:
        """The size of a stored object; None if there is none with this digest."""
        try:
            with _told(passing=FileNotFoundError):
                return obstore.head(self._store, _key(sha256))["size"]
        except FileNotFoundError:
            return None

    def path(self, sha256: str) -> Path:
        """There is none: the object lies in the bucket."""
        raise StoreUnavailableError(f"{sha256} lies in a bucket, not on this machine")

    def probe(self) -> None:
        """Writes and removes an object."""
        key = f"incoming/{secrets.token_hex(16)}"
        with _told():
            obstore.put(self._store, key, b"probe", use_multipart=False)
            obstore.delete(self._store, key)


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


@contextmanager
def _told(passing: type[Exception] | tuple[()] = ()) -> Generator[None]:
    """What the bucket says becomes the store's error, but for what passes as it is."""
    try:
        yield
    except passing:
        raise
    except (BaseError, OSError) as error:
        raise StoreUnavailableError(f"the evidence bucket: {_line(error)}") from None


def _line(error: Exception) -> str:
    """The first line of obstore's message, without the XML that the server sent along."""
    first = str(error).split("\n", maxsplit=1)[0]
    return first.partition(": <?xml")[0]
