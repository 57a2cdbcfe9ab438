"""The files of evidence: every file under the SHA-256 of its content, in a folder or in a bucket.

A file becomes visible in one step, after its digest has been checked and its bytes are safe; a wrong or broken one leaves
nothing that anybody could read.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from api.intake.media_types import HEAD_BYTES


class StagedFile(ABC):
    """A file on its way in.

    Attributes:
        head: Its first bytes.
        size_bytes: Bytes written so far.
    """

    def __init__(self) -> None:
        self.head = b""
        self.size_bytes = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Hex digest of what has been written so far."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Appends bytes.

        Raises:
            StoreUnavailableError: They can't be kept.
        """
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        self.size_bytes += len(chunk)
        self._hash.update(chunk)
        self._append(chunk)

    @abstractmethod
    def sync(self) -> None:
        """Makes the bytes safe; nothing can be written afterwards. Called once the digest is known to be right.

        Raises:
            StoreUnavailableError: It did not work.
        """

    @abstractmethod
    def discard(self) -> None:
        """Takes back what has not been published; harmless at any time."""

    @abstractmethod
    def _append(self, chunk: bytes) -> None: ...


class EvidenceStore(Protocol):
    """A content-addressed place."""

    def stage(self, sha256: str) -> AbstractContextManager[StagedFile]:
        """A new file on its way in, said to have this digest; it is gone afterwards unless it has been published.

        Raises:
            StoreUnavailableError: Nothing can be written.
        """
        ...

    def publish(self, staged: StagedFile) -> None:
        """Puts a synced file in its place. The same content twice is one file.

        Called within the transaction that writes its row, and `remove` within the one that takes the last row away: so
        no row is left without its file.

        Raises:
            StoreUnavailableError: It did not work, or somebody has removed the same content since.
        """
        ...

    def remove(self, sha256: str) -> None:
        """Removes a file for good; harmless if there is none. The caller knows that no row names it.

        Raises:
            StoreUnavailableError: It did not work.
        """
        ...

    def pieces(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end` (None: to the end), piece by piece.

        Raises:
            FileNotFoundError: There is no such file.
            StoreUnavailableError: It can't be read.
        """
        ...

    def size_bytes(self, sha256: str) -> int | None:
        """The size of a stored file; None if there is none with this digest.

        Raises:
            StoreUnavailableError: Nobody can tell.
        """
        ...

    def path(self, sha256: str) -> Path:
        """Where a file with this digest lies, or would lie, on this machine.

        Raises:
            StoreUnavailableError: It lies on another one.
        """
        ...

    def probe(self) -> None:
        """Writes and removes a file.

        Raises:
            StoreUnavailableError: It can't be written to.
        """
        ...
